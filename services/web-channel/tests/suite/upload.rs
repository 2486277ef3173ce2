//! Files.

use segue_testkit::{Databases, request_id};

use crate::{
    http::{Answer, Browser},
    platform::{Running, is_kind, sign_in},
};

segue_testkit::on_every_engine!(segue_testkit::with_databases => a_file_is_kept_and_shown_once);

const MEGABYTE: usize = 1024 * 1024;

async fn send(browser: &mut Browser, platform: &str, id: &str, name: &str, bytes: &[u8]) -> Answer {
    let mut body = format!(
        "--xyz\r\ncontent-disposition: form-data; name=\"message_id\"\r\n\r\n{id}\r\n--xyz\r\n\
         content-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n"
    )
    .into_bytes();
    body.extend(bytes);
    body.extend(b"\r\n--xyz--\r\n");
    let path = format!("/api/upload?platform={platform}");
    browser.request("POST", &path, &["content-type: multipart/form-data; boundary=xyz"], &body).await
}

async fn a_file_is_kept_and_shown_once(databases: &Databases) {
    let platform = Running::start(&databases.create()).await;
    let mut browser = platform.browser();
    sign_in(&mut browser).await;
    let bytes: Vec<u8> = (0..4 * MEGABYTE).map(|n| u8::try_from(n % 251).unwrap()).collect();
    let id = request_id();
    for _ in 0..2 {
        let answer = send(&mut browser, "app", &id, "发票.pdf", &bytes).await;
        assert_eq!(answer.status, 204, "{}", answer.text());
    }
    let mut events = browser.listen("/api/events?platform=app", "").await;
    let file = events.find("entry", is_kind("file")).await;
    assert_eq!(
        (file["name"].as_str(), file["size_bytes"].as_u64()),
        (Some("发票.pdf"), Some(4 * 1024 * 1024))
    );
    assert!(events.is_quiet().await, "a repeated upload is one file");
    assert_eq!(send(&mut browser, "app", &id, "other.pdf", b"x").await.refusal().1, "REQUEST_ID_REUSED");

    let path = format!("/api/upload/{}?platform=app", file["upload"].as_str().unwrap());
    let back = browser.get(&path).await;
    assert_eq!(back.header("content-disposition"), Some("attachment"));
    assert_eq!(back.body, bytes);
    let mut stranger = platform.browser();
    assert_eq!(stranger.get(&path).await.status, 401);
    sign_in(&mut stranger).await;
    assert_eq!(stranger.get(&path).await.status, 404, "a file is for its own conversation");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_shown_by_the_name_that_it_has() {
    let platform = Running::start("sqlite::memory:").await;
    let mut browser = platform.browser();
    sign_in(&mut browser).await;
    let answer = send(&mut browser, "app", &request_id(), "invoice\u{202e}fdp\u{200b}.exe", b"x").await;
    assert_eq!(answer.status, 204, "{}", answer.text());
    let mut events = browser.listen("/api/events?platform=app", "").await;
    let file = events.find("entry", is_kind("file")).await;
    assert_eq!(file["name"].as_str(), Some("invoicefdp.exe"));
    let answer = send(&mut browser, "app", &request_id(), "\u{202e}", b"x").await;
    assert_eq!(answer.fields(), ["file.name"], "no name is left");
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_do_not_belong_are_refused() {
    let platform = Running::start("sqlite::memory:").await;
    let mut browser = platform.browser();
    assert_eq!(send(&mut browser, "app", &request_id(), "a", b"x").await.status, 401);
    sign_in(&mut browser).await;
    let large = vec![7; 10 * MEGABYTE + 1];
    let answer = send(&mut browser, "app", &request_id(), "a.bin", &large).await;
    assert_eq!((answer.status, answer.fields()), (413, vec!["file".to_owned()]));
    let answer = send(&mut browser, "app", &request_id(), "a.bin", b"").await;
    assert_eq!((answer.status, answer.fields()), (400, vec!["file".to_owned()]));
    let answer = send(&mut browser, "app", "7", &"n".repeat(201), b"x").await;
    assert_eq!(
        (answer.status, answer.fields()),
        (400, vec!["message_id".to_owned(), "file.name".to_owned()])
    );
    for n in 0..20 {
        assert_eq!(send(&mut browser, "app", &request_id(), &n.to_string(), b"x").await.status, 204);
    }
    let answer = send(&mut browser, "app", &request_id(), "one more", b"x").await;
    assert_eq!((answer.status, answer.fields()), (400, vec!["file".to_owned()]));
    platform.stop().await;
}
