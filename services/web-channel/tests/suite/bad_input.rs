//! Requests that can't be right: each names every field that is wrong, and changes nothing.

use segue_proto::{
    channel::v1::{CloseSessionRequest, DeliverAccessInfoRequest},
    common::v1::{AccessInfo, CodeFace, ErrorReason},
};
use segue_testkit::{refused, request_id};
use serde_json::{Value, json};
use tonic::Code;

use crate::platform::{Running, START_SECRET, delivery, sign_in};

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_names_all_its_wrong_fields() {
    let platform = Running::start("sqlite::memory:").await;
    let mut channel = platform.channel();
    let outcome = refused(channel.deliver_access_info(DeliverAccessInfoRequest::default()).await);
    assert_eq!((outcome.code, outcome.reason), (Code::InvalidArgument, ErrorReason::InvalidField));
    let expected = [
        "handoff_id",
        "generation",
        "platform",
        "session",
        "target_display_name",
        "expire_time",
        "access_info.faces",
    ];
    assert_eq!(outcome.fields, expected);

    let mut wrong = delivery("ses_1", "hof_1", 1);
    let oversized = CodeFace { kind: 99, display: "x".repeat(2049), ..CodeFace::default() };
    wrong.session = "s".repeat(129);
    wrong.access_info = Some(AccessInfo {
        faces: vec![CodeFace { svg: "x".repeat(300_000), ..oversized.clone() }, CodeFace::default()],
        entry_uri: "javascript:alert(1)".to_owned(),
        message: "m".repeat(2001),
    });
    let expected = [
        "session",
        "access_info.faces[0].kind",
        "access_info.faces[0].display",
        "access_info.faces[0].svg",
        "access_info.faces[1].kind",
        "access_info.faces[1].display",
        "access_info.message",
        "access_info.entry_uri",
    ];
    assert_eq!(refused(channel.deliver_access_info(wrong).await).fields, expected);
    let outcome = refused(channel.close_session(CloseSessionRequest::default()).await);
    assert_eq!(outcome.fields, ["handoff_id", "platform", "session"]);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_names_all_its_wrong_fields() {
    let platform = Running::start("sqlite::memory:").await;
    let mut browser = platform.browser();
    let cases: [(Value, &[&str]); 5] = [
        (
            json!({"platform": "app", "request_id": request_id(), "start_secret": "too short", "name": "x"}),
            &["start_secret"],
        ),
        (
            json!({"platform": "fax", "request_id": request_id(), "start_secret": START_SECRET, "name": "x"}),
            &["platform"],
        ),
        (
            json!({"platform": "web_chat", "request_id": "7", "start_secret": START_SECRET, "name": " "}),
            &["request_id", "name", "phone"],
        ),
        (
            json!({"platform": "web_chat", "request_id": request_id(), "start_secret": START_SECRET, "name": "x", "phone": "138", "member_id": "m".repeat(257)}),
            &["phone", "member_id"],
        ),
        (
            json!({"platform": "app", "request_id": request_id(), "start_secret": START_SECRET, "name": "n".repeat(61), "account": "a".repeat(129)}),
            &["name", "account"],
        ),
    ];
    for (form, expected) in cases {
        let answer = browser.post("/api/sessions", &form).await;
        assert_eq!(answer.fields(), expected, "{form}");
        assert!(answer.header("set-cookie").is_none());
    }
    sign_in(&mut browser).await;
    let cases: [(&str, Value, &[&str]); 4] = [
        ("messages", json!({"platform": "app", "message_id": "x", "text": " "}), &["message_id", "text"]),
        (
            "messages",
            json!({"platform": "app", "message_id": request_id(), "text": "x".repeat(2001)}),
            &["text"],
        ),
        (
            "redeem",
            json!({"platform": "app", "request_id": "", "code": "c".repeat(1025)}),
            &["request_id", "code"],
        ),
        ("redeem", json!({"platform": "app"}), &["body"]),
    ];
    for (path, form, expected) in cases {
        let answer = browser.post(&format!("/api/{path}"), &form).await;
        assert_eq!(
            (answer.status, answer.fields()),
            (400, expected.iter().map(|f| (*f).to_owned()).collect())
        );
    }
    let unknown = json!({"platform": "app", "message_id": request_id(), "text": "x", "agent": "A1"});
    assert_eq!(browser.post("/api/messages", &unknown).await.fields(), ["body"]);
    let large = json!({"platform": "app", "message_id": request_id(), "text": "x".repeat(20_000)});
    assert_eq!(browser.post("/api/messages", &large).await.status, 413);
    assert_eq!(browser.request("POST", "/api/messages", &[], b"{}").await.status, 415);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_is_not_json_is_never_quoted_back() {
    let platform = Running::start("sqlite::memory:").await;
    let mut browser = platform.browser();
    let answer = browser.post("/api/redeem", &json!({"platform": "app", "code": 234_567_891})).await;
    assert!(!answer.text().contains("234567891"), "{}", answer.text());
    platform.stop().await;
}
