//! All services in one process. Each is configured by its own settings, as if it ran by itself, and all find each other.

use std::{collections::BTreeMap, net::SocketAddr};

use segue_runtime::{
    BootError, Credentials, Parts, Running, ServeError, Stop,
    peer::{Peer, PeerUri},
    settings::{Reader, Setting},
};

use crate::{databases::DatabaseUrls, demo_data::Targets, keys::Keys, ports::Ports};

/// What a system is made of. It holds secrets, and so has no `Debug`.
pub struct SystemConfig {
    /// Where it listens.
    pub ports: Ports,
    /// Where it keeps its data.
    pub databases: DatabaseUrls,
    /// Its keys.
    pub keys: Keys,
    /// Settings from outside, by environment variable; they apply to every service that has them.
    pub environment: BTreeMap<String, String>,
}

/// Where a system's services are.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// platform-selector.
    pub selector: SocketAddr,
    /// code-issuer.
    pub issuer: SocketAddr,
    /// priority-router.
    pub router: SocketAddr,
    /// web-channel's `ChannelService`.
    pub channel: SocketAddr,
    /// web-channel's pages.
    pub pages: SocketAddr,
    /// By what a caller is known there, and that they are called over TLS; none for plain text.
    pub credentials: Option<Credentials>,
}

impl Addresses {
    /// A channel for calls to one of them.
    pub fn connect(&self, address: SocketAddr) -> anyhow::Result<Peer> {
        let credentials = self.credentials.clone().unwrap_or(Credentials::none());
        Ok(self.peer(address)?.connect(&credentials))
    }

    /// A channel for long streams to one of them.
    pub fn connect_for_streams(&self, address: SocketAddr) -> anyhow::Result<Peer> {
        let credentials = self.credentials.clone().unwrap_or(Credentials::none());
        Ok(self.peer(address)?.connect_for_streams(&credentials))
    }

    /// The URI of one of them.
    pub fn uri(&self, address: SocketAddr) -> String {
        let scheme = if self.credentials.is_some() { "https" } else { "http" };
        format!("{scheme}://{address}")
    }

    fn peer(&self, address: SocketAddr) -> anyhow::Result<PeerUri> {
        self.uri(address).parse().map_err(anyhow::Error::msg)
    }

    /// Where the demo data goes, with so many of its customers.
    pub fn demo_data_targets(&self, customers: usize) -> anyhow::Result<Targets> {
        Ok(Targets {
            selector: self.connect_for_streams(self.selector)?,
            router: self.connect(self.router)?,
            adapter_uri: self.uri(self.channel),
            pages_uri: format!("http://{}", self.pages),
            customers,
        })
    }
}

/// A running system.
#[derive(Debug)]
pub struct System {
    /// Where its services are.
    pub addresses: Addresses,
    running: Vec<Running>,
    stop: Stop,
}

impl System {
    /// Starts all services: first those that call nobody.
    pub async fn start(config: SystemConfig, parts: Parts) -> Result<Self, BootError> {
        let SystemConfig { ports, databases, keys, environment } = config;
        let with = |own: &[(&str, String)]| {
            let mut settings = environment.clone();
            settings.extend(own.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
            settings
        };
        let selector = platform_selector::Config::read;
        let selector = configure(
            platform_selector::Config::SETTINGS,
            selector,
            &with(&[
                ("SEGUE_LISTEN", loopback(ports.selector)),
                ("SEGUE_DATABASE_URL", databases.selector),
                ("SEGUE_DIRECTORY_KEY", keys.directory.clone()),
            ]),
        )?;
        let selector = platform_selector::bind(selector, parts.clone()).await?;
        let router = configure(
            priority_router::Config::SETTINGS,
            priority_router::Config::read,
            &with(&[("SEGUE_LISTEN", loopback(ports.router)), ("SEGUE_DATABASE_URL", databases.router)]),
        )?;
        let router = priority_router::bind(router, parts.clone()).await?;
        let issuer = configure(
            code_issuer::Config::SETTINGS,
            code_issuer::Config::read,
            &with(&[
                ("SEGUE_LISTEN", loopback(ports.issuer)),
                ("SEGUE_DATABASE_URL", databases.issuer),
                ("SEGUE_DIRECTORY_KEY", keys.directory),
                ("SEGUE_CODE_KEY", keys.code),
                ("SEGUE_SELECTOR_URI", selector.uri()),
                ("SEGUE_ROUTER_URI", router.uri()),
            ]),
        )?;
        let issuer = code_issuer::bind(issuer, parts.clone()).await?;
        let channel = configure(
            web_channel::Config::SETTINGS,
            web_channel::Config::read,
            &with(&[
                ("SEGUE_LISTEN", loopback(ports.channel)),
                ("SEGUE_HTTP_LISTEN", loopback(ports.pages)),
                ("SEGUE_DATABASE_URL", databases.channel),
                ("SEGUE_CHANNEL_KEY", keys.channel),
                ("SEGUE_ROUTER_URI", router.uri()),
                ("SEGUE_ISSUER_URI", issuer.uri()),
            ]),
        )?;
        let channel = web_channel::bind(channel, parts.clone()).await?;
        let addresses = Addresses {
            selector: selector.address,
            issuer: issuer.address,
            router: router.address,
            channel: channel.running.address,
            pages: channel.http,
            credentials: None,
        };
        Ok(Self { addresses, running: vec![channel.running, issuer, router, selector], stop: parts.stop })
    }

    /// Its services, for the operations port.
    pub fn services(&self) -> &[Running] {
        &self.running
    }

    /// Waits until all services have stopped, and tells the first failure; when one fails, all stop.
    pub async fn stopped(self) -> Result<(), ServeError> {
        let mut outcome = Ok(());
        for running in self.running {
            outcome = outcome.and(running.stopped().await);
        }
        outcome
    }

    /// Stops all services and waits for that.
    pub async fn stop(self) -> Result<(), ServeError> {
        self.stop.now();
        self.stopped().await
    }
}

fn loopback(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

fn configure<C>(
    declared: &[&[Setting]],
    read: impl FnOnce(&mut Reader) -> Option<C>,
    environment: &BTreeMap<String, String>,
) -> Result<C, BootError> {
    let mut reader = Reader::new("segue", declared, ["segue".to_owned()], environment);
    let config = read(&mut reader);
    Ok(reader.finish(config)?)
}
