//! The command line.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use segue_runtime::{
    settings::{self, Reader},
    telemetry::{self, Telemetry, TelemetryConfig},
};

use crate::{
    Ports, ServerUrl,
    accounts::{self, AccountsCommand},
    audit::{self, AuditCommand},
    config::{self, ConfigCommand},
    demo, up,
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

/// Where the system is and what it starts with.
#[derive(Debug, Clone, Args)]
pub struct UpFlags {
    /// Folder of the databases and keys, one process at a time
    #[arg(long, env = "SEGUE_DATA_DIR", default_value = "segue-data")]
    pub data_dir: PathBuf,
    /// PostgreSQL instead of files: `postgres://USER:PASSWORD@HOST/NAME`. Each service has a database of its own on that
    /// server, NAME_code_issuer and so on, made where it is missing
    #[arg(long, env = "SEGUE_DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub database_url: Option<ServerUrl>,
    /// Start without the demo data
    #[arg(long)]
    pub no_demo: bool,
    /// Where the services listen.
    #[command(flatten)]
    pub ports: PortFlags,
}

/// Ports on loopback.
#[derive(Debug, Clone, Copy, Args)]
pub struct PortFlags {
    /// Port of platform-selector
    #[arg(long, default_value_t = 50051)]
    selector_port: u16,
    /// Port of code-issuer
    #[arg(long, default_value_t = 50052)]
    issuer_port: u16,
    /// Port of priority-router
    #[arg(long, default_value_t = 50053)]
    router_port: u16,
    /// Port of web-channel's ChannelService
    #[arg(long, default_value_t = 50054)]
    channel_port: u16,
    /// Port of the pages
    #[arg(long, default_value_t = 8080)]
    pages_port: u16,
}

/// Which system to play against.
#[derive(Debug, Clone, Copy, Args)]
pub struct DemoFlags {
    /// Start a system for the demonstration even when one runs on these ports
    #[arg(long)]
    pub own: bool,
    /// Where a running system is looked for.
    #[command(flatten)]
    pub ports: PortFlags,
}

impl PortFlags {
    /// The flag by which a port was chosen.
    pub(crate) fn flag_of(self, port: u16) -> Option<&'static str> {
        let flags = [
            (self.selector_port, "--selector-port"),
            (self.issuer_port, "--issuer-port"),
            (self.router_port, "--router-port"),
            (self.channel_port, "--channel-port"),
            (self.pages_port, "--pages-port"),
        ];
        flags.into_iter().find(|(chosen, _)| *chosen == port).map(|(_, flag)| flag)
    }
}

impl From<PortFlags> for Ports {
    fn from(flags: PortFlags) -> Self {
        Self {
            selector: flags.selector_port,
            issuer: flags.issuer_port,
            router: flags.router_port,
            channel: flags.channel_port,
            pages: flags.pages_port,
        }
    }
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
