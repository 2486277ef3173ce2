//! Serves HTTP to any client: the pages and the operations port. The server libraries' own loops wait without limit for a request's
//! head and body and for the reader of an answer, and accept any number of connections.

mod body;
mod io;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Extension, Router, body::Body, extract::ConnectInfo, middleware::from_fn_with_state, response::Response,
};
use http_body_util::BodyExt as _;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use segue_core::Network;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tower::Layer as _;

use crate::{
    Stop,
    hosts::HostList,
    log_throttle::LogThrottle,
    shares::{Holders, of_network},
    transport::{KEEPALIVE_INTERVAL, KEEPALIVE_TIMEOUT, MAX_HEADER_BYTES},
};
use io::Timed;

/// The pause after a failed accept: when the system has no sockets left, others have to be closed first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// The most headers of one request.
const MAX_HEADERS: usize = 64;
const MOST_CALLS_PER_CONNECTION: u32 = 64;

/// The limits of connections and requests.
#[derive(Debug, Clone)]
pub struct HttpLimits {
    /// For a request's head, from the connection's begin or the answer before: how long a connection may be idle, too.
    pub head: Duration,
    /// For a request's body.
    pub body: Duration,
    /// How long an answer may wait for its reader. Event streams send something more often than that.
    pub stalled: Duration,
    /// The largest body.
    pub body_bytes: usize,
    /// Connections in all.
    pub connections: usize,
    /// Connections of an IPv4 address or an IPv6 /64; the networks around have more (ADR 0028).
    pub connections_per_network: usize,
    /// Proxies. Each carries the requests of many callers, and has no limit of its own.
    pub proxies: HostList,
}

impl HttpLimits {
    /// For so many connections in all and of one network, with the times that every surface has: 10 s for a head, 60 s for
    /// a body and for an answer that waits.
    pub fn new(connections: usize, connections_per_network: usize, body_bytes: usize) -> Self {
        Self {
            head: Duration::from_secs(10),
            body: Duration::from_secs(60),
            stalled: Duration::from_secs(60),
            body_bytes,
            connections,
            connections_per_network,
            proxies: HostList::default(),
        }
    }
}

/// The versions of HTTP that are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versions {
    /// HTTP/1 only, for browsers and the proxies before them.
    One,
    /// HTTP/1, and HTTP/2 without TLS, for gRPC.
    OneAndTwo,
}

/// Serves until the stop is told and all requests under way have been answered; dropped, it closes all connections. Requests carry
/// their connection's [`ConnectInfo`].
pub async fn serve(
    listener: TcpListener,
    router: Router,
    versions: Versions,
    limits: HttpLimits,
    stop: Stop,
) {
    let body = body::BodyLimits { time: limits.body, bytes: limits.body_bytes };
    let door = Arc::new(Door {
        router: router.layer(from_fn_with_state(body, body::limited)),
        builder: builder(versions, &limits),
        connections: Holders::new("http_connections", limits.connections),
        limits,
        stop: stop.clone(),
    });
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.told() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => door.take(&mut connections, stream, peer),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be taken in");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

fn builder(versions: Versions, limits: &HttpLimits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(MAX_HEADER_BYTES as usize)
        .max_headers(MAX_HEADERS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MOST_CALLS_PER_CONNECTION)
        .max_header_list_size(MAX_HEADER_BYTES)
        .keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT);
    match versions {
        Versions::One => builder.http1_only(),
        Versions::OneAndTwo => builder,
    }
}

/// A response that keeps a value until it has been sent or given up.
pub fn holding<T: Send + 'static>(response: Response, held: T) -> Response {
    response.map(|body| {
        Body::new(body.map_frame(move |frame| {
            let _held = &held;
            frame
        }))
    })
}

/// What all connections share.
struct Door {
    router: Router,
    builder: Builder<TokioExecutor>,
    connections: Arc<Holders<Network>>,
    limits: HttpLimits,
    stop: Stop,
}

static LOG_THROTTLE: LogThrottle = LogThrottle::new();

impl Door {
    /// Serves a connection, or closes it when its network or all together have too many.
    fn take(self: &Arc<Self>, connections: &mut JoinSet<()>, stream: TcpStream, peer: SocketAddr) {
        let is_proxy = self.limits.proxies.has_address(peer.ip());
        let HttpLimits { connections: all, connections_per_network: most, .. } = self.limits;
        let claims = if is_proxy { vec![] } else { of_network(peer.ip(), most, all) };
        let Ok(place) = self.connections.take(claims) else {
            if let Some(untold) = LOG_THROTTLE.admit() {
                tracing::warn!(untold, "connections are closed: there are too many");
            }
            return;
        };
        let door = self.clone();
        connections.spawn(async move {
            door.serve(stream, peer).await;
            drop(place);
        });
    }

    async fn serve(&self, stream: TcpStream, peer: SocketAddr) {
        // Otherwise small answers wait for the acknowledgement of earlier ones. A failure means that the connection is closed already.
        drop(stream.set_nodelay(true));
        let service = Extension(ConnectInfo(peer)).layer(self.router.clone());
        let io = TokioIo::new(Timed::new(stream, self.limits.head, self.limits.stalled));
        let serving = self.builder.serve_connection(io, TowerToHyperService::new(service));
        tokio::pin!(serving);
        // The error with which a connection ends is not logged: a client can cause it as often as it likes.
        tokio::select! {
            _ = serving.as_mut() => {}
            () = self.stop.told() => {
                serving.as_mut().graceful_shutdown();
                drop(serving.await);
            }
        }
    }
}

#[cfg(test)]
mod tests;
