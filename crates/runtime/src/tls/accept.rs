//! Taking connections in, with or without TLS. The server library's own TLS can't change its certificate while it runs, and
//! it waits without end for a connection's first words.

use std::{io, sync::Arc, time::Duration};

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
    connection::{Accepted, Connection, Io, PREFACE, Shown},
};
use crate::{
    overload::{ConnectionMemory, Places},
    seldom::Seldom,
};

/// A caller that has not shown who it is and said its first words by then is not worth waiting for.
const OPENING_LIMIT: Duration = Duration::from_secs(5);
/// More would only wait for the processor; connections beyond wait in the listener's own queue.
const MAX_OPENING: usize = 1024;
/// When the system has no sockets left, others have to be closed first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Whom connections are taken from.
#[derive(Clone)]
pub(crate) struct Callers {
    /// What to show them, and whose certificates to trust.
    pub(crate) credentials: Credentials,
    /// Places of those without a certificate, where nobody but probes needs to be without one.
    pub(crate) strangers: Option<Arc<Places>>,
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
        let Ok(turn) = opening.clone().acquire_owned().await else { return };
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
        let (sender, callers) = (sender.clone(), callers.clone());
        tokio::spawn(async move {
            let opened = timeout(OPENING_LIMIT, open(stream, &callers));
            let opened = tokio::select! {
                () = sender.closed() => return,
                opened = opened => opened.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())),
            };
            drop(turn);
            match opened {
                Ok(connection) => drop(sender.send(Ok(connection)).await),
                Err(error) => failed(&error),
            }
        });
    }
}

async fn open(stream: TcpStream, callers: &Callers) -> io::Result<Connection> {
    let (mut io, shown) = match callers.credentials.server() {
        None => (Io::Plain(stream), None),
        Some(config) => {
            let stream = TlsAcceptor::from(config).accept(stream).await?;
            let shown = Shown::of(stream.get_ref().1.peer_certificates());
            (Io::Tls(Box::new(stream)), shown.map(Arc::new))
        }
    };
    let place = match (&callers.strangers, &shown) {
        (Some(strangers), None) => {
            let place = strangers.take().ok_or_else(|| io::Error::other("too many without a certificate"))?;
            Some(place)
        }
        _ => None,
    };
    let mut first_words = [0; PREFACE.len()];
    io.read_exact(&mut first_words).await?;
    if first_words != *PREFACE {
        return Err(io::Error::other("it does not speak HTTP/2"));
    }
    Ok(Connection::new(io, Accepted { shown, memory: ConnectionMemory::default() }, place))
}

static TOLD: Seldom = Seldom::new();

/// Anybody can make this happen all the time.
fn failed(error: &io::Error) {
    if let Some(untold) = TOLD.now() {
        tracing::info!(%error, untold, "a connection could not be opened");
    }
}
