//! Taking connections in, with or without TLS. The server library's own TLS can't change its certificate while it runs.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::transport::server::Connected;

use super::Credentials;
use crate::{identity::spiffe, seldom::Seldom};

/// A caller that has not shown who it is by then is not worth waiting for.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(5);
/// More would only wait for the processor; connections beyond wait in the listener's own queue.
const MAX_HANDSHAKES: usize = 1024;
/// When the system has no sockets left, others have to be closed first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What is known of a connection's other end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Accepted {
    /// The SPIFFE id of its certificate.
    pub(crate) spiffe_id: Option<Arc<str>>,
}

/// A connection that was taken in.
pub(crate) enum Connection {
    /// Without TLS.
    Plain(TcpStream),
    /// With TLS; boxed, as its state is large.
    Tls(Box<TlsStream<TcpStream>>, Accepted),
}

impl Connected for Connection {
    type ConnectInfo = Accepted;

    fn connect_info(&self) -> Accepted {
        match self {
            Self::Plain(_) => Accepted::default(),
            Self::Tls(_, accepted) => accepted.clone(),
        }
    }
}

/// The connections of a listener. With a certificate each is a TLS connection; handshakes go on beside each other, so a
/// slow one delays nobody.
pub(crate) fn accept(
    listener: TcpListener,
    credentials: Credentials,
) -> impl Stream<Item = io::Result<Connection>> {
    let (sender, receiver) = mpsc::channel(MAX_HANDSHAKES);
    tokio::spawn(async move {
        tokio::select! {
            () = sender.closed() => {}
            () = take_all(&listener, &credentials, &sender) => {}
        }
    });
    ReceiverStream::new(receiver)
}

async fn take_all(
    listener: &TcpListener,
    credentials: &Credentials,
    sender: &mpsc::Sender<io::Result<Connection>>,
) {
    let handshakes = Arc::new(Semaphore::new(MAX_HANDSHAKES));
    loop {
        let Ok(turn) = handshakes.clone().acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken in");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Without it small answers wait for the acknowledgement of earlier ones. A failure means that it is closed again.
        drop(stream.set_nodelay(true));
        let Some(config) = credentials.server() else {
            if sender.send(Ok(Connection::Plain(stream))).await.is_err() {
                return;
            }
            continue;
        };
        let sender = sender.clone();
        tokio::spawn(async move {
            let _turn = turn;
            match timeout(HANDSHAKE_LIMIT, TlsAcceptor::from(config).accept(stream)).await {
                Ok(Ok(stream)) => {
                    let accepted =
                        Accepted { spiffe_id: spiffe::id_of(stream.get_ref().1.peer_certificates()) };
                    drop(sender.send(Ok(Connection::Tls(Box::new(stream), accepted))).await);
                }
                Ok(Err(error)) => failed(&error.to_string()),
                Err(_) => failed("took too long"),
            }
        });
    }
}

static TOLD: Seldom = Seldom::new();

/// Anybody can make this happen all the time.
fn failed(error: &str) {
    if let Some(untold) = TOLD.now() {
        tracing::info!(error, untold, "a connection could not be opened");
    }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream, _) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream, _) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Tls(stream, _) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream, _) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream, _) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream, _) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
