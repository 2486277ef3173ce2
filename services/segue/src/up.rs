//! `segue up`: everything on SQLite in one process.

use std::{collections::BTreeMap, fs, net::SocketAddr, path::Path};

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use segue_core::Random;
use segue_runtime::{Operations, Parts, Stop};

use crate::{
    Addresses, DatabaseUrls, Keys, System, SystemConfig,
    cli::UpFlags,
    demo_data::{self, DEMO_AGENT, Summary},
};

/// Written once the demo data is loaded. It names the addresses that the demo's platforms were given.
const LOADED: &str = "demo-data-loaded";

pub(crate) async fn up(
    flags: UpFlags,
    environment: BTreeMap<String, String>,
    mut operations: Operations,
) -> anyhow::Result<()> {
    let stop = Stop::new();
    stop.on_signals()?;
    let folder = &flags.data_dir;
    fs::create_dir_all(folder).with_context(|| format!("can't make the folder {}", folder.display()))?;
    let config = SystemConfig {
        ports: flags.ports.into(),
        databases: DatabaseUrls::in_folder(folder),
        keys: Keys::beside_data(folder, &Random::secure())?,
        environment,
    };
    let system = System::start(config, Parts::real(stop)).await?;
    // One port for all services: they are one process.
    operations.serve(system.services()).await;
    if !flags.no_demo {
        load_once(&system.addresses, folder).await?;
    }
    say(&what_to_try(&system.addresses, operations.address, folder, !flags.no_demo));
    let ended = system.stopped().await;
    operations.end().await;
    ended?;
    say("Segue has stopped.");
    Ok(())
}

/// The platforms must be found where they are now; the rest is loaded once and then left to its users.
async fn load_once(addresses: &Addresses, folder: &Path) -> anyhow::Result<()> {
    let marker = folder.join(LOADED);
    let now = format!("{}\n{}\n", addresses.channel, addresses.pages);
    match fs::read_to_string(&marker) {
        Ok(then) if then == now => return Ok(()),
        Ok(_) => demo_data::move_to(&addresses.demo_data_targets(0)?).await?,
        Err(_) => drop(load(addresses).await?),
    }
    fs::write(&marker, now).with_context(|| format!("can't write {}", marker.display()))
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

fn what_to_try(at: &Addresses, operations: Option<SocketAddr>, folder: &Path, demo: bool) -> String {
    let mut text = format!(
        "Segue is up. Its data, and keys made for this folder alone, are in {folder}; Ctrl-C stops it.

  platform-selector  {selector}
  code-issuer        {issuer}
  priority-router    {router}
  web-channel        {channel} (gRPC)
  pages              http://{pages}/
",
        folder = folder.display(),
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
