//! A visitor of the pages, whom a trusted proxy on this machine has seen at an address.

use std::net::SocketAddr;

use segue_testkit::request_id;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// It speaks HTTP/1.0: an answer is what comes until the connection ends.
#[derive(Debug, Clone)]
pub struct Visitor {
    pages: SocketAddr,
    from: String,
    cookie: String,
}

/// What a visitor is told.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub text: String,
}

impl Answer {
    fn of(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        Self { status, text }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let head = self.text.split("\r\n\r\n").next()?;
        head.lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    /// Whether it is refused as one that has had its share, and is told when to come again.
    pub fn is_share(&self) -> bool {
        let seconds = self.header("retry-after").and_then(|text| text.parse::<u64>().ok());
        self.status == 429 && self.text.contains("OVERLOADED") && seconds.is_some_and(|seconds| seconds > 0)
    }
}

impl Visitor {
    pub fn new(pages: SocketAddr, from: &str) -> Self {
        Self { pages, from: from.to_owned(), cookie: String::new() }
    }

    /// The same in another conversation.
    pub async fn signed_in(mut self) -> Self {
        let answer = self.start().await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        let cookie = answer.header("set-cookie").unwrap();
        cookie.split(';').next().unwrap().clone_into(&mut self.cookie);
        self
    }

    /// Begins a conversation, which costs nobody an agent.
    pub async fn start(&self) -> Answer {
        let form = json!({
            "platform": "app", "request_id": request_id(), "start_secret": "made-up-by-the-page-of-a-test", "name": "Li Wei",
        });
        self.post("/api/sessions", "application/json", form.to_string().as_bytes()).await
    }

    pub async fn post(&self, path: &str, kind: &str, body: &[u8]) -> Answer {
        let mut stream = self.send("POST", path, kind, body.len()).await;
        // A server that refuses may close while it is still being sent.
        drop(stream.write_all(body).await);
        rest(&mut stream).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        rest(&mut self.send("GET", path, "", 0).await).await
    }

    /// The head of an answer that may never end, and the rest of it.
    pub async fn open(&self, path: &str) -> (Answer, TcpStream) {
        let mut stream = self.send("GET", path, "", 0).await;
        let mut head = vec![];
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => break,
            }
        }
        (Answer::of(&head), stream)
    }

    pub async fn upload(&self, bytes: &[u8]) -> Answer {
        let id = request_id();
        let head = format!(
            "--xyz\r\ncontent-disposition: form-data; name=\"message_id\"\r\n\r\n{id}\r\n--xyz\r\n\
             content-disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\n\r\n"
        );
        let body = [head.as_bytes(), bytes, b"\r\n--xyz--\r\n"].concat();
        self.post("/api/upload?platform=app", "multipart/form-data; boundary=xyz", &body).await
    }

    /// Sends a head whose body is still to come.
    pub async fn send(&self, method: &str, path: &str, kind: &str, length: usize) -> TcpStream {
        let Self { pages, from, cookie } = self;
        let mut stream = TcpStream::connect(pages).await.unwrap();
        let head = format!(
            "{method} {path} HTTP/1.0\r\nhost: {pages}\r\nx-forwarded-for: {from}\r\ncookie: {cookie}\r\n\
             content-type: {kind}\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    }
}

async fn rest(stream: &mut TcpStream) -> Answer {
    let mut bytes = vec![];
    // A reset after the answer is a server that reads no more of what it has refused.
    drop(stream.read_to_end(&mut bytes).await);
    Answer::of(&bytes)
}
