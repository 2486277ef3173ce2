//! A TCP proxy before PostgreSQL that can lose the answer to a COMMIT.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// A running proxy.
pub struct Proxy {
    /// Its port on the loopback interface.
    pub port: u16,
    armed: Arc<AtomicBool>,
}

impl Proxy {
    /// Forwards to the server that the URL names.
    pub async fn to(url: &str) -> Self {
        let upstream = url.split(['@', '/']).find(|part| part.starts_with("127.0.0.1:")).unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let armed = Arc::new(AtomicBool::new(false));
        let this = Self { port, armed: armed.clone() };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&upstream).await.unwrap();
                tokio::spawn(forward(client, server, armed.clone()));
            }
        });
        this
    }

    /// The next COMMIT reaches the server, and its answer is lost with the connection.
    pub fn lose_next_commit(&self) {
        self.armed.store(true, Ordering::SeqCst);
    }
}

async fn forward(mut client: TcpStream, mut server: TcpStream, armed: Arc<AtomicBool>) {
    let (mut asked, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(length @ 1..) = read else { return };
                server.write_all(&asked[..length]).await.unwrap();
                let commits = asked[..length].windows(6).any(|text| text == b"COMMIT");
                if commits && armed.swap(false, Ordering::SeqCst) {
                    // The server has answered, so it has committed; both connections end here.
                    assert!(server.read(&mut answered).await.unwrap() > 0);
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
