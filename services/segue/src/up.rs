//! `segue up`: everything in one process, on SQLite or on a PostgreSQL server.

use std::{
    collections::BTreeMap,
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use segue_core::Random;
use segue_runtime::{BootError, Parts, Stop, telemetry::Telemetry};
use segue_store::Claim;

use crate::{
    Addresses, DatabaseUrls, Keys, ServerUrl, System, SystemConfig,
    demo_data::{self, DEMO_AGENT, Summary},
    folder::DataFolder,
    ports::PortFlags,
};

/// Written once the demo data is loaded. It names the addresses that the demo's platforms were given.
const LOADED: &str = "demo-data-loaded";

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

pub(crate) async fn up(
    flags: UpFlags,
    environment: BTreeMap<String, String>,
    telemetry: &Telemetry,
) -> anyhow::Result<()> {
    let stop = Stop::new();
    stop.on_signals()?;
    let folder = &flags.data_dir;
    // First of all, and until the end: a second process would take over what the first one is about.
    let _taken = DataFolder::open(folder)?;
    let taken = |error| taken_port(error, flags.ports);
    let mut operations = telemetry.operations().await.map_err(taken)?;
    let (databases, _claimed) = databases(&flags).await?;
    let config = SystemConfig {
        ports: flags.ports.into(),
        databases,
        keys: Keys::beside_data(folder, &Random::secure())?,
        environment,
    };
    let system = System::start(config, Parts::real(stop)).await.map_err(taken)?;
    // One port for all services: they are one process.
    operations.serve(system.services()).await?;
    if !flags.no_demo {
        load_once(&system.addresses, &marker(&flags)?).await?;
    }
    say(&format!("Segue is up. {}; Ctrl-C stops it.", where_it_is(&flags)));
    say(&what_to_try(&system.addresses, operations.address, !flags.no_demo));
    let ended = system.stopped().await;
    operations.end().await;
    ended?;
    say("Segue has stopped.");
    Ok(())
}

async fn databases(flags: &UpFlags) -> anyhow::Result<(DatabaseUrls, Option<Claim>)> {
    if let Some(server) = &flags.database_url {
        let (urls, claim) = server.databases().await?;
        return Ok((urls, Some(claim)));
    }
    DataFolder::make_databases(&flags.data_dir)?;
    Ok((DatabaseUrls::in_folder(&flags.data_dir), None))
}

/// What to do about a port that somebody else has.
fn taken_port(error: BootError, ports: PortFlags) -> anyhow::Error {
    let BootError::Bind(address, cause) = &error else { return error.into() };
    if cause.kind() != io::ErrorKind::AddrInUse {
        return error.into();
    }
    let another = match ports.flag_of(address.port()) {
        Some(flag) => format!("choose another with {flag} (0 takes a free one)"),
        None => "choose another for the setting operations-listen (SEGUE_OPERATIONS_LISTEN)".to_owned(),
    };
    anyhow::anyhow!("another program listens on {address}, perhaps another Segue: stop it, or {another}")
}

/// One for each place that the data can be in.
fn marker(flags: &UpFlags) -> anyhow::Result<PathBuf> {
    let name = match &flags.database_url {
        Some(server) => format!("{LOADED}-{}", server.fingerprint()?),
        None => LOADED.to_owned(),
    };
    Ok(flags.data_dir.join(name))
}

/// The platforms must be found where they are now; the rest is loaded once and then left to its users.
async fn load_once(addresses: &Addresses, marker: &Path) -> anyhow::Result<()> {
    let now = format!("{}\n{}\n", addresses.channel, addresses.pages);
    match fs::read_to_string(marker) {
        Ok(then) if then == now => return Ok(()),
        Ok(_) => demo_data::move_to(&addresses.demo_data_targets(0)?).await?,
        Err(_) => drop(load(addresses).await?),
    }
    fs::write(marker, now).with_context(|| format!("can't write {}", marker.display()))
}

/// Loads the demo data into a running system, with a progress bar on a terminal.
pub(crate) async fn load(addresses: &Addresses) -> anyhow::Result<Summary> {
    let targets = addresses.demo_data_targets(usize::MAX)?;
    let style = ProgressStyle::with_template("loading demo data: {msg:20} {bar:32} {pos}/{len}")?;
    let bar = ProgressBar::new(0).with_style(style);
    let show = |progress: demo_data::Progress| {
        bar.set_message(progress.step.to_string());
        bar.set_length(progress.total);
        bar.set_position(progress.done);
    };
    let loaded = demo_data::load(&targets, &show).await;
    bar.finish_and_clear();
    loaded
}

fn where_it_is(flags: &UpFlags) -> String {
    let folder = flags.data_dir.display();
    match flags.database_url {
        Some(_) => {
            format!("Its data is on the PostgreSQL server, and keys made for this data alone are in {folder}")
        }
        None => format!("Its data, and keys made for this folder alone, are in {folder}"),
    }
}

fn what_to_try(at: &Addresses, operations: Option<SocketAddr>, demo: bool) -> String {
    let mut text = format!(
        "
  platform-selector  {selector}
  code-issuer        {issuer}
  priority-router    {router}
  web-channel        {channel} (gRPC)
  pages              http://{pages}/
",
        selector = at.selector,
        issuer = at.issuer,
        router = at.router,
        channel = at.channel,
        pages = at.pages,
    );
    if let Some(address) = operations {
        text += &format!("  metrics, health    http://{address}/metrics, gRPC health on the same port\n");
    }
    if demo {
        text += &format!(
            "
Play both sides in a browser:
  http://{pages}/agent          sign in as agent {DEMO_AGENT}
  http://{pages}/chat/web_chat  be the customer, here first
  http://{pages}/chat/app       and then, with the code, here

Or watch one handoff from a second terminal:
  cargo run --release -- demo

Or ask the services:
  grpcurl -plaintext -d '{{\"pageSize\": 2}}' {selector} segue.selector.v1.PlatformSelectorService/ListPlatforms
  grpcurl -plaintext -d '{{\"id\": \"{DEMO_AGENT}\"}}' {router} segue.router.v1.PriorityRouterService/GetAgent
  grpcurl -plaintext {issuer} segue.issuer.v1.CodeIssuerService/ListHandoffs
",
            pages = at.pages,
            selector = at.selector,
            router = at.router,
            issuer = at.issuer,
        );
    }
    text
}

#[expect(clippy::print_stdout, reason = "what the command is for")]
fn say(text: &str) {
    println!("{text}");
}
