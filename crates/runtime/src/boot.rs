//! From `main` to a running service.

use std::{future::Future, process::ExitCode};

use segue_core::{Key, KeyRing};
use segue_store::StoreError;

use crate::{
    BootError, Parts, Running, ServeError, Stop,
    settings::{Reader, Setting},
    telemetry::{self, Telemetry, TelemetryConfig},
};

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

/// The outer result says whether the service started, the inner one how it ended.
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
    // Dropping the runtime would wait for blocking tasks such as name look-ups without limit.
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
