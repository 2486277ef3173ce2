//! The pages in a real browser: `handoff.mjs` plays customer and agent. Pictures of what they see are left in
//! `target/screenshots`.

use std::process::Command;

use segue::demo_data::{DEMO_AGENT, demo_customer};
use segue_testkit::{Storage, repository};
use segue_tests::{Fixture, InProcess};

#[tokio::test(flavor = "multi_thread")]
async fn a_handoff_works_in_a_browser() {
    let system = InProcess::start(Storage::SqliteFile).await;
    Fixture::load(&system.addresses).await;
    let pictures = repository().join("target/screenshots");
    let mut script = Command::new("node");
    script
        .arg(repository().join("tests/browser/handoff.mjs"))
        .env("BASE_URL", format!("http://{}", system.addresses.pages))
        .env("AGENT", DEMO_AGENT)
        .env("PHONE", demo_customer().unwrap().phone)
        .env("APP_ACCOUNT", Fixture::account())
        .env("SCREENSHOTS", &pictures);
    let played = tokio::task::spawn_blocking(move || script.output()).await.unwrap();
    let played = played.expect("node is missing: cargo xtask tools");
    let (out, errors) = (String::from_utf8_lossy(&played.stdout), String::from_utf8_lossy(&played.stderr));
    assert!(played.status.success(), "{out}{errors}");
    assert!(out.contains("ok 14 - "), "{out}");
    for picture in ["1-source-access-card", "2-desk-handed-off", "4-desk-new-contact", "6-source-closed"] {
        assert!(pictures.join(format!("{picture}.png")).exists(), "{picture} was taken");
    }
    system.stop().await;
}
