//! What a service is started with besides its configuration, and the errors of its start.

use std::{net::SocketAddr, sync::Arc};

use segue_core::{Random, SharedClock, SystemClock};
use segue_store::StoreError;

use crate::{Stop, settings::SettingsError};

/// What a service is given besides its configuration.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Time.
    pub clock: SharedClock,
    /// Randomness.
    pub random: Random,
    /// Told when the service has to end.
    pub stop: Stop,
}

impl Parts {
    /// The machine's clock and generator.
    pub fn real(stop: Stop) -> Self {
        Self { clock: Arc::new(SystemClock), random: Random::secure(), stop }
    }
}

/// Why a service didn't start.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// The settings are wrong.
    #[error("{0}")]
    Settings(#[from] SettingsError),
    /// The database can't be opened.
    #[error("database: {0}")]
    Store(#[from] StoreError),
    /// The address can't be bound.
    #[error("can't listen on {0}: {1}")]
    Bind(SocketAddr, std::io::Error),
    /// Plain text beyond loopback.
    #[error(
        "{0} is not a loopback address: without TLS, say plaintext-beyond-loopback if a mesh sidecar encrypts"
    )]
    Plaintext(SocketAddr),
    /// Reflection can't be set up: a fault of the build.
    #[error("reflection: {0}")]
    Reflection(String),
    /// Logs or traces can't be set up.
    #[error("telemetry: {0}")]
    Telemetry(String),
    /// Anything else, at start-up only.
    #[error("{0}")]
    Other(String),
}
