//! What Prometheus reads.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// `GET /metrics`, as text.
pub async fn scrape(address: SocketAddr) -> String {
    try_scrape(address).await.unwrap_or_else(|error| panic!("{address} is not scraped: {error}"))
}

/// The same, where it may fail.
pub async fn try_scrape(address: SocketAddr) -> std::io::Result<String> {
    let mut connection = TcpStream::connect(address).await?;
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(std::io::ErrorKind::InvalidData)?;
    assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("text/plain; version=0.0.4"), "{head}");
    Ok(body.to_owned())
}

/// Series and their values.
#[derive(Debug, Default, Clone)]
pub struct Series(BTreeMap<String, f64>);

impl Series {
    /// Reads the text format.
    pub fn read(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let read = |line: &str| {
            let (series, value) = line.rsplit_once(' ').expect("a series and its value");
            (series.to_owned(), value.parse().expect("a number"))
        };
        Self(lines.map(read).collect())
    }

    /// The names, without labels and the endings of histograms.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|series| series.split('{').next().unwrap_or_default())
    }

    /// The sum of all series of a name that have all these labels, written as `label="value"`.
    pub fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        let of_name = self.0.iter().filter(|(series, _)| series.split('{').next() == Some(name));
        let matching = of_name.filter(|(series, _)| labels.iter().all(|label| series.contains(label)));
        matching.map(|(_, value)| value).sum()
    }

    /// The values of a label among all series of a name.
    pub fn values_of(&self, name: &str, label: &str) -> BTreeSet<&str> {
        let of_name = self.0.keys().filter(|series| series.split('{').next() == Some(name));
        let start = format!("{label}=\"");
        of_name.filter_map(|series| series.split_once(&start)?.1.split('"').next()).collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
