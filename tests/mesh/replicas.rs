use std::{collections::BTreeMap, net::SocketAddr, process::Command};

use segue::{Addresses, Keys};
use segue_core::Random;
use segue_testkit::{Databases, Issued, Process, Storage, free_port, wait_for};
use segue_tests::{Security, security::EVERYTHING};

use super::envoy::{Envoy, Route, Upstream};

pub const REPLICAS: usize = 2;
/// Ordered as they call: those first who are called.
pub const SERVICES: [&str; 4] = ["platform-selector", "priority-router", "code-issuer", "web-channel"];
const GRPC_SERVICES: [&str; 4] = [
    "segue.selector.v1.PlatformSelectorService",
    "segue.router.v1.PriorityRouterService",
    "segue.issuer.v1.CodeIssuerService",
    "segue.channel.v1.ChannelService",
];
/// The caller that stands for desks, platforms and operations.
const OUTSIDE: &str = "outside";
/// Who calls whom (ARCHITECTURE.md), and the callers from outside.
const CALLS: [(&str, &str); 10] = [
    ("code-issuer", "platform-selector"),
    ("code-issuer", "priority-router"),
    ("code-issuer", "web-channel"),
    ("platform-selector", "web-channel"),
    ("web-channel", "priority-router"),
    ("web-channel", "code-issuer"),
    (OUTSIDE, "platform-selector"),
    (OUTSIDE, "priority-router"),
    (OUTSIDE, "code-issuer"),
    (OUTSIDE, "web-channel"),
];

/// Everything that runs.
pub struct Mesh {
    pub envoy: Envoy,
    replicas: BTreeMap<(&'static str, usize), Replica>,
    routes: Vec<Route>,
    urls: BTreeMap<&'static str, String>,
    keys: Keys,
    security: Security,
    // Ends last.
    databases: Databases,
}

struct Replica {
    listen: SocketAddr,
    pages: SocketAddr,
    process: Option<Process>,
}

fn free_address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port()))
}

impl Mesh {
    pub async fn start() -> Self {
        let databases = Databases::alone(Storage::Postgres);
        let security = Security::new(databases.directory());
        let routes: Vec<Route> = CALLS
            .into_iter()
            .map(|(caller, callee)| Route { caller, callee, listen: free_address() })
            .collect();
        let replicas: BTreeMap<_, _> = SERVICES
            .into_iter()
            .flat_map(|service| (0..REPLICAS).map(move |number| (service, number)))
            .map(|key| (key, Replica { listen: free_address(), pages: free_address(), process: None }))
            .collect();
        let upstreams: Vec<Upstream> = SERVICES
            .into_iter()
            .zip(GRPC_SERVICES)
            .map(|(name, grpc_service)| Upstream {
                name,
                grpc_service,
                endpoints: (0..REPLICAS).map(|number| replicas[&(name, number)].listen).collect(),
            })
            .collect();
        let callers: BTreeMap<&str, Issued> = SERVICES
            .into_iter()
            .map(|name| (name, format!("spiffe://segue.local/service/{name}")))
            .chain([(OUTSIDE, EVERYTHING.to_owned())])
            .map(|(name, id)| (name, security.issue(&format!("sidecar-of-{name}"), &id)))
            .collect();
        let urls = SERVICES.map(|service| (service, databases.create())).into();
        let envoy = Envoy::start(databases.directory(), &security, &callers, &upstreams, &routes);
        let keys = Keys::generate(&Random::secure());
        let mut mesh = Self { envoy, replicas, routes, urls, keys, security, databases };
        for service in SERVICES {
            for number in 0..REPLICAS {
                mesh.start_replica(service, number);
                // The first makes the tables.
                mesh.answers(service, number).await;
            }
        }
        mesh.envoy.sees_all_well().await;
        mesh
    }

    /// Where those outside call: in plain text to their own sidecar.
    pub fn addresses(&self) -> Addresses {
        let to = |service| self.route(OUTSIDE, service);
        Addresses {
            selector: to("platform-selector"),
            issuer: to("code-issuer"),
            router: to("priority-router"),
            channel: self.route("code-issuer", "web-channel"),
            pages: self.replicas[&("web-channel", 0)].pages,
            credentials: None,
        }
    }

    /// Ends a replica as a crash does.
    pub fn kill(&mut self, service: &'static str, number: usize) {
        let replica = self.replicas.get_mut(&(service, number)).unwrap();
        replica.process.take().expect("a running replica").kill();
    }

    /// Starts it again, and waits until calls go to it.
    pub async fn restart(&mut self, service: &'static str, number: usize) {
        self.start_replica(service, number);
        self.envoy.sees_all_well().await;
    }

    async fn answers(&self, service: &'static str, number: usize) {
        let replica = &self.replicas[&(service, number)];
        let (address, log) = (replica.listen, replica.process.as_ref().map(Process::log));
        wait_for(&format!("{service} {number}: {log:?}"), || async move {
            tokio::net::TcpStream::connect(address).await.is_ok()
        })
        .await;
    }

    fn route(&self, caller: &str, callee: &str) -> SocketAddr {
        self.routes.iter().find(|route| route.caller == caller && route.callee == callee).unwrap().listen
    }

    fn start_replica(&mut self, service: &'static str, number: usize) {
        let command = self.command(service, number);
        let process = Process::start(command, self.databases.directory(), &format!("{service}-{number}"));
        self.replicas.get_mut(&(service, number)).unwrap().process = Some(process);
    }

    fn command(&self, service: &'static str, number: usize) -> Command {
        let replica = &self.replicas[&(service, number)];
        let uri = |callee| format!("http://{}", self.route(service, callee));
        let keys = &self.keys;
        let own = match service {
            "platform-selector" => vec![("SEGUE_DIRECTORY_KEY", keys.directory.clone())],
            "priority-router" => vec![],
            "code-issuer" => vec![
                ("SEGUE_CODE_KEY", keys.code.clone()),
                ("SEGUE_DIRECTORY_KEY", keys.directory.clone()),
                ("SEGUE_SELECTOR_URI", uri("platform-selector")),
                ("SEGUE_ROUTER_URI", uri("priority-router")),
                // The calls of the storm come in past the router.
                ("SEGUE_UNKNOWN_SESSIONS", "allow".to_owned()),
            ],
            _ => vec![
                ("SEGUE_CHANNEL_KEY", keys.channel.clone()),
                ("SEGUE_HTTP_LISTEN", replica.pages.to_string()),
                ("SEGUE_ROUTER_URI", uri("priority-router")),
                ("SEGUE_ISSUER_URI", uri("code-issuer")),
            ],
        };
        let mut command = Process::binary(service);
        command
            .env("SEGUE_LISTEN", replica.listen.to_string())
            .env("SEGUE_DATABASE_URL", &self.urls[service])
            .envs(own)
            .envs(self.security.settings_of(service));
        command
    }
}
