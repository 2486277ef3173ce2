//! The program itself: its settings, its logs, its end.

use std::process::Command;

use segue_core::{Key, Random};
use segue_proto::channel::v1::channel_service_client::ChannelServiceClient;
use segue_runtime::peer::PeerUri;
use segue_testkit::{Process, free_port, request_id, wait_for};
use serde_json::json;

use crate::{
    http::Browser,
    platform::{CODE, delivery, is_kind, say, sign_in},
};

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_web-channel"));
    command.env_clear();
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_serves_logs_no_secret_and_ends_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let (grpc, pages) = (free_port(), free_port());
    let mut command = program();
    command
        .env("SEGUE_DATABASE_URL", format!("sqlite://{}/channel.db?mode=rwc", directory.path().display()))
        .env("SEGUE_CHANNEL_KEY", Key::generate(&Random::secure()).to_base64())
        .env("SEGUE_LOG", "debug")
        .args(["--listen", &format!("127.0.0.1:{grpc}"), "--http-listen", &format!("127.0.0.1:{pages}")])
        .args(["--router-uri", &format!("http://127.0.0.1:{}", free_port())]);
    let mut process = Process::start(command, directory.path(), "web-channel");
    wait_for("the pages", || async { process.log().contains("serving pages") }).await;

    let mut browser = Browser::new(([127, 0, 0, 1], pages).into());
    let session = sign_in(&mut browser).await;
    assert_eq!(say(&mut browser, &request_id(), "my-canary-message").await.status, 204);
    let peer = format!("http://127.0.0.1:{grpc}")
        .parse::<PeerUri>()
        .unwrap()
        .connect(&segue_runtime::Credentials::none());
    let mut card = delivery(&session, "hof_1", 1);
    // Far ahead, as the program goes by the machine's clock.
    card.expire_time = segue_runtime::timestamp(crate::platform::NOW_MS * 2);
    ChannelServiceClient::new(peer).deliver_access_info(card).await.unwrap();
    let mut events = browser.listen("/api/events?platform=app", "").await;
    assert!(!events.find("entry", is_kind("card")).await["card"].is_null());
    let attempt = json!({"platform": "app", "request_id": request_id(), "code": CODE});
    assert_eq!(browser.post("/api/redeem", &attempt).await.status, 503);

    assert!(process.terminate().success(), "{}", process.log());
    assert_eq!(events.next().await, None);
    let log = process.log();
    assert!(log.contains("POST /api/redeem") || log.contains("/api/redeem"), "{log}");
    let secrets = [CODE, "234567891", "Li Wei", "app-4711", "my-canary-message", &browser.secret()];
    for secret in secrets {
        assert!(!log.contains(secret), "{secret} in\n{log}");
    }
}

#[test]
fn wrong_settings_are_reported_together() {
    let output = program()
        .env("SEGUE_CHANNEL_KEY", "hush")
        .args(["--platforms", "App", "--http-listen", "nowhere", "--history-days", "0"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr);
    let expected = [
        "SEGUE_CHANNEL_KEY",
        "--platforms",
        "--http-listen",
        "--history-days",
        "the default of database-url",
    ];
    for name in expected {
        assert!(told.contains(name), "{name} is missing:\n{told}");
    }
    assert!(!told.contains("hush"), "{told}");
}
