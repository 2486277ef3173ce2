use std::time::Duration;

use segue_runtime::{
    DATABASE_SETTINGS, ServerConfig, read_database,
    settings::{Reader, Setting},
};

use crate::domain::{DAY_MS, Rules};

const SETTINGS: &[Setting] = &[
    Setting::new("listen", "127.0.0.1:50053", "address and port to serve on"),
    Setting::new("hold-seconds", "180", "how long an agent's units are held for a handoff, 0 to 3600"),
    Setting::new(
        "overflow-seconds",
        "45",
        "how long a handoff waits for its own agent before others may take it, 0 to 3600",
    ),
    Setting::new(
        "contact-ttl-seconds",
        "86400",
        "how long a contact waits for an agent, if its submitter doesn't say, before it expires, 10 to 2592000",
    ),
    Setting::new("ringing-offers", "3", "how many offers may ring at an agent at a time, 1 to 100"),
    Setting::new("offer-timeout-seconds", "20", "how long an agent may take to accept an offer, 1 to 600"),
    Setting::new(
        "decline-back-off-seconds",
        "30",
        "how long a declined contact is not offered to the same agent again, 0 to 3600",
    ),
    Setting::new(
        "patience-seconds",
        "120",
        "how long a contact is passed by smaller ones for which agents have room, before an agent is kept for it, 0 to 86400",
    ),
    Setting::new(
        "away-after-missed-offers",
        "3",
        "after how many offers in a row without an answer an agent is set away, 0 to 100; 0: never",
    ),
    Setting::new(
        "handoff-auto-accept",
        "true",
        "`true`: a handoff is its own agent's without asking; `false`: it is offered, as to any other agent",
    ),
    Setting::new(
        "lease-seconds",
        "15",
        "how long a desk whose stream broke may take to come back before its agent is signed out, 1 to 600",
    ),
    Setting::new(
        "reconnect-grace-seconds",
        "180",
        "how long the contacts of an agent whose desk was lost are kept for it before they go to others, 0 to 3600",
    ),
    Setting::new(
        "service-level-seconds",
        "20",
        "within which time a contact counts as answered in time, 1 to 3600",
    ),
    Setting::new(
        "sweep-milliseconds",
        "500",
        "how often is looked for what time has brought, such as offers without an answer, 10 to 10000",
    ),
    Setting::new(
        "history-days",
        "30",
        "how long contacts and entries of the service list that are over are kept, 1 to 3650 days",
    ),
];

/// The configuration of priority-router.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where and how to serve.
    pub server: ServerConfig,
    /// The database.
    pub database: segue_store::Settings,
    /// Times that routing goes by.
    pub rules: Rules,
}

impl Config {
    /// The declared settings.
    pub const SETTINGS: &'static [&'static [Setting]] =
        &[SETTINGS, ServerConfig::SETTINGS, DATABASE_SETTINGS];

    /// Reads the settings.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        let server = ServerConfig::read(reader);
        let database = read_database(reader);
        let hold = reader.seconds("hold-seconds", 0..=3600);
        let overflow = reader.seconds("overflow-seconds", 0..=3600);
        let contact_ttl = reader.seconds("contact-ttl-seconds", 10..=2_592_000);
        let ringing_offers = reader.number("ringing-offers", 1..=100);
        let offer_timeout = reader.seconds("offer-timeout-seconds", 1..=600);
        let decline_back_off = reader.seconds("decline-back-off-seconds", 0..=3600);
        let patience = reader.seconds("patience-seconds", 0..=86_400);
        let away_after = reader.number("away-after-missed-offers", 0..=100);
        let handoff_auto_accept = reader.get("handoff-auto-accept");
        let lease = reader.seconds("lease-seconds", 1..=600);
        let grace = reader.seconds("reconnect-grace-seconds", 0..=3600);
        let service_level = reader.seconds("service-level-seconds", 1..=3600);
        let sweep = reader.number("sweep-milliseconds", 10..=10_000);
        let history_days = reader.number("history-days", 1..=3650);
        let rules = Rules {
            hold_ms: millis(hold?),
            overflow_ms: millis(overflow?),
            offer_timeout_ms: millis(offer_timeout?),
            decline_back_off_ms: millis(decline_back_off?),
            patience_ms: millis(patience?),
            away_after_missed_offers: i64::try_from(away_after?).ok()?,
            handoff_auto_accept: handoff_auto_accept?,
            lease_ms: millis(lease?),
            reconnect_grace_ms: millis(grace?),
            service_level_ms: millis(service_level?),
            sweep_ms: i64::try_from(sweep?).ok()?,
            history_ms: i64::try_from(history_days?).ok()?.checked_mul(DAY_MS)?,
            contact_ttl_ms: millis(contact_ttl?),
            most_ringing_offers: i64::try_from(ringing_offers?).ok()?,
        };
        Some(Self { server: server?, database: database?, rules })
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use segue_runtime::settings::SettingsError;

    use super::*;

    fn read(arguments: &[&str]) -> Result<Config, SettingsError> {
        let environment = BTreeMap::from([("SEGUE_DATABASE_URL".to_owned(), "sqlite::memory:".to_owned())]);
        let arguments =
            std::iter::once("priority-router").chain(arguments.iter().copied()).map(str::to_owned);
        let mut reader = Reader::new("priority-router", Config::SETTINGS, arguments, &environment);
        let config = Config::read(&mut reader);
        reader.finish(config)
    }

    #[test]
    fn the_defaults_are_the_documented_times() {
        let config = read(&[]).unwrap();
        assert_eq!(config.rules, Rules::default());
        assert_eq!(config.server.listen.port(), 50053);
    }

    #[test]
    fn all_times_out_of_range_are_named_at_once() {
        let SettingsError(errors) = read(&[
            "--hold-seconds=3601",
            "--overflow-seconds=x",
            "--offer-timeout-seconds=0",
            "--decline-back-off-seconds=-1",
            "--patience-seconds=86401",
            "--away-after-missed-offers=101",
            "--handoff-auto-accept=maybe",
            "--lease-seconds=0",
            "--reconnect-grace-seconds=3601",
            "--service-level-seconds=0",
            "--sweep-milliseconds=9",
            "--history-days=0",
            "--contact-ttl-seconds=9",
            "--ringing-offers=0",
        ])
        .unwrap_err();
        assert_eq!(errors.len(), 14, "{errors:?}");
    }

    #[test]
    fn a_request_is_never_remembered_longer_than_its_contact() {
        let shortest = read(&["--history-days=1"]).unwrap().rules.history_ms;
        assert!(shortest >= segue_store::requests::KEPT_MS, "{shortest}");
    }
}
