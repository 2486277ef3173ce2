//! A TCP proxy before PostgreSQL that can lose a COMMIT or the answer to it, and refuse LISTEN and connections.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// A running proxy.
pub struct Proxy {
    /// Its port on the loopback interface.
    pub port: u16,
    faults: Arc<Faults>,
}

#[derive(Default)]
struct Faults {
    /// The answer to the next COMMIT is lost.
    armed: AtomicBool,
    /// The next COMMIT is lost.
    armed_before: AtomicBool,
    /// Commits that were lost.
    lost: AtomicUsize,
    /// Whether connections are refused once a commit was lost.
    closes: AtomicBool,
    deaf: AtomicBool,
    refused: AtomicUsize,
}

impl Proxy {
    /// Forwards to the server that the URL names.
    pub async fn to(url: &str) -> Self {
        let upstream = url.split(['@', '/']).find(|part| part.starts_with("127.0.0.1:")).unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let faults = Arc::<Faults>::default();
        let this = Self { port, faults: faults.clone() };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if faults.refuses() {
                    continue;
                }
                let server = TcpStream::connect(&upstream).await.unwrap();
                tokio::spawn(forward(client, server, faults.clone()));
            }
        });
        this
    }

    /// The next COMMIT reaches the server, and its answer is lost with the connection.
    pub fn lose_next_commit(&self) {
        self.faults.armed.store(true, SeqCst);
    }

    /// The next COMMIT is lost with its connection before it reaches the server.
    pub fn lose_before_next_commit(&self) {
        self.faults.armed_before.store(true, SeqCst);
    }

    /// How many commits were lost.
    pub fn lost(&self) -> usize {
        self.faults.lost.load(SeqCst)
    }

    /// Once a commit was lost, connections are refused, or no longer.
    pub fn refuse_after_loss(&self, refuse: bool) {
        self.faults.closes.store(refuse, SeqCst);
    }

    /// Connections that want to LISTEN are cut, or no longer.
    pub fn refuse_to_listen(&self, refuse: bool) {
        self.faults.deaf.store(refuse, SeqCst);
    }

    /// How many were cut.
    pub fn refused(&self) -> usize {
        self.faults.refused.load(SeqCst)
    }
}

impl Faults {
    fn refuses(&self) -> bool {
        self.closes.load(SeqCst) && self.lost.load(SeqCst) > 0
    }
}

async fn forward(mut client: TcpStream, mut server: TcpStream, faults: Arc<Faults>) {
    let (mut asked, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(length @ 1..) = read else { return };
                let asks = |text: &[u8]| asked[..length].windows(text.len()).any(|part| part == text);
                if asks(b"LISTEN \"") && faults.deaf.load(SeqCst) {
                    faults.refused.fetch_add(1, SeqCst);
                    return;
                }
                if asks(b"COMMIT") && faults.armed_before.swap(false, SeqCst) {
                    faults.lost.fetch_add(1, SeqCst);
                    return;
                }
                server.write_all(&asked[..length]).await.unwrap();
                if asks(b"COMMIT") && faults.armed.swap(false, SeqCst) {
                    // The server has answered, so it has committed; both connections end here.
                    assert!(server.read(&mut answered).await.unwrap() > 0);
                    faults.lost.fetch_add(1, SeqCst);
                    return;
                }
            }
            read = server.read(&mut answered) => {
                let Ok(length @ 1..) = read else { return };
                if client.write_all(&answered[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}
