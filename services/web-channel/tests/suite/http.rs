//! A browser's side of HTTP. It speaks 1.0, so that an answer is what comes until the connection ends, live ones too.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpSocket, TcpStream},
};

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The status and the reason of a refusal.
    pub(crate) fn refusal(&self) -> (u16, String) {
        (self.status, self.json()["reason"].as_str().unwrap_or_default().to_owned())
    }

    /// The fields that a refusal names.
    pub(crate) fn fields(&self) -> Vec<String> {
        let json = self.json();
        let fields = json["fields"].as_array().unwrap();
        fields.iter().map(|one| one["field"].as_str().unwrap().to_owned()).collect()
    }
}

/// A browser: it keeps its cookies.
#[derive(Clone)]
pub(crate) struct Browser {
    address: SocketAddr,
    /// Where it is itself.
    home: IpAddr,
    cookies: Vec<String>,
}

impl Browser {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, home: Ipv4Addr::LOCALHOST.into(), cookies: vec![] }
    }

    /// The same, on another machine of the loopback network.
    pub(crate) fn at_home_in(self, home: [u8; 4]) -> Self {
        Self { home: home.into(), ..self }
    }

    /// The same browser at another address, as after a restart on another port.
    pub(crate) fn moved_to(&self, other: &Self) -> Self {
        Self { address: other.address, ..self.clone() }
    }

    /// What its first cookie holds.
    pub(crate) fn secret(&self) -> String {
        self.cookies[0].split_once('=').unwrap().1.to_owned()
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.request("GET", path, &[], b"").await
    }

    pub(crate) async fn post(&mut self, path: &str, body: &Value) -> Answer {
        self.request("POST", path, &["content-type: application/json"], body.to_string().as_bytes()).await
    }

    pub(crate) async fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[&str],
        body: &[u8],
    ) -> Answer {
        let mut reader = self.open(method, path, headers, body).await;
        let (status, head) = read_head(&mut reader).await;
        let mut body = vec![];
        reader.read_to_end(&mut body).await.unwrap();
        for line in head.lines() {
            if let Some(cookie) = line.strip_prefix("set-cookie: ") {
                let pair = cookie.split(';').next().unwrap().to_owned();
                let name = pair.split('=').next().unwrap().to_owned() + "=";
                self.cookies.retain(|old| !old.starts_with(&name));
                self.cookies.push(pair);
            }
        }
        Answer { status, head, body }
    }

    /// Live events, as `EventSource` gets them.
    pub(crate) async fn listen(&self, path: &str, last_event_id: &str) -> Events {
        let header = format!("last-event-id: {last_event_id}");
        let headers: Vec<&str> = if last_event_id.is_empty() { vec![] } else { vec![&header] };
        let mut reader = self.open("GET", path, &headers, b"").await;
        let (status, head) = read_head(&mut reader).await;
        assert_eq!(status, 200, "{head}");
        Events { reader }
    }

    async fn open(&self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> BufReader<TcpStream> {
        let mut head = format!("{method} {path} HTTP/1.0\r\n");
        if !headers.iter().any(|header| header.starts_with("host:")) {
            head += &format!("host: {}\r\n", self.address);
        }
        if !self.cookies.is_empty() {
            head += &format!("cookie: {}\r\n", self.cookies.join("; "));
        }
        for header in headers {
            head += &format!("{header}\r\n");
        }
        head += &format!("content-length: {}\r\n\r\n", body.len());
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((self.home, 0).into()).unwrap();
        let mut stream = socket.connect(self.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        // A server that refuses a large body closes while it is still being sent.
        drop(stream.write_all(body).await);
        BufReader::new(stream)
    }
}

async fn read_head(reader: &mut BufReader<TcpStream>) -> (u16, String) {
    let mut head = String::new();
    loop {
        let mut line = String::new();
        let read = reader.read_line(&mut line).await.unwrap();
        if read == 0 || line == "\r\n" {
            break;
        }
        head += &line;
    }
    let status = head.split(' ').nth(1).unwrap_or_default().parse().unwrap_or_default();
    (status, head)
}

pub(crate) struct Events {
    reader: BufReader<TcpStream>,
}

impl Events {
    /// The next event: its kind, its id, and its data. None when the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<(String, String, Value)> {
        tokio::time::timeout(segue_testkit::WAIT, self.read()).await.expect("no event in time")
    }

    /// The next event of a kind whose data fits.
    pub(crate) async fn find(&mut self, kind: &str, fits: impl Fn(&Value) -> bool) -> Value {
        loop {
            let (found, _, data) =
                self.next().await.unwrap_or_else(|| panic!("the stream ended before {kind}"));
            if found == kind && fits(&data) {
                return data;
            }
        }
    }

    /// Whether nothing comes for a moment.
    pub(crate) async fn is_quiet(&mut self) -> bool {
        tokio::time::timeout(Duration::from_millis(300), self.read()).await.is_err()
    }

    async fn read(&mut self) -> Option<(String, String, Value)> {
        let (mut kind, mut id, mut data) = (String::new(), String::new(), String::new());
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line).await.unwrap() == 0 {
                return None;
            }
            match line.trim_end().split_once(": ") {
                Some(("event", value)) => kind = value.to_owned(),
                Some(("id", value)) => id = value.to_owned(),
                Some(("data", value)) => data += value,
                _ if line.trim().is_empty() && !data.is_empty() => {
                    return Some((kind, id, serde_json::from_str(&data).unwrap()));
                }
                _ => {}
            }
        }
    }
}
