use std::{future::Future, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use segue_core::SharedClock;
use segue_proto::audit::v1::audit_service_server::AuditServiceServer;
use segue_store::Database;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_stream::Stream;
use tokio_util::task::TaskTracker;
use tonic::{
    server::NamedService,
    service::{Routes, RoutesBuilder},
};
use tower::{Layer as _, util::BoxCloneService};

use crate::{
    BootError, Credentials, Parts, Refusal, Running, ServeError, Stop,
    access::{Access, Authorizer, Owner, Owners},
    audit::{Keeper, Lists, Refusals},
    identity::{self, IDENTITY_SETTINGS, Identity, IdentityConfig},
    layers::CallLayer,
    overload::{Limits, Load},
    protocol::{Health, add_reflection},
    running::Whole,
    settings::{Reader, Setting},
    tls::{self, Callers, Connection, TLS_SETTINGS},
    transport::{KEEPALIVE_INTERVAL, KEEPALIVE_TIMEOUT, MAX_HEADER_BYTES},
};

/// A desk opens a stream for each of its agents. A client with more agents needs more connections.
const MAX_STREAMS_PER_CONNECTION: u32 = 256;
/// How much a client may send over a connection, and over one of its streams, before the server has read any of it.
const CONNECTION_WINDOW_BYTES: u32 = 256 * 1024;
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
/// Streams last half an hour at most (`StreamEnd`), and then so does what is left of an old connection.
const STREAMS_END_WITHIN: Duration = Duration::from_secs(31 * 60);

/// Where and how to serve.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// The address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Serve in plain text on addresses beyond loopback, because a sidecar encrypts.
    pub plaintext_beyond_loopback: bool,
    /// How long everything may take after the stop: open calls, background work and closing the database.
    pub grace: Duration,
    /// By which certificate to be known, and whose to trust: for callers and for called services.
    pub credentials: Credentials,
    /// How callers are identified; none: every caller may make every call.
    pub identity: Option<IdentityConfig>,
    /// How often files of certificates, identities and keys are looked at.
    pub reload: Duration,
    /// How old a connection becomes before its caller is asked to open another.
    pub connection_age: Duration,
    /// How much the service takes on at a time.
    pub limits: Limits,
    /// How long the records of the audit log are kept.
    pub audit_kept_for: Duration,
}

impl ServerConfig {
    /// Settings of every service, beside `listen`, whose default differs.
    pub const SETTINGS: &'static [Setting] = &[
        TLS_SETTINGS[0],
        TLS_SETTINGS[1],
        TLS_SETTINGS[2],
        TLS_SETTINGS[3],
        IDENTITY_SETTINGS[0],
        IDENTITY_SETTINGS[1],
        IDENTITY_SETTINGS[2],
        IDENTITY_SETTINGS[3],
        IDENTITY_SETTINGS[4],
        IDENTITY_SETTINGS[5],
        IDENTITY_SETTINGS[6],
        Setting::new(
            "plaintext-beyond-loopback",
            "false",
            "`true`: serve without TLS beyond loopback, because a mesh sidecar encrypts",
        ),
        Setting::new(
            "shutdown-grace-seconds",
            "10",
            "how long stopping may take in all after SIGTERM, 1 to 300",
        ),
        Setting::new("max-calls", "256", "most calls under way at a time, 16 to 100000"),
        Setting::new(
            "target-latency-ms",
            "1000",
            "while the median call takes longer, fewer are let in, down to 16, 0 to 60000 ms; 0: always `max-calls`",
        ),
        Setting::new(
            "max-message-memory-mib",
            "32",
            "most memory for messages of calls under way, 4 to 65536 MiB; a connection may take a quarter of it",
        ),
        Setting::new("max-streams", "20000", "most open streams, 1 to 1000000"),
        Setting::new(
            "connection-age-seconds",
            "3600",
            "how old a connection becomes before its caller is asked to open another; its calls go on to their end, 1 to 86400",
        ),
        Setting::new("max-connections", "10000", "most connections of clients, 1 to 1000000"),
        Setting::new("audit-days", "400", "how long the records of the audit log are kept, 30 to 3650 days"),
        Setting::new(
            "caller-share-percent",
            "75",
            "how much of `max-calls`, `max-streams` and `max-connections` one identity gets that is alone, 50 to 100 percent; the more others take, the less",
        ),
        Setting::new(
            "unnamed-share-percent",
            "25",
            "where callers are told apart, the part of `max-connections` for those that have shown neither a certificate nor, with a call, a token, 1 to 75 percent; an address gets an eighth of it",
        ),
        Setting::new(
            "unnamed-seconds",
            "15",
            "where callers are told apart, how long a connection may have shown no name before it is closed, 1 to 300",
        ),
    ];

    /// Reads the settings.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        let listen = reader.get("listen");
        let plaintext_beyond_loopback = reader.get("plaintext-beyond-loopback");
        let grace = reader.seconds("shutdown-grace-seconds", 1..=300);
        let credentials = Credentials::read(reader)
            .zip(plaintext_beyond_loopback)
            .map(|(credentials, allowed)| credentials.plaintext_beyond_loopback(allowed));
        let reload = reader.seconds("reload-seconds", 1..=3600);
        let identity = credentials.as_ref().and_then(|credentials| IdentityConfig::read(reader, credentials));
        let connection_age = reader.seconds("connection-age-seconds", 1..=86_400);
        let limits = Limits::read(reader);
        let audit_days = reader.number("audit-days", 30..=3650);
        Some(Self {
            listen: listen?,
            plaintext_beyond_loopback: plaintext_beyond_loopback?,
            grace: grace?,
            credentials: credentials?,
            identity: identity?,
            reload: reload?,
            connection_age: connection_age?,
            limits: limits?,
            audit_kept_for: Duration::from_secs(audit_days? * 24 * 60 * 60),
        })
    }

    /// A free loopback port and wide limits, for tests and benches with many callers.
    pub fn loopback(port: u16) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], port)),
            plaintext_beyond_loopback: false,
            grace: Duration::from_secs(10),
            credentials: Credentials::none(),
            identity: None,
            reload: Duration::from_secs(10),
            connection_age: Duration::from_secs(3600),
            limits: Limits::for_crowds(),
            audit_kept_for: Duration::from_secs(400 * 24 * 60 * 60),
        }
    }
}

type Background = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A service that is about to start.
pub struct Server {
    routes: RoutesBuilder,
    names: Vec<&'static str>,
    database: Database,
    background: Vec<Background>,
    owners: Option<Owners>,
    clock: SharedClock,
    stop: Stop,
}

impl Server {
    /// A server whose health follows the database.
    pub fn new(database: Database, parts: &Parts) -> Self {
        Self {
            routes: Routes::builder(),
            names: vec![],
            database,
            background: vec![],
            owners: None,
            clock: parts.clock.clone(),
            stop: parts.stop.clone(),
        }
    }

    /// Adds a gRPC service. Set its message limits to [`MAX_MESSAGE_BYTES`](crate::MAX_MESSAGE_BYTES) first.
    #[must_use]
    pub fn service<S>(mut self, service: S) -> Self
    where
        S: tower::Service<
                http::Request<tonic::body::Body>,
                Response = http::Response<tonic::body::Body>,
                Error = std::convert::Infallible,
                Future: Send + 'static,
            > + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
    {
        self.names.push(S::NAME);
        self.routes.add_service(service);
        self
    }

    /// Adds work beside the calls. It has to end when the stop is told, and not before: that ends the service.
    #[must_use]
    pub fn background(mut self, work: impl Future<Output = ()> + Send + 'static) -> Self {
        self.background.push(Box::pin(work));
        self
    }

    /// Looks up the owners of things, for the rules of [`TABLE`](crate::access::TABLE) that depend on them.
    #[must_use]
    pub fn owners<F>(mut self, owner_of: impl Fn(String) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Option<Owner>, Refusal>> + Send + 'static,
    {
        self.owners = Some(Arc::new(move |id| Box::pin(owner_of(id))));
        self
    }

    /// Binds the address and serves until the stop is told.
    pub async fn start(self, config: &ServerConfig) -> Result<Running, BootError> {
        let is_plaintext = config.credentials.server().is_none();
        if is_plaintext && !config.listen.ip().is_loopback() && !config.plaintext_beyond_loopback {
            return Err(BootError::Plaintext(config.listen));
        }
        let bind_failed = |error: std::io::Error| BootError::Bind(config.listen, error);
        let listener = match config.credentials.network() {
            None => Some(TcpListener::bind(config.listen).await.map_err(bind_failed)?),
            Some(_) => None,
        };
        let address =
            listener.as_ref().map_or(Ok(config.listen), TcpListener::local_addr).map_err(bind_failed)?;
        let Self { mut routes, mut names, database, background, owners, clock, stop } = self;
        let identity = config
            .identity
            .as_ref()
            .map(|identity| Identity::new(identity, config.credentials.clone(), &clock));
        let authorizer =
            identity.clone().map(|identity| Authorizer::new(identity, owners)).transpose()?.map(Arc::new);
        names.push(AuditServiceServer::<Lists>::NAME);
        routes.add_service(AuditServiceServer::new(Lists(database.clone())));
        let health = Health::new(names.clone(), stop.clone()).await;
        routes.add_service(health.service());
        add_reflection(&mut routes, &names, segue_proto::DESCRIPTORS)?;
        tracing::info!(%address, services = ?names, tls = !is_plaintext, identity = identity.is_some(), "serving");
        let refusals = Refusals::default();
        let load = Load::new(config.limits, identity.is_some());
        load.register(names.first().copied().unwrap_or_default(), address);
        let calls = TaskTracker::new();
        let mut parts = JoinSet::new();
        let credentials = config.credentials.clone();
        let callers = Callers { credentials, connections: load.connections().clone() };
        let access = Access { authorizer, refusals: refusals.clone() };
        let layer = CallLayer::new(calls.clone(), access, load);
        let age = config.connection_age;
        if let Some(listener) = listener {
            let connections = tls::accept(listener, callers);
            parts.spawn(serve(connections, routes.routes(), layer, age, stop.clone()));
        } else if let Some(network) = config.credentials.network() {
            network.serve(address, BoxCloneService::new(layer.layer(routes.routes())));
        }
        let reload = identity::reload(config.credentials.clone(), identity, config.reload);
        parts.spawn(succeeding(until(stop.clone(), reload)));
        let followed = health.followed();
        parts.spawn(succeeding(health.follow(database.clone())));
        let (kept_for, log) = (config.audit_kept_for, database.clone());
        let keeper = Keeper { database: log, refusals, clock, kept_for, stop: stop.clone() };
        parts.spawn(succeeding(keeper.clone().run()));
        for work in background {
            parts.spawn(succeeding(work));
        }
        let (secure, grace) = (!is_plaintext, config.grace);
        Ok(Whole { address, secure, health: followed, parts, calls, database, audit: keeper, stop, grace }
            .start())
    }
}

async fn succeeding(work: impl Future<Output = ()>) -> Result<(), ServeError> {
    work.await;
    Ok(())
}

async fn until(stop: Stop, work: impl Future<Output = ()>) {
    tokio::select! {
        () = stop.told() => {}
        () = work => {}
    }
}

async fn serve(
    connections: impl Stream<Item = std::io::Result<Connection>>,
    routes: Routes,
    layer: CallLayer,
    age: Duration,
    stop: Stop,
) -> Result<(), ServeError> {
    tonic::transport::Server::builder()
        .max_concurrent_streams(MAX_STREAMS_PER_CONNECTION)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .http2_max_header_list_size(MAX_HEADER_BYTES)
        .max_connection_age(age)
        .max_connection_age_grace(STREAMS_END_WITHIN)
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .layer(layer)
        .add_routes(routes)
        .serve_with_incoming_shutdown(connections, stop.told())
        .await
        .map_err(|error| ServeError::Serving(error.to_string()))
}
