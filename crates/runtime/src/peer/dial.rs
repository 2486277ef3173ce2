//! How one connection is made. Everything about it is here, so that it can be made in another way.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use futures::future::BoxFuture;
use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::Instant};
use tower::Service;

const TIMEOUT: Duration = Duration::from_secs(2);
/// Calls that have waited for a connection are told one after the other that it can't be made, and each would have it
/// tried again.
const SAME_FAILURE: Duration = Duration::from_millis(50);

/// Why a call was never sent: there is no connection.
#[derive(Debug, thiserror::Error)]
#[error("can't connect: {0}")]
pub(super) struct Unreachable(String);

impl From<io::Error> for Unreachable {
    fn from(error: io::Error) -> Self {
        Self(error.kind().to_string())
    }
}

/// Connects to one address, whatever name the URI has; the name is what the other side is called.
#[derive(Debug, Clone)]
pub(super) struct Dial {
    address: SocketAddr,
    failed: Arc<Mutex<Option<Instant>>>,
}

impl Dial {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address, failed: Arc::default() }
    }

    async fn connect(self) -> Result<TokioIo<TcpStream>, Unreachable> {
        let just_failed = *self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if just_failed.is_some_and(|at| at.elapsed() < SAME_FAILURE) {
            return Err(Unreachable("as a moment ago".to_owned()));
        }
        let connected = match tokio::time::timeout(TIMEOUT, TcpStream::connect(self.address)).await {
            Ok(connected) => connected,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        };
        let opened = connected.and_then(|stream| stream.set_nodelay(true).map(|()| stream));
        let at = opened.is_err().then(Instant::now);
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = at;
        Ok(TokioIo::new(opened?))
    }
}

impl Service<Uri> for Dial {
    type Response = TokioIo<TcpStream>;
    type Error = Unreachable;
    type Future = BoxFuture<'static, Result<Self::Response, Unreachable>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Unreachable>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        Box::pin(self.clone().connect())
    }
}
