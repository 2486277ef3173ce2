//! The machines of a simulation: services, their databases, the network between them, and what all of them share.

mod catalog;
mod service;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use parking_lot::Mutex;
use segue_core::Random;
use tempfile::TempDir;
use tokio::time::Instant;

pub use catalog::{AGENTS, CUSTOMERS, PLATFORMS, account_of, adapter_address};
pub(crate) use service::resolver;
pub use service::{Kind, Service};

use crate::{
    clock::MachineClock,
    dice::Dice,
    disk::{Host, install},
    life::{Crashes, Life},
    net::{Endpoint, Net},
    story::Log,
};

/// Services on which nothing is wrong start within this time.
const STARTS_WITHIN: Duration = Duration::from_secs(60);

/// The databases of the services, as they are when a simulation begins.
pub type Contents = BTreeMap<&'static str, Vec<u8>>;

/// All that a simulation runs on.
pub struct World {
    /// The seed.
    pub seed: u64,
    /// The right time.
    pub clock: Arc<MachineClock>,
    /// What has happened.
    pub log: Log,
    /// Deaths that are planned.
    pub crashes: Arc<Crashes>,
    /// The network.
    pub net: Arc<Net>,
    /// The databases' machines.
    pub hosts: BTreeMap<&'static str, Arc<Host>>,
    /// The replicas.
    pub services: Vec<Arc<Service>>,
    /// Whether restarts come to an end.
    pub is_over: Mutex<bool>,
    _folder: TempDir,
}

impl World {
    /// Databases and a network, and no service yet.
    pub fn new(seed: u64, replicas: &[(Kind, u8)], contents: &Contents) -> Arc<Self> {
        install();
        Host::forget_all();
        let began = Instant::now();
        let (clock, log) = (MachineClock::new(began), Log::new(began));
        let crashes: Arc<Crashes> = Arc::default();
        let net = Net::new(Dice::of(seed, "net").random(), clock.clone(), log.clone(), crashes.clone());
        let folder = TempDir::new_in(folder()).unwrap();
        let empty = vec![];
        let host = |name: &'static str| {
            let content = contents.get(name).unwrap_or(&empty);
            let random = Dice::of(seed, name).random();
            let clock = MachineClock::new(began);
            (name, Host::start(name, folder.path(), content, clock, random, log.clone(), crashes.clone()))
        };
        let hosts = Kind::ALL.map(|kind| host(kind.database())).into();
        let services = replicas
            .iter()
            .flat_map(|(kind, count)| {
                (1..=*count).map(|number| Service::new(*kind, number, MachineClock::new(began)))
            })
            .collect();
        Arc::new(Self {
            seed,
            clock,
            log,
            crashes,
            net,
            hosts,
            services,
            is_over: Mutex::new(false),
            _folder: folder,
        })
    }

    /// The place of an actor on the network. Actors don't die.
    pub fn outside(self: &Arc<Self>, name: &str) -> Arc<Endpoint> {
        let life = Life::begin(name.to_owned());
        self.net.endpoint(&life, Dice::of(self.seed, &format!("{name}'s calls")).random())
    }

    /// Waits until all replicas answer.
    pub async fn all_up(&self) {
        let all = async {
            while !self.services.iter().all(|service| service.is_up()) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(STARTS_WITHIN, all).await.expect("all services start");
    }

    /// Lets nothing be started again, and lets go of everything.
    pub fn end(&self) {
        *self.is_over.lock() = true;
        for service in &self.services {
            service.kill();
        }
        self.net.close_all();
        Host::forget_all();
    }

    pub(crate) fn random_of(&self, owner: &str) -> Random {
        Dice::of(self.seed, owner).random()
    }
}

/// In memory, where there is such a folder.
fn folder() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() { memory } else { std::env::temp_dir() }
}
