use std::time::Duration;

use crate::{
    UnknownSessions,
    domain::{limits::Limits, message::Messages},
};
use segue_core::KeyRing;
use segue_runtime::{
    DATABASE_SETTINGS, ServerConfig,
    hosts::{ADAPTER_HOSTS, Reach},
    peer::PeerUri,
    read_database, read_keys,
    settings::{Reader, Setting},
};

/// The service's configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to serve.
    pub server: ServerConfig,
    /// Where to keep handoffs.
    pub database: segue_store::Settings,
    /// Makes the hashes of codes and seals access information.
    pub code_keys: KeyRing,
    /// The selector's key ring for account references.
    pub directory_keys: KeyRing,
    /// platform-selector.
    pub selector: PeerUri,
    /// priority-router.
    pub router: PeerUri,
    /// Where platforms' adapters may live.
    pub adapter_hosts: Reach,
    /// What guessing codes is limited to.
    pub limits: Limits,
    /// For how long after the redemption a handoff can be revoked; zero for never.
    pub revoke_grace: Duration,
    /// How long a handoff that is over is kept.
    pub history: Duration,
    /// What customers are told.
    pub messages: Messages,
    /// What is done about source sessions that the router has never seen.
    pub unknown_sessions: UnknownSessions,
}

const OWN_SETTINGS: &[Setting] = &[
    Setting::new("listen", "127.0.0.1:50052", "address to serve gRPC on"),
    Setting::new("selector-uri", "http://127.0.0.1:50051", "platform-selector"),
    Setting::new("router-uri", "http://127.0.0.1:50053", "priority-router"),
    ADAPTER_HOSTS,
    Setting::new(
        "guesses-per-account",
        "5",
        "wrong codes of an account in 15 minutes, and of an address under accounts that no platform vouches for in 10 minutes, 1 to 1000",
    ),
    Setting::new("guesses-per-account-day", "10", "wrong codes of an account in 24 hours, 1 to 10000"),
    Setting::new(
        "guesses-per-address",
        "20",
        "wrong codes from a network address (IPv6: a /64) in 10 minutes, 1 to 10000",
    ),
    Setting::new(
        "guesses-per-network",
        "100",
        "wrong codes at one platform from a network (an IPv4 /24, an IPv6 /56; an IPv6 /48 has four times as many) in 10 minutes, by customers for whom no platform vouches, 1 to 1000000",
    ),
    Setting::new(
        "guesses-without-address",
        "200",
        "wrong codes at one platform in 10 minutes by customers for whom no platform vouches and whose address it doesn't tell, all together, 1 to 1000000",
    ),
    Setting::new(
        "attacker-addresses",
        "10",
        "addresses that an attacker is assumed to guess from at once, 1 to 1000000; more makes codes longer",
    ),
    Setting::new(
        "guess-odds",
        "1000000",
        "while a code lives, guessing at its platform succeeds at most once in so many times, 1000 to 1000000000000",
    ),
    Setting::new("history-days", "30", "how long a handoff that is over is kept, 1 to 3650 days"),
    Setting::new(
        "revoke-grace-seconds",
        "120",
        "for how long a switch can be taken back after the code was entered, 0 to 3600; 0 turns it off",
    ),
    Setting::new(
        "unknown-sessions",
        "",
        "handoffs of sessions that priority-router has never seen: `allow` or `refuse`; empty: `refuse` where callers are told apart",
    ),
    Setting::new(
        "message-templates",
        "",
        "TOML file of texts for customers, in the form of `standard.toml` in code-issuer's sources; empty: those",
    ),
    Setting::secret("code-key", "hashes codes and seals access information; 32 bytes in base64"),
    Setting::secret("code-key-previous", "the key before, for a day after a rotation"),
    Setting::secret("directory-key", "makes account references; the same as platform-selector's"),
    Setting::secret("directory-key-previous", "the key before, until the directory is hashed anew"),
];

impl Config {
    /// Its settings.
    pub const SETTINGS: &'static [&'static [Setting]] =
        &[OWN_SETTINGS, ServerConfig::SETTINGS, DATABASE_SETTINGS];

    /// Reads the settings.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        let server = ServerConfig::read(reader);
        let database = read_database(reader);
        let code_keys = read_keys(reader, "code-key");
        let directory_keys = read_keys(reader, "directory-key");
        let selector = reader.get("selector-uri");
        let router = reader.get("router-uri");
        let adapter_hosts = reader.get(ADAPTER_HOSTS.name);
        let messages = reader.parse_with("message-templates", read_messages);
        let history_days = reader.number("history-days", 1..=3650);
        let revoke_grace = reader.seconds("revoke-grace-seconds", 0..=3600);
        let limits = read_limits(reader);
        let tells_callers_apart = server.as_ref().is_some_and(|server| server.identity.is_some());
        let unknown_sessions =
            reader.parse_with("unknown-sessions", |text| read_unknown_sessions(text, tells_callers_apart));
        Some(Self {
            limits: limits?,
            server: server?,
            database: database?,
            code_keys: code_keys?,
            directory_keys: directory_keys?,
            selector: selector?,
            router: router?,
            adapter_hosts: adapter_hosts?,
            history: Duration::from_secs(history_days? * 24 * 60 * 60),
            revoke_grace: revoke_grace?,
            messages: messages?,
            unknown_sessions: unknown_sessions?,
        })
    }
}

fn read_unknown_sessions(text: &str, tells_callers_apart: bool) -> Result<UnknownSessions, String> {
    match text {
        "allow" => Ok(UnknownSessions::Allow),
        "refuse" => Ok(UnknownSessions::Refuse),
        "" if tells_callers_apart => Ok(UnknownSessions::Refuse),
        "" => Ok(UnknownSessions::Allow),
        _ => Err("must be allow or refuse".to_owned()),
    }
}

/// The texts from a file, or Segue's own without one.
fn read_messages(path: &str) -> Result<Messages, String> {
    let text = match path {
        "" => String::new(),
        path => std::fs::read_to_string(path).map_err(|error| error.to_string())?,
    };
    Messages::read(&text).map_err(|errors| errors.join("; "))
}

fn read_limits(reader: &mut Reader) -> Option<Limits> {
    let mut small = |name: &str, most: u64| u32::try_from(reader.number(name, 1..=most)?).ok();
    let per_account = small("guesses-per-account", 1_000);
    let per_account_day = small("guesses-per-account-day", 10_000);
    let per_address = small("guesses-per-address", 10_000);
    let per_network = small("guesses-per-network", 1_000_000);
    let without_address = small("guesses-without-address", 1_000_000);
    let attacker_addresses = small("attacker-addresses", 1_000_000);
    let odds = reader.number("guess-odds", 1_000..=1_000_000_000_000);
    Some(Limits {
        per_account: per_account?,
        per_account_day: per_account_day?,
        per_address: per_address?,
        per_network: per_network?,
        without_address: without_address?,
        attacker_addresses: attacker_addresses?,
        odds: odds?,
    })
}
