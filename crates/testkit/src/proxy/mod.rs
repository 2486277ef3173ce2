mod faults;

use std::{net::Ipv4Addr, sync::Arc};

use faults::Faults;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

use crate::Postgres;

/// A TCP proxy on the loopback interface, which a test makes fall silent, lead elsewhere, or lose what PostgreSQL is asked and answers.
///
/// It runs on the runtime that it was started on. All its connections are closed when the handle is dropped.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    route: watch::Sender<Route>,
    faults: Arc<Faults>,
    accepting: JoinHandle<()>,
}

#[derive(Debug, Clone, Copy)]
struct Route {
    target: u16,
    is_silent: bool,
    /// How often it fell silent: a connection that was open then forwards nothing any more.
    silences: u64,
}

impl Proxy {
    /// Forwards to a port of this machine.
    pub async fn start(target: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, crate::free_port())).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let route = watch::Sender::new(Route { target, is_silent: false, silences: 0 });
        let faults = Arc::<Faults>::default();
        let accepting = tokio::spawn(accept(listener, route.subscribe(), faults.clone()));
        Self { port, route, faults, accepting }
    }

    /// Forwards to the PostgreSQL server of a database. Answers the database's URL through the proxy, too.
    pub async fn before(url: &str) -> (Self, String) {
        let (server, name) = url.rsplit_once('/').unwrap();
        let (_, port) = server.rsplit_once(':').unwrap();
        let proxy = Self::start(port.parse().unwrap()).await;
        let through = Postgres::url(name, proxy.port);
        (proxy, through)
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Forwards nothing any more, in either direction, and closes nothing: what a host that vanished looks like. New
    /// connections are accepted, and get no answer.
    pub fn fall_silent(&self) {
        self.route.send_modify(|route| {
            route.is_silent = true;
            route.silences += 1;
        });
    }

    /// Forwards new connections again. Those from before stay dead.
    pub fn speak_again(&self) {
        self.route.send_modify(|route| route.is_silent = false);
    }

    /// Leads new connections to another port. Those that are open stay where they are.
    pub fn lead_to(&self, target: u16) {
        self.route.send_modify(|route| route.target = target);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, route: watch::Receiver<Route>, faults: Arc<Faults>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((client, _)) = accepted && !faults.refuses() {
                connections.spawn(forward(client, route.clone(), faults.clone()));
            },
            // So that those that have ended are not kept.
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn forward(mut client: TcpStream, mut route: watch::Receiver<Route>, faults: Arc<Faults>) {
    let Route { target, is_silent, silences } = *route.borrow_and_update();
    if is_silent {
        return std::future::pending().await;
    }
    // A server that is gone refuses: the client's connection is closed.
    let Ok(mut server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await else { return };
    let falls_silent = async { drop(route.wait_for(|now| now.silences > silences).await) };
    tokio::select! {
        () = faults.forward(&mut client, &mut server) => {}
        // Both stay open, as long as the proxy is there.
        () = falls_silent => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// Answers one byte with its own, to each that connects.
    async fn server(answer: u8) -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    while stream.read_u8().await.is_ok() {
                        stream.write_u8(answer).await.unwrap();
                    }
                });
            }
        });
        port
    }

    async fn ask(stream: &mut TcpStream) -> Option<u8> {
        stream.write_u8(0).await.unwrap();
        tokio::time::timeout(Duration::from_millis(200), stream.read_u8()).await.ok().map(Result::unwrap)
    }

    #[tokio::test]
    async fn it_falls_silent_and_leads_elsewhere() {
        let proxy = Proxy::start(server(1).await).await;
        let connect = || TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port()));
        let mut first = connect().await.unwrap();
        assert_eq!(ask(&mut first).await, Some(1));
        proxy.lead_to(server(2).await);
        assert_eq!(ask(&mut first).await, Some(1), "an open connection stays where it is");
        let mut second = connect().await.unwrap();
        assert_eq!(ask(&mut second).await, Some(2));
        proxy.fall_silent();
        let mut unheard = connect().await.unwrap();
        for stream in [&mut first, &mut second, &mut unheard] {
            assert_eq!(ask(stream).await, None);
        }
        proxy.speak_again();
        assert_eq!(ask(&mut connect().await.unwrap()).await, Some(2));
        for stream in [&mut first, &mut second, &mut unheard] {
            assert_eq!(ask(stream).await, None, "a connection from before stays dead");
        }
    }
}
