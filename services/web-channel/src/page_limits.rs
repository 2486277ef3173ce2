//! How much visitors of the pages may take, by session, by network and in all (ADR 0028).

use segue_runtime::settings::{Reader, Setting};

pub(crate) const PAGE_LIMIT_SETTINGS: &[Setting] = &[
    Setting::new("max-page-connections", "4000", "most connections to the pages, 16 to 1000000"),
    Setting::new(
        "max-page-connections-per-network",
        "200",
        "most of them from an IPv4 address or IPv6 /64 that is no trusted proxy, 1 to 1000000; a /24 has 4 times as many, a /56 2 times, a /48 4 times, at most half of all, and so with every `-per-network` here",
    ),
    Setting::new("max-page-requests", "1000", "most requests to the pages under way, 16 to 1000000"),
    Setting::new(
        "max-page-requests-per-network",
        "100",
        "most of them from a visitor's IPv4 address or IPv6 /64, behind a trusted proxy too, 1 to 1000000",
    ),
    Setting::new("max-page-streams", "2000", "most pages that get live events, 16 to 1000000"),
    Setting::new(
        "max-page-streams-per-network",
        "200",
        "most of them from an IPv4 address or IPv6 /64, 1 to 1000000",
    ),
    Setting::new(
        "max-page-streams-per-session",
        "8",
        "most of them in one conversation or of one agent, 1 to 1000",
    ),
    Setting::new(
        "page-contacts-per-network",
        "60",
        "conversations begun and agents asked for from an IPv4 address or IPv6 /64 in 10 minutes, 1 to 100000",
    ),
    Setting::new(
        "upload-mib-per-network",
        "200",
        "what is sent in files from an IPv4 address or IPv6 /64 in 10 minutes, 1 to 100000 MiB",
    ),
    Setting::new("upload-mib-per-session", "50", "what one conversation may have in files, 1 to 100000 MiB"),
    Setting::new(
        "max-upload-memory-mib",
        "256",
        "memory for files that are being received, 64 to 65536 MiB; a file takes three times its size, an address gets half while it is alone",
    ),
    Setting::new(
        "max-stored-upload-mib",
        "10240",
        "most files in the database, 1 to 10000000 MiB; looked at once a minute",
    ),
];

pub(crate) const MIB: usize = 1024 * 1024;

/// How much visitors may take.
#[derive(Debug, Clone, Copy)]
pub struct PageLimits {
    /// Connections in all.
    pub connections: usize,
    /// Connections of an address.
    pub connections_per_network: usize,
    /// Requests under way in all.
    pub requests: usize,
    /// Requests under way of an address.
    pub requests_per_network: usize,
    /// Live pages in all.
    pub streams: usize,
    /// Live pages of an address.
    pub streams_per_network: usize,
    /// Live pages of a conversation or an agent.
    pub streams_per_session: usize,
    /// Conversations begun and agents asked for from an address in 10 minutes.
    pub contacts_per_network: usize,
    /// Bytes of files from an address in 10 minutes.
    pub upload_bytes_per_network: usize,
    /// Bytes of files in a conversation.
    pub upload_bytes_per_session: usize,
    /// Memory for files that are being received.
    pub upload_memory_bytes: usize,
    /// Bytes of files in the database.
    pub stored_upload_bytes: usize,
}

/// As the settings' defaults say.
impl Default for PageLimits {
    fn default() -> Self {
        Self {
            connections: 4000,
            connections_per_network: 200,
            requests: 1000,
            requests_per_network: 100,
            streams: 2000,
            streams_per_network: 200,
            streams_per_session: 8,
            contacts_per_network: 60,
            upload_bytes_per_network: 200 * MIB,
            upload_bytes_per_session: 50 * MIB,
            upload_memory_bytes: 96 * MIB,
            stored_upload_bytes: 10_240 * MIB,
        }
    }
}

impl PageLimits {
    pub(crate) fn read(reader: &mut Reader) -> Option<Self> {
        let mut number = |name, from, to| usize::try_from(reader.number(name, from..=to)?).ok();
        let connections = number("max-page-connections", 16, 1_000_000);
        let connections_per_network = number("max-page-connections-per-network", 1, 1_000_000);
        let requests = number("max-page-requests", 16, 1_000_000);
        let requests_per_network = number("max-page-requests-per-network", 1, 1_000_000);
        let streams = number("max-page-streams", 16, 1_000_000);
        let streams_per_network = number("max-page-streams-per-network", 1, 1_000_000);
        let streams_per_session = number("max-page-streams-per-session", 1, 1_000);
        let contacts_per_network = number("page-contacts-per-network", 1, 100_000);
        let per_network = number("upload-mib-per-network", 1, 100_000);
        let per_session = number("upload-mib-per-session", 1, 100_000);
        let memory = number("max-upload-memory-mib", 64, 65_536);
        let stored = number("max-stored-upload-mib", 1, 10_000_000);
        Some(Self {
            connections: connections?,
            connections_per_network: connections_per_network?,
            requests: requests?,
            requests_per_network: requests_per_network?,
            streams: streams?,
            streams_per_network: streams_per_network?,
            streams_per_session: streams_per_session?,
            contacts_per_network: contacts_per_network?,
            upload_bytes_per_network: per_network?.saturating_mul(MIB),
            upload_bytes_per_session: per_session?.saturating_mul(MIB),
            upload_memory_bytes: memory?.saturating_mul(MIB),
            stored_upload_bytes: stored?.saturating_mul(MIB),
        })
    }
}
