//! The command line.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use segue_runtime::{
    settings::{self, Reader},
    telemetry::{self, Telemetry, TelemetryConfig},
};

use crate::{
    accounts::{self, AccountsCommand},
    audit::{self, AuditCommand},
    config::{self, ConfigCommand},
    demo::{self, DemoFlags},
    up::{self, UpFlags},
};

#[derive(Debug, Parser)]
#[command(name = "segue", about = "Moves a customer to another platform without losing the agent", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    up: UpFlags,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the whole system (the default)
    Up(UpFlags),
    /// Play one handoff and show what everybody sees; the exit status tells whether every step held
    Demo(DemoFlags),
    /// Features, platforms and work profiles as a file
    #[command(subcommand)]
    Config(ConfigCommand),
    /// The directory of accounts
    #[command(subcommand)]
    Accounts(AccountsCommand),
    /// The audit logs: who did what
    #[command(subcommand)]
    Audit(AuditCommand),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "the command line's own voice")]
fn complain(error: &anyhow::Error) {
    eprintln!("segue: {error:#}");
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let mut environment = settings::environment()?;
    // People read what is printed; the services' own lines would bury it.
    environment.entry("SEGUE_LOG".to_owned()).or_insert_with(|| "warn".to_owned());
    let mut reader = Reader::new("segue", &[telemetry::SETTINGS], ["segue".to_owned()], &environment);
    let telemetry = TelemetryConfig::read(&mut reader);
    let telemetry = reader.finish(telemetry)?;
    tokio::runtime::Runtime::new()?.block_on(async {
        let telemetry = Telemetry::start("segue", &telemetry)?;
        let done = match cli.command.unwrap_or(Command::Up(cli.up)) {
            Command::Up(flags) => up::up(flags, environment, &telemetry).await,
            Command::Demo(flags) => demo::demo(flags, environment).await,
            Command::Config(command) => config::run(command).await,
            Command::Accounts(command) => accounts::run(command).await,
            Command::Audit(command) => audit::run(command).await,
        };
        telemetry.finish().await;
        done
    })
}
