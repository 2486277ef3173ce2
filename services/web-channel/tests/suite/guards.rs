//! What keeps the pages to those they are for.

use segue_core::Random;
use segue_runtime::{BootError, Parts, Stop};
use segue_testkit::request_id;
use serde_json::json;
use web_channel::bind;

use crate::platform::{Running, config, sign_in};

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_the_security_headers() {
    let platform = Running::start("sqlite::memory:").await;
    let mut browser = platform.browser();
    for (path, status) in [
        ("/", 200),
        ("/chat/app", 200),
        ("/chat/web_chat", 200),
        ("/agent", 200),
        ("/chat/fax", 404),
        ("/x", 404),
    ] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'; script-src 'self'") && !policy.contains("unsafe"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let page = answer.text();
        assert!(!page.contains("{{") && !page.contains("http://") && !page.contains("https://"), "{path}");
        assert!(!page.contains("onclick") && !page.contains("style="), "{path}");
    }
    for file in ["style.css", "common.js", "chat.js", "agent.js"] {
        assert_eq!(browser.get(&format!("/static/{file}")).await.status, 200, "{file}");
    }
    assert!(browser.get("/chat/app").await.text().contains("data-quick-input=\"true\""));
    assert!(browser.get("/chat/web_chat").await.text().contains("data-quick-input=\"false\""));
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_sites_cannot_write_and_strangers_cannot_read() {
    let platform = Running::start("sqlite::memory:").await;
    let mut browser = platform.browser();
    sign_in(&mut browser).await;
    let body = json!({"platform": "app", "message_id": request_id(), "text": "forged"}).to_string();
    let forged = ["content-type: application/json", "origin: https://evil.example"];
    let answer = browser.request("POST", "/api/messages", &forged, body.as_bytes()).await;
    assert_eq!(answer.refusal(), (403, "FORBIDDEN".to_owned()));
    assert!(browser.listen("/api/events?platform=app", "").await.is_quiet().await);
    let mut stranger = platform.browser();
    assert_eq!(
        stranger.get("/api/events?platform=app").await.refusal(),
        (401, "SESSION_NOT_FOUND".to_owned())
    );
    let message = json!({"platform": "app", "message_id": request_id(), "text": "hello"});
    assert_eq!(stranger.post("/api/messages", &message).await.status, 401);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_desk_answers_only_to_this_machine_by_its_own_name() {
    let platform = Running::start("sqlite::memory:").await;
    let mut browser = platform.browser();
    let rebound = ["host: rebound.example:8080"];
    let answer = browser.request("GET", "/api/agent/events?agent=A1001", &rebound, b"").await;
    assert_eq!(answer.refusal(), (421, "FORBIDDEN".to_owned()));
    let answer = browser.get("/api/agent/events?agent=no%20number").await;
    assert_eq!((answer.status, answer.fields()), (400, vec!["agent".to_owned()]));
    let form = json!({"request_id": request_id(), "agent": "A1001", "presence": "available"});
    assert_eq!(browser.post("/api/agent/presence", &form).await.status, 503, "the router is away");
    platform.stop().await;
}

#[tokio::test]
async fn plain_text_beyond_loopback_has_to_be_asked_for() {
    let mut beyond = config("sqlite::memory:");
    beyond.http_listen = ([0, 0, 0, 0], 0).into();
    let parts = Parts { random: Random::seeded(1), ..Parts::real(Stop::new()) };
    assert!(matches!(bind(beyond, parts).await, Err(BootError::Plaintext(_))));
}
