use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use futures::future::BoxFuture;
use parking_lot::Mutex;
use segue_runtime::{
    BootError, Credentials, Parts, Running, Stop,
    peer::Resolver,
    settings::{Reader, Setting},
};
use segue_store::MigrationStep;

use super::World;
use crate::{clock::MachineClock, life::Life};

/// Keys, in base64: no secret here.
const KEY: &str = "c2ltdWxhdGVkLXNpbXVsYXRlZC1zaW11bGF0ZWQtMzI=";
/// Restarted services wait so long, should they not come up.
const RESTART: Duration = Duration::from_secs(1);
const NEVER: Duration = Duration::from_secs(10 * 24 * 60 * 60);

/// The services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// platform-selector.
    Selector,
    /// priority-router.
    Router,
    /// code-issuer.
    Issuer,
}

impl Kind {
    /// All.
    pub const ALL: [Self; 3] = [Self::Selector, Self::Router, Self::Issuer];

    /// Its name, and its database's host.
    pub const fn database(self) -> &'static str {
        match self {
            Self::Selector => "selector-db",
            Self::Router => "router-db",
            Self::Issuer => "issuer-db",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Selector => "selector",
            Self::Router => "router",
            Self::Issuer => "issuer",
        }
    }

    fn address(self, number: u8) -> SocketAddr {
        let (net, port) = match self {
            Self::Selector => (1, 50051),
            Self::Issuer => (2, 50052),
            Self::Router => (3, 50053),
        };
        SocketAddr::from((Ipv4Addr::new(127, 0, net, number), port))
    }
}

/// A replica.
#[derive(Debug)]
pub struct Service {
    /// Which service.
    pub kind: Kind,
    /// For example `router-1`.
    pub name: String,
    /// Where it answers.
    pub address: SocketAddr,
    /// The clock of its machine.
    pub clock: Arc<MachineClock>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    starts: u32,
    life: Option<Arc<Life>>,
    stop: Option<Stop>,
    is_up: bool,
    /// How long it stays down after the next end.
    down: Duration,
}

impl Service {
    pub(super) fn new(kind: Kind, number: u8, clock: Arc<MachineClock>) -> Arc<Self> {
        let name = format!("{}-{number}", kind.name());
        Arc::new(Self { kind, name, address: kind.address(number), clock, state: Mutex::default() })
    }

    /// Whether it answers.
    pub fn is_up(&self) -> bool {
        self.state.lock().is_up
    }

    /// Ends it as a power cut does.
    pub fn kill(&self) {
        if let Some(life) = &self.state.lock().life {
            life.kill();
        }
    }

    /// Ends it in order.
    pub fn stop(&self) {
        if let Some(stop) = &self.state.lock().stop {
            stop.now();
        }
    }

    /// How long it stays down after its next end.
    pub fn stay_down(&self, down: Duration) {
        self.state.lock().down = down;
    }

    /// Runs it, again and again, until the world is over.
    pub async fn run(self: Arc<Self>, world: Arc<World>, step: MigrationStep) {
        while !*world.is_over.lock() {
            self.live(&world, step).await;
            let down = std::mem::replace(&mut self.state.lock().down, RESTART);
            tokio::time::sleep(down.max(Duration::from_millis(10))).await;
        }
    }

    async fn live(&self, world: &Arc<World>, step: MigrationStep) {
        let stop = Stop::new();
        let (life, parts) = {
            let mut state = self.state.lock();
            state.starts += 1;
            let name = format!("{}.{}", self.name, state.starts);
            let random = world.random_of(&name);
            let life = Life::begin(name);
            state.life = Some(life.clone());
            state.stop = Some(stop.clone());
            (life, Parts { clock: self.clock.clone(), random, stop: stop.clone() })
        };
        world.log.note(&life.name, || "starts".to_owned());
        let bound = tokio::select! {
            biased;
            () = life.end.cancelled() => None,
            bound = self.bind(world, &life, parts, step) => Some(bound),
        };
        match bound {
            Some(Ok(running)) => {
                self.state.lock().is_up = true;
                world.log.note(&life.name, || "is up".to_owned());
                tokio::select! {
                    biased;
                    () = life.end.cancelled() => world.log.note(&life.name, || "is killed".to_owned()),
                    ended = running.stopped() => world.log.note(&life.name, || format!("has stopped: {ended:?}")),
                }
            }
            Some(Err(error)) => world.log.note(&life.name, || format!("does not start: {error}")),
            None => world.log.note(&life.name, || "is killed at its start".to_owned()),
        }
        self.state.lock().is_up = false;
        // What is left of it reaches nobody, and ends by itself.
        life.kill();
        world.net.close(self.address);
        for host in world.hosts.values() {
            host.sever(&life.name);
        }
        stop.now();
    }

    fn bind<'a>(
        &'a self,
        world: &'a Arc<World>,
        life: &Arc<Life>,
        parts: Parts,
        step: MigrationStep,
    ) -> BoxFuture<'a, Result<Running, BootError>> {
        let network = world.net.endpoint(life, world.random_of(&format!("{}'s calls", life.name)));
        let credentials = Credentials::over(network);
        let database = format!("sqlite://{}@{}", life.name, self.kind.database());
        let own = self.settings(&database);
        let resolver = resolver(world);
        Box::pin(async move {
            match self.kind {
                Kind::Selector => {
                    let mut config: platform_selector::Config =
                        read(platform_selector::Config::SETTINGS, platform_selector::Config::read, &own)?;
                    config.server.credentials = credentials;
                    config.server.reload = NEVER;
                    config.database.migrations = step;
                    platform_selector::bind(config, parts).await
                }
                Kind::Router => {
                    let mut config: priority_router::Config =
                        read(priority_router::Config::SETTINGS, priority_router::Config::read, &own)?;
                    config.server.credentials = credentials;
                    config.server.reload = NEVER;
                    config.database.migrations = step;
                    priority_router::bind(config, parts).await
                }
                Kind::Issuer => {
                    let mut config: code_issuer::Config =
                        read(code_issuer::Config::SETTINGS, code_issuer::Config::read, &own)?;
                    config.server.credentials = credentials;
                    config.server.reload = NEVER;
                    config.database.migrations = step;
                    config.selector = config.selector.resolved_by(resolver.clone());
                    config.router = config.router.resolved_by(resolver);
                    code_issuer::bind(config, parts).await
                }
            }
        })
    }

    /// Times that fit into a short simulation.
    fn settings(&self, database: &str) -> BTreeMap<String, String> {
        let all = [
            ("SEGUE_LISTEN", self.address.to_string()),
            ("SEGUE_DATABASE_URL", database.to_owned()),
            ("SEGUE_DIRECTORY_KEY", KEY.to_owned()),
            ("SEGUE_CODE_KEY", KEY.to_owned()),
            ("SEGUE_SELECTOR_URI", "http://selector:50051".to_owned()),
            ("SEGUE_ROUTER_URI", "http://router:50053".to_owned()),
            ("SEGUE_HOLD_SECONDS", "40".to_owned()),
            ("SEGUE_OVERFLOW_SECONDS", "15".to_owned()),
            ("SEGUE_OFFER_TIMEOUT_SECONDS", "6".to_owned()),
            ("SEGUE_DECLINE_BACK_OFF_SECONDS", "8".to_owned()),
            ("SEGUE_LEASE_SECONDS", "5".to_owned()),
            ("SEGUE_RECONNECT_GRACE_SECONDS", "15".to_owned()),
            ("SEGUE_REVOKE_GRACE_SECONDS", "20".to_owned()),
            ("SEGUE_ADAPTER_CHECK_SECONDS", "10".to_owned()),
        ];
        all.map(|(name, value)| (name.to_owned(), value)).into()
    }
}

fn read<C>(
    declared: &[&[Setting]],
    read: impl FnOnce(&mut Reader) -> Option<C>,
    environment: &BTreeMap<String, String>,
) -> Result<C, BootError> {
    let mut reader = Reader::new("simulation", declared, ["simulation".to_owned()], environment);
    let config = read(&mut reader);
    Ok(reader.finish(config)?)
}

/// Where the replicas are, whether or not they are up.
pub(crate) fn resolver(world: &Arc<World>) -> Resolver {
    let addresses: Vec<(&'static str, SocketAddr)> =
        world.services.iter().map(|service| (service.kind.name(), service.address)).collect();
    Resolver::new(Duration::from_secs(30), move |host, _| {
        let found = addresses.iter().filter(|(name, _)| *name == host).map(|(_, address)| *address).collect();
        Box::pin(async move { Ok(found) })
    })
}
