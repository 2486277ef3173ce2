use segue_core::KeyRing;
use segue_runtime::{
    DATABASE_SETTINGS, ServerConfig, read_database, read_keys,
    settings::{Reader, Setting},
};
use segue_store::Settings;

const DIRECTORY_KEY: &str = "directory-key";

/// The selector's configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to serve.
    pub server: ServerConfig,
    /// Where to store.
    pub database: Settings,
    /// Keys of the account directory; code-issuer holds the same.
    pub directory_keys: KeyRing,
}

impl Config {
    /// Its settings.
    pub const SETTINGS: &'static [&'static [Setting]] = &[
        &[
            Setting::new("listen", "127.0.0.1:50051", "address and port to serve gRPC on"),
            Setting::secret(DIRECTORY_KEY, "key of the account directory: 32 bytes in base64"),
            Setting::secret("directory-key-previous", "the key before, while keys are rotated; empty: none"),
        ],
        ServerConfig::SETTINGS,
        DATABASE_SETTINGS,
    ];

    /// Reads the settings.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        let server = ServerConfig::read(reader);
        let database = read_database(reader);
        let directory_keys = read_keys(reader, DIRECTORY_KEY);
        Some(Self { server: server?, database: database?, directory_keys: directory_keys? })
    }
}
