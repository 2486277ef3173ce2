//! `segue demo`: plays one handoff over real connections and shows what customer, agent and services see.
//!
//! The customer uses the web pages' own interface as a browser does, the desk speaks gRPC as an agent's server does.

mod customer;
mod desk;
mod patience;
mod play;
mod stage;

use std::{collections::BTreeMap, net::SocketAddr};

use anyhow::Context as _;
use clap::Args;
use segue_core::Random;
use segue_runtime::{Parts, Stop};

pub use customer::{CustomerPage, Entry, Redeemed};
pub use desk::Desk;
pub use play::{Handoff, play};
pub use stage::Stage;

use crate::{Addresses, DatabaseUrls, Keys, Ports, System, SystemConfig, ports::PortFlags, up};

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

pub(crate) async fn demo(flags: DemoFlags, environment: BTreeMap<String, String>) -> anyhow::Result<()> {
    let stage = Stage::aloud();
    if !flags.own
        && let Some(addresses) = running_system(flags.ports.into()).await
    {
        stage.say(&format!("Playing against the system that runs at {}.", addresses.issuer));
        return play(&addresses, &stage).await.map(drop);
    }
    stage.say("Starting a system of its own on free ports, with demo data in a temporary folder.");
    let folder = tempfile::tempdir().context("can't make a temporary folder")?;
    let config = SystemConfig {
        ports: Ports::default(),
        databases: DatabaseUrls::in_folder(folder.path()),
        keys: Keys::generate(&Random::secure()),
        environment,
    };
    let system = System::start(config, Parts::real(Stop::new())).await?;
    let played = async {
        up::load(&system.addresses).await?;
        play(&system.addresses, &stage).await
    }
    .await;
    let stopped = system.stop().await;
    played?;
    Ok(stopped?)
}

/// A system counts as running when something listens at all of its addresses.
async fn running_system(ports: Ports) -> Option<Addresses> {
    let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let addresses = Addresses {
        selector: at(ports.selector),
        issuer: at(ports.issuer),
        router: at(ports.router),
        channel: at(ports.channel),
        pages: at(ports.pages),
        credentials: None,
    };
    for address in
        [addresses.selector, addresses.issuer, addresses.router, addresses.channel, addresses.pages]
    {
        tokio::net::TcpStream::connect(address).await.ok()?;
    }
    Some(addresses)
}
