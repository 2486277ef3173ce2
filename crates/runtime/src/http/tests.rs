use axum::routing::{get, post};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpSocket,
    task::JoinHandle,
};

use super::*;

/// Far above the limits here, and below the 30 s that the library has by itself.
const WAIT: Duration = Duration::from_secs(15);

async fn serving(versions: Versions, limits: HttpLimits) -> (SocketAddr, Stop, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = Stop::new();
    let router = Router::new()
        .route("/", get(|| async { "well" }))
        .route("/echo", post(|body: String| async move { body }))
        .route("/large", get(|| async { vec![0u8; 64 * 1024 * 1024] }));
    let served = tokio::spawn(serve(listener, router, versions, limits, stop.clone()));
    (address, stop, served)
}

fn hasty() -> HttpLimits {
    HttpLimits {
        head: Duration::from_millis(500),
        body: Duration::from_millis(500),
        stalled: Duration::from_millis(500),
        ..HttpLimits::new(4000, 2000, 1024)
    }
}

/// From an address of this machine's own choosing.
async fn connect(from: [u8; 4], to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    socket.connect(to).await.unwrap()
}

/// Everything until the other side closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = vec![];
    // A reset says closed, too.
    drop(tokio::time::timeout(WAIT, stream.read_to_end(&mut bytes)).await.expect("stays open"));
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn ask(from: [u8; 4], to: SocketAddr) -> String {
    let mut stream = connect(from, to).await;
    drop(stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await);
    rest(&mut stream).await
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_that_never_end_are_given_up_and_others_answered_beside_them() {
    for versions in [Versions::One, Versions::OneAndTwo] {
        let (address, stop, _) = serving(versions, hasty()).await;
        let mut halves = vec![];
        for index in 0..1500 {
            let mut stream = connect([127, 0, 0, 1], address).await;
            let half: &[u8] = [&b""[..], b"PRI * HT", b"GET / HTTP/1.1\r\nhost: x\r\nx-more: "][index % 3];
            stream.write_all(half).await.unwrap();
            halves.push(stream);
        }
        assert!(ask([127, 0, 0, 1], address).await.ends_with("well"), "{versions:?}");
        for mut half in halves {
            rest(&mut half).await;
        }
        stop.now();
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let (address, _stop, _) = serving(Versions::OneAndTwo, hasty()).await;
    let mut stream = connect([127, 0, 0, 1], address).await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(rest(&mut stream).await.ends_with("well"));
}

#[tokio::test]
async fn bodies_have_a_time_and_a_size() {
    let (address, _stop, _) = serving(Versions::One, hasty()).await;
    let head = |length: usize| format!("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n");
    let mut slow = connect([127, 0, 0, 1], address).await;
    slow.write_all((head(100) + "half").as_bytes()).await.unwrap();
    assert!(rest(&mut slow).await.starts_with("HTTP/1.1 400"), "too slow");
    let mut large = connect([127, 0, 0, 1], address).await;
    large.write_all((head(2000) + &"x".repeat(2000)).as_bytes()).await.unwrap();
    assert!(rest(&mut large).await.starts_with("HTTP/1.1 413"), "too large");
}

#[tokio::test]
async fn a_head_has_a_size() {
    let (address, _stop, _) = serving(Versions::One, hasty()).await;
    let mut stream = connect([127, 0, 0, 1], address).await;
    let head = format!("GET / HTTP/1.1\r\nhost: x\r\nx-large: {}\r\n\r\n", "x".repeat(20_000));
    drop(stream.write_all(head.as_bytes()).await);
    assert!(!rest(&mut stream).await.contains("200 OK"));
}

#[tokio::test]
async fn an_answer_that_nobody_reads_is_given_up() {
    let (address, stop, served) = serving(Versions::One, hasty()).await;
    let mut stream = connect([127, 0, 0, 1], address).await;
    stream.write_all(b"GET /large HTTP/1.0\r\n\r\n").await.unwrap();
    stream.read_u8().await.unwrap();
    stop.now();
    tokio::time::timeout(WAIT, served).await.expect("waits for the reader").unwrap();
}

#[tokio::test]
async fn a_network_has_so_many_connections_and_a_proxy_as_many_as_all() {
    let limits = HttpLimits { proxies: "127.0.0.9".parse().unwrap(), ..HttpLimits::new(12, 4, 1024) };
    let (address, _stop, _) = serving(Versions::One, limits).await;
    let mut held = vec![];
    for _ in 0..4 {
        held.push(connect([127, 0, 0, 1], address).await);
    }
    assert_eq!(ask([127, 0, 0, 1], address).await, "", "the network has its share");
    assert!(ask([127, 0, 0, 2], address).await.ends_with("well"), "another has its own");
    for _ in 0..8 {
        held.push(connect([127, 0, 0, 9], address).await);
    }
    assert_eq!(ask([127, 0, 0, 2], address).await, "", "there are enough in all");
}
