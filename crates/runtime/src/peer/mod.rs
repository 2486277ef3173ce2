//! Clients of other services (ADR 0014): calls spread over all replicas behind a name, made again where that is safe, ended
//! early when nobody is there, with the trace and the deadline handed on.
//!
//! [`PeerUri::connect`] gives a [`Peer`], which generated clients take for their channel. What happens to a call is in
//! `call.rs`, who gets it in `pool.rs`, when an endpoint is left alone in `breaker.rs`, where the endpoints are in
//! `resolve.rs`, how one is connected to in `dial.rs`, and which methods may be repeated in `methods.rs` of the chassis. Peers at addresses that
//! operators give to platforms are kept in `adapters.rs`.

mod adapters;
mod answers;
mod breaker;
mod budget;
mod call;
mod dial;
mod failure;
mod pool;
mod resolve;
mod status;

use std::{
    fmt,
    str::FromStr,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::future::BoxFuture;
use http::{Request, Response, Uri};
use rustls::pki_types::ServerName;
use tonic::{Status, body::Body, transport::Endpoint};
use tower::Service;

pub use adapters::Adapters;
pub use answers::{is_refusal, is_unsettled, relay, unavailable};
pub use pool::PeerStatus;
pub use resolve::Resolver;
pub(crate) use status::observe;
pub use status::statuses;

use pool::Pool;

use crate::{
    Credentials,
    hosts::{HostNotAllowed, Reach},
};

/// What one call to another service may take when the caller leaves more.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// The address of a service: `http://HOST:PORT` in plain text, `https://HOST:PORT` over TLS.
#[derive(Debug, Clone)]
pub struct PeerUri {
    endpoint: Endpoint,
    /// The name that its certificate must have; none for plain text.
    name: Option<ServerName<'static>>,
    resolver: Resolver,
    reach: Option<Reach>,
}

impl FromStr for PeerUri {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let uri: Uri = text.parse().map_err(|_| "is not a URI".to_owned())?;
        let (Some(scheme @ ("http" | "https")), Some(host)) = (uri.scheme_str(), uri.host()) else {
            return Err("must be of the form http://HOST:PORT or https://HOST:PORT".to_owned());
        };
        let secure = scheme == "https";
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        // The library would do TLS of its own for `https`, with a certificate that stays as it is; see `dial.rs`.
        let endpoint =
            Endpoint::from_shared(format!("http://{host}:{port}")).map_err(|_| "is not a URI".to_owned())?;
        let named = |host: &str| {
            let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
            ServerName::try_from(host).map_err(|_| "has a host that no certificate can name".to_owned())
        };
        let name = secure.then(|| named(host)).transpose()?;
        let endpoint = if secure { endpoint.origin(uri) } else { endpoint };
        Ok(Self { endpoint, name, resolver: Resolver::default(), reach: None })
    }
}

impl PeerUri {
    /// Looks addresses up in another way than the system's.
    #[must_use]
    pub fn resolved_by(self, resolver: Resolver) -> Self {
        Self { resolver, ..self }
    }

    /// For an address that an operator has written: none unless its host may be called. What it resolves to is looked at
    /// again at each connection.
    pub fn within(self, reach: &Reach) -> Result<Self, HostNotAllowed> {
        reach.check_host(self.endpoint.uri().host().unwrap_or_default())?;
        Ok(Self { reach: Some(reach.clone()), ..self })
    }

    /// A channel for calls. It connects when it's first used, and again whenever it has to.
    pub fn connect(&self, credentials: &Credentials) -> Peer {
        self.pool(credentials, Some(CALL_TIMEOUT))
    }

    /// A channel for long streams: connections of their own, since a connection with an open stream is kept even when its
    /// server is going away.
    pub fn connect_for_streams(&self, credentials: &Credentials) -> Peer {
        self.pool(credentials, None)
    }

    fn pool(&self, credentials: &Credentials, limit: Option<Duration>) -> Peer {
        let endpoint = self
            .endpoint
            .clone()
            .tcp_nodelay(true)
            .http2_keep_alive_interval(Duration::from_secs(10))
            .keep_alive_timeout(Duration::from_secs(5))
            .keep_alive_while_idle(true);
        let (name, credentials, resolver) = (self.name.clone(), credentials.clone(), self.resolver.clone());
        let reach = self.reach.clone();
        let pool = Pool::new(endpoint, name, credentials, reach, resolver, limit.is_none());
        status::register(&pool);
        Peer { pool, limit }
    }
}

/// A channel to a service, whatever number of replicas it has. Cloning is cheap and shares the connections.
#[derive(Clone)]
pub struct Peer {
    pool: Arc<Pool>,
    /// What a call may take; none for a channel of streams.
    limit: Option<Duration>,
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("authority", &self.pool.authority()).finish_non_exhaustive()
    }
}

impl Peer {
    /// How it is at the moment.
    pub fn status(&self) -> PeerStatus {
        self.pool.status()
    }
}

impl Service<Request<Body>> for Peer {
    type Response = Response<Body>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Response<Body>, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        // Whether anybody is there is found out by the call, which has a deadline.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(call::make(self.pool.clone(), self.limit, request))
    }
}
