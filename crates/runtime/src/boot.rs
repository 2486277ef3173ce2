//! From `main` to a running service.

use std::{future::Future, net::SocketAddr, process::ExitCode, sync::Arc};

use segue_core::{Key, KeyRing, Random, SharedClock, SystemClock};
use segue_store::StoreError;

use crate::{
    Running, ServeError, Stop,
    settings::{Reader, Setting, SettingsError},
    telemetry::{self, Telemetry, TelemetryConfig},
};

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

/// Boots a service: reads the settings, starts telemetry, binds, and runs until SIGINT or SIGTERM. The exit
/// status is 0 only when it was stopped by one of these, or was asked for the migrations alone and they are applied.
pub fn main<C, B, F>(
    name: &'static str,
    declared: &[&[Setting]],
    read: impl FnOnce(&mut Reader) -> Option<C>,
    bind: B,
) -> ExitCode
where
    B: FnOnce(C, Parts) -> F,
    F: Future<Output = Result<Running, BootError>>,
{
    let declared: Vec<&[Setting]> =
        std::iter::once(telemetry::SETTINGS).chain(declared.iter().copied()).collect();
    let mut reader = Reader::of_process(name, &declared);
    let telemetry = TelemetryConfig::read(&mut reader);
    let config = read(&mut reader);
    let outcome = reader
        .finish(telemetry.zip(config))
        .map_err(BootError::from)
        .and_then(|(telemetry, config)| run(name, &telemetry, config, bind));
    match outcome {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Err(BootError::Store(StoreError::OnlyMigrated)) => tell(&format!("{name}: the schema is up to date")),
        Ok(Err(error)) => complain(&format!("{name} failed: {error}")),
        Err(error) => complain(&format!("{name} did not start:\n{error}")),
    }
}

#[expect(clippy::print_stdout, reason = "what a job that ran to its end was asked for")]
fn tell(what: &str) -> ExitCode {
    println!("{what}");
    ExitCode::SUCCESS
}

#[expect(clippy::print_stderr, reason = "there may be no log yet, or none any more")]
fn complain(what: &str) -> ExitCode {
    eprintln!("{what}");
    ExitCode::FAILURE
}

/// Outside, whether it started; inside, how it ended.
fn run<C, B, F>(
    name: &'static str,
    telemetry: &TelemetryConfig,
    config: C,
    bind: B,
) -> Result<Result<(), ServeError>, BootError>
where
    B: FnOnce(C, Parts) -> F,
    F: Future<Output = Result<Running, BootError>>,
{
    let runtime = tokio::runtime::Runtime::new().map_err(|error| BootError::Other(error.to_string()))?;
    let outcome = runtime.block_on(async {
        let telemetry = Telemetry::start(name, telemetry)?;
        let mut operations = telemetry.operations().await?;
        let stop = Stop::new();
        stop.on_signals().map_err(|error| BootError::Other(error.to_string()))?;
        let running = bind(config, Parts::real(stop)).await?;
        operations.serve(std::slice::from_ref(&running)).await?;
        let ended = running.stopped().await;
        operations.end().await;
        telemetry.finish().await;
        Ok(ended)
    });
    // Dropping it would wait for name look-ups and the like without bound.
    runtime.shutdown_background();
    outcome
}

/// Reads a key ring from the settings `NAME` and `NAME-previous`.
pub fn read_keys(reader: &mut Reader, name: &str) -> Option<KeyRing> {
    let parse = |text: &str| Key::from_base64(text).map_err(|error| error.to_string());
    let current = reader.parse_with(name, parse);
    let previous = reader.parse_with(&format!("{name}-previous"), |text| {
        if text.is_empty() { Ok(None) } else { parse(text).map(Some) }
    });
    Some(KeyRing::new(current?, previous?))
}
