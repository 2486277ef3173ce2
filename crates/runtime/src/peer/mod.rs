//! Clients of other services (ADR 0014): calls spread over all replicas behind a name, made again where that is safe, ended
//! early when nobody is there, with the trace and the deadline handed on.
//!
//! [`PeerUri::connect`] gives a [`Peer`], which generated clients take for their channel. What happens to a call is in
//! `call.rs`, who gets it in `pool.rs`, when an endpoint is left alone in `breaker.rs`, where the endpoints are in
//! `resolve.rs`, how one is connected to in `dial.rs`, and which methods may be repeated in `methods.rs` of the chassis.

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
use http::{Request, Response};
use tonic::{Status, body::Body, transport::Endpoint};
use tower::Service;

pub use answers::{is_refusal, is_unsettled, relay, unavailable};
pub use resolve::Resolver;
pub use status::{PeerStatus, statuses};

use pool::Pool;

/// What one call to another service may take when the caller leaves more.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// The address of a service.
#[derive(Debug, Clone)]
pub struct PeerUri {
    endpoint: Endpoint,
    resolver: Resolver,
}

impl FromStr for PeerUri {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let endpoint = Endpoint::from_shared(text.to_owned()).map_err(|_| "is not a URI".to_owned())?;
        match (endpoint.uri().scheme_str(), endpoint.uri().host()) {
            (Some("http"), Some(_)) => Ok(Self { endpoint, resolver: Resolver::default() }),
            _ => Err("must be of the form http://HOST:PORT".to_owned()),
        }
    }
}

impl PeerUri {
    /// Looks addresses up in another way than the system's.
    #[must_use]
    pub fn resolved_by(self, resolver: Resolver) -> Self {
        Self { resolver, ..self }
    }

    /// A channel for calls. It connects when it's first used, and again whenever it has to.
    pub fn connect(&self) -> Peer {
        self.pool(Some(CALL_TIMEOUT))
    }

    /// A channel for long streams: connections of their own, since a connection with an open stream is kept even when its
    /// server is going away.
    pub fn connect_for_streams(&self) -> Peer {
        self.pool(None)
    }

    fn pool(&self, limit: Option<Duration>) -> Peer {
        let endpoint = self
            .endpoint
            .clone()
            .tcp_nodelay(true)
            .http2_keep_alive_interval(Duration::from_secs(10))
            .keep_alive_timeout(Duration::from_secs(5))
            .keep_alive_while_idle(true);
        Peer { pool: Pool::new(endpoint, self.resolver.clone(), limit.is_none()), limit }
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
