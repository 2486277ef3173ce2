//! A running Segue: in this process, or as the processes that production has.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, process::Command};

use crate::Security;
use crate::scrape::{Series, scrape};
use segue::{Addresses, DatabaseUrls, Keys, Ports, System, SystemConfig};
use segue_core::{Random, SharedClock, SystemClock};
use segue_runtime::{Parts, Stop};
use segue_testkit::{Databases, Process, Storage, free_port, wait_for};

/// The services, in the order in which they start.
pub const SERVICES: [&str; 4] = ["platform-selector", "priority-router", "code-issuer", "web-channel"];

/// All services in this process.
pub struct InProcess {
    /// Where they are.
    pub addresses: Addresses,
    system: System,
    /// Ends last.
    pub databases: Databases,
}

impl InProcess {
    /// Starts them on the machine's clock.
    pub async fn start(storage: Storage) -> Self {
        Self::start_at(storage, std::sync::Arc::new(SystemClock)).await
    }

    /// Starts them on a clock of the test's.
    pub async fn start_at(storage: Storage, clock: SharedClock) -> Self {
        Self::start_with(storage, clock, &[]).await
    }

    /// Starts them on a clock of the test's and with settings, by environment variable.
    pub async fn start_with(storage: Storage, clock: SharedClock, settings: &[(&str, &str)]) -> Self {
        let databases = Databases::start(storage);
        let config = SystemConfig {
            ports: Ports::default(),
            databases: urls(&databases),
            keys: Keys::generate(&Random::secure()),
            environment: settings
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        };
        let parts = Parts { clock, random: Random::secure(), stop: Stop::new() };
        let system = System::start(config, parts).await.unwrap();
        Self { addresses: system.addresses.clone(), system, databases }
    }

    /// Stops them.
    pub async fn stop(self) {
        self.system.stop().await.unwrap();
    }
}

/// Each service as a process of its own.
pub struct Processes {
    /// Where they are; a restarted service is where it was.
    pub addresses: Addresses,
    /// Where the operations port of each service is.
    pub operations: BTreeMap<&'static str, SocketAddr>,
    running: BTreeMap<&'static str, Process>,
    replicas: Vec<Replica>,
    /// Certificates and identities, when they run with TLS.
    pub security: Option<Security>,
    /// The keys they started with.
    pub keys: Keys,
    /// Their databases, for services that start from now on.
    pub urls: DatabaseUrls,
    settings: Vec<(String, String)>,
    /// A program, with arguments, that starts each of them.
    launcher: Vec<String>,
    /// Ends last.
    pub databases: Databases,
}

/// One more process of a service.
struct Replica {
    service: &'static str,
    name: String,
    /// Where it is and whom it calls.
    at: Addresses,
    operations: SocketAddr,
    process: Process,
}

/// How a process is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// As a crash does.
    Kill,
    /// It is asked to end, and waited for.
    Terminate,
}

impl Processes {
    /// Starts them.
    pub async fn start(storage: Storage) -> Self {
        Self::start_traced(storage, "").await
    }

    /// Starts them with traces going to an OTLP receiver.
    pub async fn start_traced(storage: Storage, otlp_endpoint: &str) -> Self {
        Self::start_with(storage, &[("SEGUE_OTLP_ENDPOINT", otlp_endpoint)]).await
    }

    /// Starts them with settings, by environment variable.
    pub async fn start_with(storage: Storage, settings: &[(&str, &str)]) -> Self {
        Self::start_on(Databases::start(storage), None, settings).await
    }

    /// The same, with databases that are there.
    pub async fn start_in(databases: Databases, settings: &[(&str, &str)]) -> Self {
        Self::start_on(databases, None, settings).await
    }

    /// Starts them on databases that a test looks after itself, by a program that may be given with its arguments.
    pub async fn start_at(urls: DatabaseUrls, settings: &[(&str, &str)], launcher: Vec<String>) -> Self {
        Self::start_all(Databases::start(Storage::SqliteFile), urls, None, settings, launcher).await
    }

    /// Starts them with TLS, each known by a certificate of its own and telling its callers apart.
    pub async fn start_secured(storage: Storage, settings: &[(&str, &str)]) -> Self {
        let databases = Databases::start(storage);
        let security = Security::new(databases.directory());
        // Most tests hand off calls of a hotline that the router doesn't know.
        let settings = [&[("SEGUE_UNKNOWN_SESSIONS", "allow")], settings].concat();
        Self::start_on(databases, Some(security), &settings).await
    }

    async fn start_on(databases: Databases, security: Option<Security>, settings: &[(&str, &str)]) -> Self {
        let urls = urls(&databases);
        Self::start_all(databases, urls, security, settings, vec![]).await
    }

    async fn start_all(
        databases: Databases,
        urls: DatabaseUrls,
        security: Option<Security>,
        settings: &[(&str, &str)],
        launcher: Vec<String>,
    ) -> Self {
        let everything = |security: &Security| {
            security.credentials(&security.issue("everything", crate::security::EVERYTHING))
        };
        let mut this = Self {
            addresses: Addresses {
                credentials: security.as_ref().map(everything),
                selector: free_address(),
                issuer: free_address(),
                router: free_address(),
                channel: free_address(),
                pages: free_address(),
            },
            operations: SERVICES.map(|service| (service, free_address())).into(),
            running: BTreeMap::new(),
            replicas: vec![],
            security,
            keys: Keys::generate(&Random::secure()),
            urls,
            settings: settings
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            launcher,
            databases,
        };
        for service in SERVICES {
            this.start_service(service);
        }
        this.wait_until_up().await;
        this
    }

    /// Ends a service as a crash does, and starts it again.
    pub fn crash(&mut self, service: &'static str) {
        self.running.remove(service).expect("a running service").kill();
        self.start_service(service);
    }

    /// The process id of a service.
    pub fn id(&self, service: &'static str) -> u32 {
        self.running[service].id()
    }

    /// The metrics of a service, as Prometheus reads them.
    pub async fn metrics(&self, service: &'static str) -> Series {
        Series::read(&scrape(self.operations[service]).await)
    }

    /// Asks a service to end and waits for that; true when it ended well.
    pub fn terminate(&mut self, service: &'static str) -> bool {
        self.running.remove(service).expect("a running service").terminate().success()
    }

    /// Starts a service that has ended, with the settings as they are now.
    pub fn start_again(&mut self, service: &'static str) {
        self.start_service(service);
    }

    /// Changes a setting, by environment variable, for services that start from now on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    /// Starts one more replica of a service on the same database, which calls the first of the others, and waits until it answers.
    pub async fn add_replica(&mut self, service: &'static str) -> SocketAddr {
        let address = free_address();
        let mut at = self.addresses.clone();
        *listens(&mut at, service) = address;
        self.start_replica(service, &at).await;
        address
    }

    /// Starts one more replica of some services; they call each other, and the first of those that are not among them.
    pub async fn add_replicas(&mut self, services: &[&'static str]) -> Addresses {
        let mut at = self.addresses.clone();
        for service in services {
            *listens(&mut at, service) = free_address();
        }
        for service in services {
            self.start_replica(service, &at).await;
        }
        at
    }

    async fn start_replica(&mut self, service: &'static str, at: &Addresses) {
        let (address, operations) = (*listens(&mut at.clone(), service), free_address());
        let name = format!("{service}-{}", self.replicas.len() + 2);
        let process =
            Process::start(self.command(service, at, operations), self.databases.directory(), &name);
        let at = at.clone();
        self.replicas.push(Replica { service, name: name.clone(), at, operations, process });
        wait_for(&name, || async move { tokio::net::TcpStream::connect(address).await.is_ok() }).await;
    }

    /// Ends one of the processes of a service, by its place among [`Self::replicas`], and starts it again with the settings as they are
    /// now.
    pub fn restart(&mut self, service: &'static str, number: usize, ending: Ending) {
        let end = |process: &mut Process| match ending {
            Ending::Kill => process.kill(),
            Ending::Terminate => {
                let status = process.terminate();
                assert!(status.success(), "{service} ended with {status}:\n{}", process.log());
            }
        };
        let Some(number) = number.checked_sub(1) else {
            end(self.running.get_mut(service).expect("a running service"));
            return self.start_service(service);
        };
        let of_service = |(_, replica): &(usize, &Replica)| replica.service == service;
        let added = self.replicas.iter().enumerate().filter(of_service).nth(number).expect("a replica").0;
        end(&mut self.replicas[added].process);
        let Replica { name, at, operations, .. } = &self.replicas[added];
        let command = self.command(service, at, *operations);
        let process = Process::start(command, self.databases.directory(), name);
        self.replicas[added].process = process;
    }

    /// Every process of a service, and its operations port.
    pub fn replicas(&self, service: &'static str) -> impl Iterator<Item = (&Process, SocketAddr)> {
        let first = self.running.get(service).map(|process| (process, self.operations[service]));
        let added = self.replicas.iter().filter(move |replica| replica.service == service);
        first.into_iter().chain(added.map(|replica| (&replica.process, replica.operations)))
    }

    /// What a service has printed so far.
    pub fn log(&self, service: &'static str) -> String {
        self.running[service].log()
    }

    /// Waits until all services answer.
    pub async fn wait_until_up(&self) {
        let at = &self.addresses;
        for address in [at.selector, at.issuer, at.router, at.channel, at.pages] {
            wait_for(&format!("a service at {address}\n{}", self.logs()), || async move {
                tokio::net::TcpStream::connect(address).await.is_ok()
            })
            .await;
        }
    }

    fn logs(&self) -> String {
        self.running.values().map(Process::log).collect()
    }

    fn start_service(&mut self, service: &'static str) {
        let command = self.command(service, &self.addresses, self.operations[service]);
        let process = Process::start(command, self.databases.directory(), service);
        self.running.insert(service, process);
    }

    fn command(&self, service: &str, at: &Addresses, operations: SocketAddr) -> Command {
        let (keys, urls) = (&self.keys, &self.urls);
        let uri = |address| at.uri(address);
        let (listen, database, own) = match service {
            "platform-selector" => {
                (at.selector, &urls.selector, vec![("SEGUE_DIRECTORY_KEY", keys.directory.clone())])
            }
            "priority-router" => (at.router, &urls.router, vec![]),
            "code-issuer" => (
                at.issuer,
                &urls.issuer,
                vec![
                    ("SEGUE_CODE_KEY", keys.code.clone()),
                    ("SEGUE_DIRECTORY_KEY", keys.directory.clone()),
                    ("SEGUE_SELECTOR_URI", uri(at.selector)),
                    ("SEGUE_ROUTER_URI", uri(at.router)),
                ],
            ),
            _ => (
                at.channel,
                &urls.channel,
                vec![
                    ("SEGUE_CHANNEL_KEY", keys.channel.clone()),
                    ("SEGUE_HTTP_LISTEN", at.pages.to_string()),
                    ("SEGUE_ROUTER_URI", uri(at.router)),
                    ("SEGUE_ISSUER_URI", uri(at.issuer)),
                ],
            ),
        };
        let mut command = Process::binary(service);
        if let Some((program, arguments)) = self.launcher.split_first() {
            let mut launcher = Command::new(program);
            launcher.env_clear().args(arguments).arg(command.get_program());
            command = launcher;
        }
        command.env("SEGUE_LISTEN", listen.to_string()).env("SEGUE_DATABASE_URL", database).envs(own);
        command.env("SEGUE_OPERATIONS_LISTEN", operations.to_string());
        command.env("SEGUE_LOG", "info").envs(self.settings.iter().cloned());
        if let Some(security) = &self.security {
            command.envs(security.settings_of(service));
        }
        command
    }
}

/// Where a service listens.
fn listens<'a>(addresses: &'a mut Addresses, service: &str) -> &'a mut SocketAddr {
    match service {
        "platform-selector" => &mut addresses.selector,
        "priority-router" => &mut addresses.router,
        "code-issuer" => &mut addresses.issuer,
        _ => &mut addresses.channel,
    }
}

fn free_address() -> SocketAddr {
    ([127, 0, 0, 1], free_port()).into()
}

fn urls(databases: &Databases) -> DatabaseUrls {
    DatabaseUrls {
        selector: databases.create(),
        issuer: databases.create(),
        router: databases.create(),
        channel: databases.create(),
    }
}

/// The folder of tools that `cargo xtask test` has filled.
pub fn tools() -> PathBuf {
    let tools = std::env::var_os("SEGUE_TOOLS")
        .map_or_else(|| segue_testkit::repository().join(".tools"), Into::into);
    assert!(tools.exists(), "{} is missing: cargo xtask tools", tools.display());
    tools
}
