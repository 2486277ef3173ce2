//! What a proxy before PostgreSQL does to a connection: it can lose a COMMIT or the answer to it, and refuse LISTEN and connections.

use std::{
    io,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
};

use super::Proxy;

const CHUNK_BYTES: usize = 65_536;

#[derive(Debug, Default)]
pub(super) struct Faults {
    /// The answer to the next COMMIT is lost.
    loses_answer: AtomicBool,
    /// The next COMMIT is lost.
    loses_commit: AtomicBool,
    /// Commits that were lost.
    lost: AtomicUsize,
    /// Whether connections are refused once a commit was lost.
    refuses_after_loss: AtomicBool,
    refuses_to_listen: AtomicBool,
    /// Connections that wanted to listen.
    refused: AtomicUsize,
}

impl Proxy {
    /// The next COMMIT reaches the server, and its answer is lost with the connection.
    pub fn lose_next_commit(&self) {
        self.faults.loses_answer.store(true, SeqCst);
    }

    /// The next COMMIT is lost with its connection before it reaches the server.
    pub fn lose_before_next_commit(&self) {
        self.faults.loses_commit.store(true, SeqCst);
    }

    /// How many commits were lost.
    pub fn lost(&self) -> usize {
        self.faults.lost.load(SeqCst)
    }

    /// Once a commit was lost, connections are refused, or no longer.
    pub fn refuse_after_loss(&self, refuse: bool) {
        self.faults.refuses_after_loss.store(refuse, SeqCst);
    }

    /// Connections that want to LISTEN are cut, or no longer.
    pub fn refuse_to_listen(&self, refuse: bool) {
        self.faults.refuses_to_listen.store(refuse, SeqCst);
    }

    /// How many were cut.
    pub fn refused(&self) -> usize {
        self.faults.refused.load(SeqCst)
    }
}

impl Faults {
    pub fn refuses(&self) -> bool {
        self.refuses_after_loss.load(SeqCst) && self.lost() > 0
    }

    /// Forwards until either side ends, or a fault ends both.
    pub async fn forward(&self, client: &mut TcpStream, server: &mut TcpStream) {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let answer_is_lost = AtomicBool::new(false);
        tokio::select! {
            ended = self.forward_asked(from_client, to_server, &answer_is_lost) => drop(ended),
            ended = self.forward_answered(from_server, to_client, &answer_is_lost) => drop(ended),
        }
    }

    async fn forward_asked(
        &self,
        mut from: ReadHalf<'_>,
        mut to: WriteHalf<'_>,
        answer_is_lost: &AtomicBool,
    ) -> io::Result<()> {
        let mut bytes = vec![0; CHUNK_BYTES];
        loop {
            let length = from.read(&mut bytes).await?;
            let asked = &bytes[..length];
            let asks = |text: &[u8]| asked.windows(text.len()).any(|part| part == text);
            if asked.is_empty() {
                return Ok(());
            }
            if asks(b"LISTEN \"") && self.refuses_to_listen.load(SeqCst) {
                self.refused.fetch_add(1, SeqCst);
                return Ok(());
            }
            if asks(b"COMMIT") && self.loses_commit.swap(false, SeqCst) {
                self.lost.fetch_add(1, SeqCst);
                return Ok(());
            }
            if asks(b"COMMIT") && self.loses_answer.swap(false, SeqCst) {
                answer_is_lost.store(true, SeqCst);
            }
            to.write_all(asked).await?;
        }
    }

    async fn forward_answered(
        &self,
        mut from: ReadHalf<'_>,
        mut to: WriteHalf<'_>,
        answer_is_lost: &AtomicBool,
    ) -> io::Result<()> {
        let mut bytes = vec![0; CHUNK_BYTES];
        loop {
            let length = from.read(&mut bytes).await?;
            if length == 0 {
                return Ok(());
            }
            if answer_is_lost.load(SeqCst) {
                // The server has answered, so it has committed.
                self.lost.fetch_add(1, SeqCst);
                return Ok(());
            }
            to.write_all(&bytes[..length]).await?;
        }
    }

    fn lost(&self) -> usize {
        self.lost.load(SeqCst)
    }
}
