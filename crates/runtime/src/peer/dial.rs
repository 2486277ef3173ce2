//! How one connection is made. Everything about it is here, so that it can be made in another way.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::future::BoxFuture;
use http::Uri;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::Instant,
};
use tokio_rustls::TlsConnector;
use tower::Service;

use crate::{Credentials, hosts::Reach};

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

/// A connection, whichever its kind.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Connects to one address, whatever name the URI has; the name is what the other side is called.
#[derive(Debug, Clone)]
pub(super) struct Dial {
    address: SocketAddr,
    /// The name that the peer's certificate must have; none for plain text.
    name: Option<ServerName<'static>>,
    /// Looked at for each connection, since certificates are replaced.
    credentials: Credentials,
    /// Where the name may have led; none: anywhere.
    reach: Option<Reach>,
    failed: Arc<Mutex<Option<Instant>>>,
}

impl Dial {
    pub(super) fn new(
        address: SocketAddr,
        name: Option<ServerName<'static>>,
        credentials: Credentials,
        reach: Option<Reach>,
    ) -> Self {
        Self { address, name, credentials, reach, failed: Arc::default() }
    }

    async fn connect(self) -> Result<TokioIo<Box<dyn Stream>>, Unreachable> {
        let just_failed = *self.failed.lock();
        if just_failed.is_some_and(|at| at.elapsed() < SAME_FAILURE) {
            return Err(Unreachable("as a moment ago".to_owned()));
        }
        let opened = match tokio::time::timeout(TIMEOUT, self.open()).await {
            Ok(opened) => opened,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        };
        if let (Err(error), None) = (&opened, just_failed) {
            // The kind of an error says too little: a wrong name, an unknown authority and an old certificate are one.
            tracing::warn!(endpoint = %self.address, %error, "can't connect");
        }
        let at = opened.is_err().then(Instant::now);
        *self.failed.lock() = at;
        Ok(TokioIo::new(opened?))
    }

    async fn open(&self) -> io::Result<Box<dyn Stream>> {
        if let Some(reach) = &self.reach {
            reach.check_address(self.address.ip()).map_err(io::Error::other)?;
        }
        if self.name.is_none() && !self.credentials.may_call_in_plaintext(self.address.ip()) {
            return Err(io::Error::other(
                "http goes no further than loopback here; the URI must begin with https",
            ));
        }
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let Some(name) = &self.name else { return Ok(Box::new(stream)) };
        let config = self
            .credentials
            .client()
            .ok_or_else(|| io::Error::other("an https peer needs tls-ca, to know it by its certificate"))?;
        Ok(Box::new(TlsConnector::from(config).connect(name.clone(), stream).await?))
    }
}

impl Service<Uri> for Dial {
    type Response = TokioIo<Box<dyn Stream>>;
    type Error = Unreachable;
    type Future = BoxFuture<'static, Result<Self::Response, Unreachable>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Unreachable>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        Box::pin(self.clone().connect())
    }
}
