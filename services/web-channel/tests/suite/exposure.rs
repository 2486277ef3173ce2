//! What the pages give away to whoever reaches them through something else: a proxy, another name, too many connections.

use segue_testkit::{Databases, Storage, request_id};
use serde_json::json;
use tokio::{io::AsyncReadExt as _, net::TcpStream};
use web_channel::{Exposure, PageLimits};

use crate::{
    http::Browser,
    platform::{Running, config, say, sign_in, start_at},
    system::System,
};

async fn running(exposure: Exposure) -> Running {
    Running::of(web_channel::Config { exposure, ..config("sqlite::memory:") }).await
}

fn behind_a_proxy() -> Exposure {
    Exposure {
        public_hosts: "chat.example".parse().unwrap(),
        trusted_proxies: "127.0.0.1".parse().unwrap(),
        ..Exposure::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_desk_refuses_what_came_through_a_proxy() {
    let platform = Running::start("sqlite::memory:").await;
    let mut browser = platform.browser();
    assert_eq!(browser.get("/agent").await.status, 200);
    let form = json!({"request_id": request_id(), "agent": "A1001", "presence": "available"}).to_string();
    for sign in [
        "x-forwarded-for: 203.0.113.7",
        "X-Forwarded-Host: chat.example",
        "x-forwarded-proto: https",
        "forwarded: for=203.0.113.7",
        "via: 1.1 proxy",
        "x-real-ip: 203.0.113.7",
    ] {
        for path in ["/agent", "/api/agent/events?agent=A1001"] {
            let answer = browser.request("GET", path, &[sign], b"").await;
            assert_eq!(answer.refusal(), (403, "FORBIDDEN".to_owned()), "{path} {sign}");
        }
        let headers = ["content-type: application/json", sign];
        let answer = browser.request("POST", "/api/agent/presence", &headers, form.as_bytes()).await;
        assert_eq!(answer.status, 403, "{sign}");
        assert!(answer.text().contains("no sign-in"), "{}", answer.text());
    }
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxy_opens_no_desk_either() {
    let platform = running(Exposure { public_hosts: "localhost".parse().unwrap(), ..behind_a_proxy() }).await;
    let headers = ["host: localhost", "x-forwarded-for: 127.0.0.1"];
    let answer = platform.browser().request("GET", "/agent", &headers, b"").await;
    assert_eq!(answer.status, 403);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_desk_can_be_turned_off() {
    let platform = running(Exposure { desk: false, ..Exposure::default() }).await;
    let mut browser = platform.browser();
    for path in ["/agent", "/api/agent/events?agent=A1001"] {
        assert_eq!(browser.get(path).await.refusal(), (403, "FORBIDDEN".to_owned()), "{path}");
    }
    assert_eq!(browser.get("/chat/app").await.status, 200);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_answer_their_own_hosts_only() {
    let platform = Running::start("sqlite::memory:").await;
    let mut browser = platform.browser();
    for path in ["/", "/chat/app", "/agent", "/static/chat.js", "/api/session?platform=app", "/x"] {
        let answer = browser.request("GET", path, &["host: rebound.example:8080"], b"").await;
        assert_eq!(answer.refusal(), (421, "FORBIDDEN".to_owned()), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        let answer = browser.request("GET", path, &["host:"], b"").await;
        assert_eq!(answer.status, 421, "{path}");
    }
    platform.stop().await;
    let platform = running(behind_a_proxy()).await;
    let mut browser = platform.browser();
    assert_eq!(browser.request("GET", "/chat/app", &["host: Chat.Example"], b"").await.status, 200);
    assert_eq!(browser.get("/chat/app").await.status, 421, "loopback is not on this list");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_tls_cookies_are_of_this_host_and_by_https_only() {
    let platform = running(Exposure { behind_tls: true, ..Exposure::default() }).await;
    let mut browser = platform.browser();
    let answer = crate::platform::start(&mut browser, &request_id()).await;
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-segue_app="), "{cookie}");
    for flag in ["; Path=/", "; Secure", "; HttpOnly", "; SameSite=Strict"] {
        assert!(cookie.contains(flag), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    let hsts = answer.header("strict-transport-security").unwrap();
    assert!(hsts.contains("max-age=31536000"), "{hsts}");
    assert_eq!(say(&mut browser, &request_id(), "hello").await.status, 204);
    let planted = format!("cookie: segue_app={}", browser.secret());
    let answer = platform.browser().request("GET", "/api/events?platform=app", &[&planted], b"").await;
    assert_eq!(answer.status, 401, "a cookie that a sibling domain can set");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxy_says_whether_it_is_https() {
    let platform = running(behind_a_proxy()).await;
    let browser = platform.browser();
    for (scheme, secure) in [("x-forwarded-proto: https", true), ("x-forwarded-proto: http", false)] {
        let headers = ["host: chat.example", scheme];
        let answer = browser.clone().request("GET", "/chat/app", &headers, b"").await;
        assert_eq!(answer.header("strict-transport-security").is_some(), secure, "{scheme}");
    }
    platform.stop().await;
    let platform = Running::start("sqlite::memory:").await;
    let mut browser = platform.browser();
    let answer = browser.request("GET", "/chat/app", &["x-forwarded-proto: https"], b"").await;
    assert!(answer.header("strict-transport-security").is_none(), "anybody can say so");
    let sent = sign_in(&mut browser).await;
    assert!(!sent.is_empty());
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_connections_are_few_and_event_streams_go_on_beside_them() {
    let limits = PageLimits { connections_per_network: 8, ..PageLimits::default() };
    let exposure = Exposure { limits, ..Exposure::default() };
    let platform = running(exposure).await;
    let mut browser = platform.browser();
    sign_in(&mut browser).await;
    let mut events = browser.listen("/api/events?platform=app", "").await;
    let address = platform.address();
    let mut silent = vec![];
    for _ in 0..7 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    let mut refused = TcpStream::connect(address).await.unwrap();
    let closed = tokio::time::timeout(segue_testkit::WAIT, refused.read(&mut [0])).await.unwrap();
    assert!(matches!(closed, Ok(0) | Err(_)), "one too many");
    // The limit of 10 s for a head is for these, not for the stream.
    for stream in &mut silent {
        let closed = tokio::time::timeout(segue_testkit::WAIT, stream.read(&mut [0])).await;
        assert!(matches!(closed, Ok(Ok(0) | Err(_))), "stays open");
    }
    assert_eq!(say(&mut browser, &request_id(), "still here").await.status, 204);
    let text = events.find("entry", |data| data["text"] == "still here").await;
    assert_eq!(text["kind"], "text");
    platform.stop().await;
}

/// A code entered by a customer with an account of their own, whom the proxy has seen at an address; gives the refusal.
async fn guess(mut browser: Browser, account: usize, address: &str, code: &str) -> String {
    let account = format!("guesser-{account}");
    let started = start_at(&mut browser, &account).await;
    assert_eq!(started.status, 201, "{}", started.text());
    let form = json!({"platform": "app", "request_id": request_id(), "code": code}).to_string();
    // What stands first is what the guesser sent.
    let forwarded = format!("x-forwarded-for: 198.51.100.{}, {address}", account.len());
    let headers = ["content-type: application/json", &forwarded];
    browser.request("POST", "/api/redeem", &headers, form.as_bytes()).await.refusal().1
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_count_for_the_address_that_the_proxy_has_seen() {
    let exposure = Exposure { trusted_proxies: "127.0.0.1".parse().unwrap(), ..Exposure::default() };
    let system = System::exposed(&Databases::start(Storage::SqliteMemory), exposure).await;
    let guess = |account, address, code: String| {
        let browser = system.browser();
        async move { guess(browser, account, address, &code).await }
    };
    // One of ten has the right check digit.
    let mut code = String::new();
    for digit in 0..10 {
        let tried = format!("2345 6789 {digit}");
        if guess(digit, "203.0.113.1", tried.clone()).await == "CODE_NOT_ACCEPTED" {
            code = tried;
        }
    }
    // Under accounts that only their guesser names: five.
    let mut account = 100;
    for _ in 0..5 {
        account += 1;
        assert_eq!(guess(account, "203.0.113.7", code.clone()).await, "CODE_NOT_ACCEPTED");
    }
    assert_eq!(guess(200, "203.0.113.7", code.clone()).await, "TOO_MANY_ATTEMPTS");
    assert_eq!(guess(201, "203.0.113.8", code).await, "CODE_NOT_ACCEPTED", "somebody else");
    system.stop().await;
}
