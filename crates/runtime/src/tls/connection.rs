use std::{
    io,
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use rustls::pki_types::CertificateDer;
use segue_core::CallerId;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use super::{Credentials, spiffe};
use crate::overload::{ConnectionMemory, Place};

/// The first bytes of every HTTP/2 client, sent without waiting for the server (RFC 9113, section 3.4).
pub(super) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What is known of a connection's other end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Accepted {
    /// Its certificate, if that has a SPIFFE id.
    pub(crate) shown: Option<Arc<Shown>>,
    /// The memory that the messages of its calls take.
    pub(crate) memory: ConnectionMemory,
    /// Its place among the connections. Weak, as calls may go on after their connection has ended.
    pub(crate) place: Weak<Place>,
}

/// A certificate with a SPIFFE id, as it was shown at the handshake.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) spiffe_id: Arc<str>,
    /// The caller whom it proves; to work out its digest for each call would cost more than all other checks.
    pub(crate) caller: CallerId,
    chain: Vec<CertificateDer<'static>>,
    checked: Mutex<Instant>,
}

/// A signature is checked for each call at most this often.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

impl Shown {
    /// The certificate of a handshake, which has just checked it.
    pub(super) fn of(chain: Option<&[CertificateDer<'_>]>) -> Option<Self> {
        let spiffe_id = spiffe::id_of(chain)?;
        let chain = chain?.iter().map(|certificate| certificate.clone().into_owned()).collect();
        let caller = CallerId::of_subject(&spiffe_id);
        Some(Self { spiffe_id, caller, chain, checked: Mutex::new(Instant::now()) })
    }

    /// Whether the certificate is still valid: a connection may outlive it.
    pub(crate) fn is_good(&self, credentials: &Credentials) -> bool {
        let mut checked = self.checked.lock();
        if checked.elapsed() < CHECK_INTERVAL {
            return true;
        }
        let good = credentials.trust_now(&self.chain);
        if good {
            *checked = Instant::now();
        }
        good
    }
}

/// A connection that was opened. Its preface was read already, and is read once more by the server library.
pub(crate) struct Connection {
    io: Io,
    preface_left: &'static [u8],
    accepted: Accepted,
    place: Arc<Place>,
    /// When the connection has to have a name; none when it has one.
    nameless_until: Option<Pin<Box<Sleep>>>,
}

impl Connection {
    pub(super) fn new(io: Io, shown: Option<Arc<Shown>>, place: Place) -> Self {
        let place = Arc::new(place);
        let memory = ConnectionMemory::default();
        let accepted = Accepted { shown, memory, place: Arc::downgrade(&place) };
        let nameless_until = place.nameless_for.map(|time| Box::pin(sleep(time)));
        Self { io, preface_left: PREFACE, accepted, place, nameless_until }
    }

    /// Whether it has been without a name for too long.
    fn poll_nameless(&mut self, cx: &mut Context<'_>) -> bool {
        if self.place.is_named() {
            self.nameless_until = None;
        }
        self.nameless_until.as_mut().is_some_and(|until| until.as_mut().poll(cx).is_ready())
    }
}

impl Connected for Connection {
    type ConnectInfo = Accepted;

    fn connect_info(&self) -> Accepted {
        self.accepted.clone()
    }
}

/// Without TLS, or with it; boxed, as its state is large.
pub(super) enum Io {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.poll_nameless(cx) {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "its caller has shown no name")));
        }
        if self.preface_left.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let (now, later) = self.preface_left.split_at(self.preface_left.len().min(buf.remaining()));
        buf.put_slice(now);
        self.preface_left = later;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

impl AsyncRead for Io {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Io {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
