use std::{str::FromStr, time::Duration};

use segue_core::{KeyRing, Region, UnknownRegion};
use segue_runtime::{
    DATABASE_SETTINGS, ServerConfig,
    hosts::{ADAPTER_HOSTS, Reach},
    read_database, read_keys,
    settings::{Reader, Setting},
};
use segue_store::Settings;

const LOOKUP_DEADLINE_MS: &str = "lookup-deadline-ms";
const LOOKUP_CACHE_SECONDS: &str = "lookup-cache-seconds";
const ADAPTER_CHECK_SECONDS: &str = "adapter-check-seconds";
const SELECTION_HISTORY_DAYS: &str = "selection-history-days";
const SELECTION_HISTORY_MOST: &str = "selection-history-most";
const ADAPTER_CHANGES: &str = "adapter-changes";
const DIRECTORY_KEY: &str = "directory-key";
const DEFAULT_REGION: &str = "default-region";

/// The selector's configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to serve.
    pub server: ServerConfig,
    /// Where to store.
    pub database: Settings,
    /// Keys of the account directory; code-issuer holds the same.
    pub directory_keys: KeyRing,
    /// Whose national phone numbers are meant by those without a country; none: such are refused.
    pub region: Option<Region>,
    /// How platforms' adapters are asked.
    pub adapters: AdapterSettings,
    /// Which past selections are kept.
    pub history: History,
}

/// Which past selections are kept, for dry runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct History {
    /// None older than this.
    pub age: Duration,
    /// No more than so many.
    pub most: i64,
}

/// As the settings' defaults say.
impl Default for AdapterSettings {
    fn default() -> Self {
        Self {
            lookup_deadline: Duration::from_millis(300),
            lookup_cache: Duration::from_secs(10),
            check_interval: Duration::from_secs(5),
            hosts: Reach::default(),
            changes: AdapterChanges::default(),
        }
    }
}

/// As the settings' defaults say.
impl Default for History {
    fn default() -> Self {
        Self { age: Duration::from_secs(7 * 24 * 60 * 60), most: 100_000 }
    }
}

impl History {
    /// The oldest time that is kept.
    pub(crate) fn since(&self, now_ms: i64) -> i64 {
        now_ms.saturating_sub(i64::try_from(self.age.as_millis()).unwrap_or(i64::MAX))
    }
}

/// How platforms' adapters are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdapterSettings {
    /// What all directories that platforms keep may take for one selection.
    pub lookup_deadline: Duration,
    /// How long their answers are kept; zero: not at all.
    pub lookup_cache: Duration,
    /// Between two questions whether they are well; zero: they are not asked.
    pub check_interval: Duration,
    /// Where they may live.
    pub hosts: Reach,
    /// How many people it takes to change where one lives.
    pub changes: AdapterChanges,
}

/// How many people it takes to change the address of an adapter, which decides where codes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AdapterChanges {
    /// One.
    #[default]
    OnePerson,
    /// One proposes it, another approves of it.
    TwoPeople,
}

impl FromStr for AdapterChanges {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "one-person" => Ok(Self::OnePerson),
            "two-people" => Ok(Self::TwoPeople),
            _ => Err("must be one-person or two-people".to_owned()),
        }
    }
}

impl Config {
    /// Its settings.
    pub const SETTINGS: &'static [&'static [Setting]] = &[
        &[
            Setting::new("listen", "127.0.0.1:50051", "address and port to serve gRPC on"),
            Setting::secret(DIRECTORY_KEY, "key of the account directory: 32 bytes in base64"),
            Setting::secret("directory-key-previous", "the key before, while keys are rotated; empty: none"),
            Setting::new(
                DEFAULT_REGION,
                "",
                "country of phone numbers without one, as `CN` (ISO 3166-1); empty: such are refused",
            ),
            Setting::new(
                LOOKUP_DEADLINE_MS,
                "300",
                "what a selection waits at most for directories that platforms keep themselves, 10 to 5000 ms",
            ),
            Setting::new(
                LOOKUP_CACHE_SECONDS,
                "10",
                "how long the answers of such directories are kept, 0 to 300; 0 turns it off",
            ),
            Setting::new(
                ADAPTER_CHECK_SECONDS,
                "5",
                "how often adapters are asked whether they are well, 0 to 300; 0 turns it off",
            ),
            ADAPTER_HOSTS,
            Setting::new(
                ADAPTER_CHANGES,
                "one-person",
                "who changes the address of an adapter: `one-person`, or `two-people`: one proposes, another one approves",
            ),
            Setting::new(
                SELECTION_HISTORY_DAYS,
                "7",
                "how long past selections are kept for dry runs, without personal data, 0 to 365 days",
            ),
            Setting::new(SELECTION_HISTORY_MOST, "100000", "most past selections kept, 0 to 10000000"),
        ],
        ServerConfig::SETTINGS,
        DATABASE_SETTINGS,
    ];

    /// Reads the settings.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        let server = ServerConfig::read(reader);
        let database = read_database(reader);
        let directory_keys = read_keys(reader, DIRECTORY_KEY);
        let region = reader.parse_with(DEFAULT_REGION, read_region);
        let adapters = read_adapters(reader).and_then(|adapters| {
            let knows_callers = server.as_ref().is_some_and(|server| server.identity.is_some());
            let possible = adapters.changes == AdapterChanges::OnePerson || knows_callers;
            let made = if possible {
                Ok(adapters)
            } else {
                Err("two-people: callers are not told apart".to_owned())
            };
            reader.check(ADAPTER_CHANGES, made)
        });
        let days = reader.number(SELECTION_HISTORY_DAYS, 0..=365);
        let most = reader.number(SELECTION_HISTORY_MOST, 0..=10_000_000);
        Some(Self {
            server: server?,
            database: database?,
            directory_keys: directory_keys?,
            region: region?,
            adapters: adapters?,
            history: History {
                age: Duration::from_secs(days? * 24 * 60 * 60),
                most: i64::try_from(most?).unwrap_or(i64::MAX),
            },
        })
    }
}

fn read_region(text: &str) -> Result<Option<Region>, String> {
    if text.is_empty() {
        Ok(None)
    } else {
        text.parse().map(Some).map_err(|error: UnknownRegion| error.to_string())
    }
}

fn read_adapters(reader: &mut Reader) -> Option<AdapterSettings> {
    let lookup_deadline = reader.number(LOOKUP_DEADLINE_MS, 10..=5000).map(Duration::from_millis);
    let lookup_cache = reader.seconds(LOOKUP_CACHE_SECONDS, 0..=300);
    let check_interval = reader.seconds(ADAPTER_CHECK_SECONDS, 0..=300);
    let hosts = reader.get(ADAPTER_HOSTS.name);
    let changes = reader.get(ADAPTER_CHANGES);
    Some(AdapterSettings {
        lookup_deadline: lookup_deadline?,
        lookup_cache: lookup_cache?,
        check_interval: check_interval?,
        hosts: hosts?,
        changes: changes?,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    fn read(environment: &[(&str, &str)]) -> Result<Config, String> {
        let environment: BTreeMap<String, String> =
            environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let arguments = ["platform-selector".to_owned()];
        let mut reader = Reader::new("platform-selector", Config::SETTINGS, arguments, &environment);
        let config = Config::read(&mut reader);
        reader.finish(config).map_err(|errors| errors.to_string())
    }

    #[test]
    fn a_database_and_a_key_are_enough() {
        let url = ("SEGUE_DATABASE_URL", "sqlite::memory:");
        let config = read(&[url, ("SEGUE_DIRECTORY_KEY", KEY)]).unwrap();
        assert_eq!(config.server.listen.to_string(), "127.0.0.1:50051");
        assert_eq!(config.adapters, AdapterSettings::default());
        assert_eq!(config.history, History::default());
        let both = read(&[url, ("SEGUE_DIRECTORY_KEY", KEY), ("SEGUE_DIRECTORY_KEY_PREVIOUS", KEY)]);
        assert!(both.is_ok());
    }

    #[test]
    fn what_is_missing_or_wrong_is_told_without_the_key() {
        let errors = read(&[("SEGUE_DIRECTORY_KEY_PREVIOUS", "hush")]).unwrap_err();
        assert!(
            errors.contains("directory-key") && errors.contains("SEGUE_DIRECTORY_KEY_PREVIOUS"),
            "{errors}"
        );
        assert!(errors.contains("database-url") && !errors.contains("hush"), "{errors}");
    }
}
