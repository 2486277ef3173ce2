//! Accepts connections, with or without TLS. The server library's own TLS can't change its certificate while it runs, and waits
//! without limit for a connection's first bytes.

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use tokio::{
    io::AsyncReadExt as _,
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tokio_stream::{Stream, wrappers::ReceiverStream};

use super::{
    Credentials,
    connection::{Connection, Io, PREFACE, Shown},
};
use crate::{
    log_throttle::LogThrottle,
    overload::{Connections, MAX_OPENING},
    shares::Full,
};

/// A connection whose handshake and preface take longer is closed.
const OPENING_LIMIT: Duration = Duration::from_secs(5);
/// The pause after a failed accept: when the system has no sockets left, others have to be closed first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts the connections of a listener.
#[derive(Clone)]
pub(crate) struct Callers {
    /// The server's certificate, and the authorities of its callers'.
    pub(crate) credentials: Credentials,
    /// The limits that accepted connections count for.
    pub(crate) connections: Connections,
}

/// The connections of a listener. With a certificate each is a TLS connection. They are opened beside each other, so a slow
/// one delays nobody.
pub(crate) fn accept(listener: TcpListener, callers: Callers) -> impl Stream<Item = io::Result<Connection>> {
    let (sender, receiver) = mpsc::channel(MAX_OPENING);
    tokio::spawn(async move {
        tokio::select! {
            () = sender.closed() => {}
            () = take_all(&listener, &callers, &sender) => {}
        }
    });
    ReceiverStream::new(receiver)
}

async fn take_all(listener: &TcpListener, callers: &Callers, sender: &mpsc::Sender<io::Result<Connection>>) {
    let opening = Arc::new(Semaphore::new(MAX_OPENING));
    loop {
        // Further connections wait in the listener's backlog.
        let Ok(turn) = opening.clone().acquire_owned().await else { return };
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken in");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let place = match callers.connections.opening(peer.ip()) {
            Ok(place) => place,
            Err(full) => {
                failed(&too_many(full));
                continue;
            }
        };
        // Otherwise small answers wait for the acknowledgement of earlier ones. A failure means that the connection is closed already.
        drop(stream.set_nodelay(true));
        let (sender, callers) = (sender.clone(), callers.clone());
        tokio::spawn(async move {
            let opened = timeout(OPENING_LIMIT, open(stream, peer.ip(), &callers));
            let opened = tokio::select! {
                () = sender.closed() => return,
                opened = opened => opened.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())),
            };
            drop((turn, place));
            match opened {
                Ok(connection) => drop(sender.send(Ok(connection)).await),
                Err(error) => failed(&error),
            }
        });
    }
}

async fn open(stream: TcpStream, from: IpAddr, callers: &Callers) -> io::Result<Connection> {
    let (mut io, shown) = match callers.credentials.server() {
        None => (Io::Plain(stream), None),
        Some(config) => {
            let stream = TlsAcceptor::from(config).accept(stream).await?;
            let shown = Shown::of(stream.get_ref().1.peer_certificates());
            (Io::Tls(Box::new(stream)), shown.map(Arc::new))
        }
    };
    let mut first_words = [0; PREFACE.len()];
    io.read_exact(&mut first_words).await?;
    if first_words != *PREFACE {
        return Err(io::Error::other("it does not speak HTTP/2"));
    }
    let name = shown.as_ref().map(|shown| &shown.caller);
    // A connection that finds no place is closed at once, so that its client turns to another replica; in the backlog it would wait.
    let place = callers.connections.place(from, name).map_err(too_many)?;
    Ok(Connection::new(io, shown, place))
}

fn too_many(full: Full) -> io::Error {
    io::Error::other(match full {
        Full::Share => "its caller or its network has too many",
        Full::All => "there are too many",
    })
}

static LOG_THROTTLE: LogThrottle = LogThrottle::new();

/// Any client can cause these lines.
fn failed(error: &io::Error) {
    if let Some(untold) = LOG_THROTTLE.admit() {
        tracing::info!(%error, untold, "a connection could not be opened");
    }
}
