use std::net::SocketAddr;

use segue_core::KeyRing;
use segue_runtime::{
    DATABASE_SETTINGS, ServerConfig,
    peer::PeerUri,
    read_database, read_keys,
    settings::{Reader, Setting},
};

use crate::{
    domain::{Platform, parse_platforms},
    exposure::{EXPOSURE_SETTINGS, Exposure},
    page_limits::PAGE_LIMIT_SETTINGS,
};

pub(crate) const DEFAULT_PLATFORMS: &str = "web_chat::Web chat; app:upload+quick_input:Customer app";

/// The reference platform's configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where and how to serve `ChannelService`.
    pub server: ServerConfig,
    /// Where to serve the pages.
    pub http_listen: SocketAddr,
    /// Whom the pages answer, and how many of them.
    pub exposure: Exposure,
    /// Its own database.
    pub database: segue_store::Settings,
    /// What names, accounts, messages, files and access cards are sealed with.
    pub keys: KeyRing,
    /// priority-router.
    pub router: PeerUri,
    /// code-issuer.
    pub issuer: PeerUri,
    /// The platforms whose pages it serves.
    pub platforms: Vec<Platform>,
    /// For how many days a conversation that is over is kept.
    pub history_days: u32,
}

impl Config {
    /// All settings.
    pub const SETTINGS: &'static [&'static [Setting]] =
        &[OWN_SETTINGS, EXPOSURE_SETTINGS, PAGE_LIMIT_SETTINGS, ServerConfig::SETTINGS, DATABASE_SETTINGS];

    /// Reads the settings.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        let server = ServerConfig::read(reader);
        let http_listen = reader.get("http-listen");
        let exposure = Exposure::read(reader);
        let database = read_database(reader);
        let keys = read_keys(reader, "channel-key");
        let router = reader.get("router-uri");
        let issuer = reader.get("issuer-uri");
        let platforms = reader.parse_with("platforms", parse_platforms);
        let history_days = reader.number("history-days", 1..=3650);
        Some(Self {
            server: server?,
            http_listen: http_listen?,
            exposure: exposure?,
            database: database?,
            keys: keys?,
            router: router?,
            issuer: issuer?,
            platforms: platforms?,
            history_days: u32::try_from(history_days?).ok()?,
        })
    }
}

const OWN_SETTINGS: &[Setting] = &[
    Setting::new("listen", "127.0.0.1:50054", "address of the gRPC service"),
    Setting::new("http-listen", "127.0.0.1:8080", "address of the pages"),
    Setting::new("router-uri", "http://127.0.0.1:50053", "priority-router"),
    Setting::new("issuer-uri", "http://127.0.0.1:50052", "code-issuer"),
    Setting::new(
        "platforms",
        DEFAULT_PLATFORMS,
        "the platforms served: ID:ABILITIES:NAME, separated by semicolons; abilities: upload, quick_input, joined by +",
    ),
    Setting::new("history-days", "30", "how long a conversation that is over is kept, 1 to 3650 days"),
    Setting::secret("channel-key", "32 bytes in base64 that seal what people say here"),
    Setting::secret("channel-key-previous", "the key before, during a rotation"),
];
