//! A customer's conversation.

use segue_testkit::{Databases, request_id};
use serde_json::json;

use crate::platform::{
    CODE, Running, START_SECRET, closing, delivery, is_kind, say, sign_in, start, start_with,
};

segue_testkit::on_every_engine!(segue_testkit::with_databases =>
    messages_are_written_once_and_in_order,
    a_repeated_start_is_one_conversation,
    a_start_repeated_by_a_stranger_is_another_conversation
);

const EVENTS: &str = "/api/events?platform=app";

async fn messages_are_written_once_and_in_order(databases: &Databases) {
    let platform = Running::start(&databases.create()).await;
    let mut browser = platform.browser();
    sign_in(&mut browser).await;
    let mut events = browser.listen(EVENTS, "").await;
    let first = request_id();
    for (id, text) in [(&first, "one"), (&request_id(), "two"), (&first, "one")] {
        assert_eq!(say(&mut browser, id, text).await.status, 204);
    }
    for (seq, text) in [("1", "one"), ("2", "two")] {
        let (kind, id, data) = events.next().await.unwrap();
        assert_eq!((kind.as_str(), id.as_str(), data["text"].as_str()), ("entry", seq, Some(text)));
        assert_eq!(data["author"], "customer");
    }
    assert!(events.is_quiet().await);
    assert_eq!(say(&mut browser, &first, "other").await.refusal(), (409, "REQUEST_ID_REUSED".to_owned()));
    let mut resumed = browser.listen(EVENTS, "1").await;
    assert_eq!(resumed.next().await.unwrap().2["text"], "two");

    // Many at once: all are there, numbered without a gap.
    let writing = (0..20).map(|n| {
        let mut browser = browser.clone();
        tokio::spawn(async move { say(&mut browser, &request_id(), &format!("m{n}")).await.status })
    });
    for written in writing.collect::<Vec<_>>() {
        assert_eq!(written.await.unwrap(), 204);
    }
    for seq in 3..=22 {
        assert_eq!(events.next().await.unwrap().1, seq.to_string());
    }
    platform.stop().await;
}

async fn a_repeated_start_is_one_conversation(databases: &Databases) {
    let platform = Running::start(&databases.create()).await;
    let (mut browser, id) = (platform.browser(), request_id());
    let first = start(&mut browser, &id).await;
    assert!(first.header("set-cookie").unwrap().contains("HttpOnly; SameSite=Strict"), "{}", first.head);
    let before = browser.clone();
    let again = start(&mut browser, &id).await;
    assert_eq!(first.json()["session"], again.json()["session"]);
    assert_ne!(first.header("set-cookie"), again.header("set-cookie"), "a lost cookie is replaced");
    assert_eq!(browser.get("/api/session?platform=app").await.json()["name"], "Li Wei");
    assert_eq!(
        before.clone().get("/api/session?platform=app").await.status,
        204,
        "the lost cookie opens nothing"
    );
    assert_eq!(
        browser.get("/api/session?platform=web_chat").await.status,
        204,
        "a cookie is for its platform"
    );
    platform.stop().await;
}

/// The services that a conversation needs are away: plain words, and nothing left behind.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_other_services_nothing_is_half_done() {
    let platform = Running::start("sqlite::memory:").await;
    let mut browser = platform.browser();
    let form = json!({"platform": "web_chat", "request_id": request_id(), "start_secret": START_SECRET, "name": "Li", "phone": "+8613800138000"});
    let answer = browser.post("/api/sessions", &form).await;
    assert_eq!(answer.refusal(), (503, "DEPENDENCY_UNAVAILABLE".to_owned()));
    assert!(answer.json()["message"].as_str().unwrap().contains("try again"));
    assert!(answer.header("set-cookie").is_none());
    assert_eq!(browser.get("/api/session?platform=web_chat").await.status, 204);

    sign_in(&mut browser).await;
    let answer = browser.post("/api/contact", &json!({"platform": "app"})).await;
    assert_eq!(answer.refusal(), (503, "DEPENDENCY_UNAVAILABLE".to_owned()));
    let code = json!({"platform": "app", "request_id": request_id(), "code": CODE});
    assert_eq!(browser.post("/api/redeem", &code).await.status, 503);
    let view = browser.get("/api/session?platform=app").await.json();
    assert_eq!((view["contact_id"].as_str(), view["agent"].as_str()), (Some(""), Some("")));
    platform.stop().await;
}

/// Nothing that people say, are called or could open doors with is on the disk.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_personal_is_at_rest_in_the_clear() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", directory.path().join("channel.db").display());
    let platform = Running::start(&url).await;
    let mut browser = platform.browser();
    let session = sign_in(&mut browser).await;
    say(&mut browser, &request_id(), "my-canary-message").await;
    let mut channel = platform.channel();
    channel.deliver_access_info(delivery(&session, "hof_1", 1)).await.unwrap();
    let mut events = browser.listen(EVENTS, "").await;
    events.find("entry", is_kind("card")).await;
    let disk = |when: &str| {
        let mut all = vec![];
        for entry in std::fs::read_dir(directory.path()).unwrap() {
            all.extend(std::fs::read(entry.unwrap().path()).unwrap());
        }
        assert!(all.windows(session.len()).any(|w| w == session.as_bytes()), "{when}: nothing is stored");
        for canary in ["Li Wei", "app-4711", "my-canary-message", CODE, "app.example"] {
            assert!(!all.windows(canary.len()).any(|w| w == canary.as_bytes()), "{when}: {canary}");
        }
    };
    disk("while it goes on");
    channel.close_session(closing(&session)).await.unwrap();
    disk("when it is over");
    platform.stop().await;
}

/// Whoever knows the request id of a customer's start gets neither the conversation nor its name, and the customer's cookie lives on.
async fn a_start_repeated_by_a_stranger_is_another_conversation(databases: &Databases) {
    let platform = Running::start(&databases.create()).await;
    let (mut customer, mut stranger, id) = (platform.browser(), platform.browser(), request_id());
    let session = start(&mut customer, &id).await.json()["session"].clone();
    let other = start_with(&mut stranger, &id, "guessed-by-somebody-else").await;
    assert_eq!(other.status, 201);
    assert_ne!(other.json()["session"], session);
    assert_eq!(say(&mut customer, &request_id(), "still here").await.status, 204);
    assert_eq!(customer.get("/api/session?platform=app").await.json()["session"], session);
    platform.stop().await;
}
