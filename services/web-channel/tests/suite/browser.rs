//! The pages in a real browser: `tests/browser/handoff.mjs` plays customer and agent.

use segue_testkit::{Databases, Storage, repository};
use tokio::process::Command;

use crate::system::{ACCOUNT, AGENT, PHONE, System};

#[tokio::test(flavor = "multi_thread")]
async fn a_handoff_works_in_a_browser() {
    let databases = Databases::start(Storage::SqliteFile);
    let system = System::start(&databases).await;
    let pictures = std::env::var_os("SCREENSHOTS").unwrap_or_else(|| databases.directory().into());
    let played = Command::new("node")
        .arg(repository().join("tests/browser/handoff.mjs"))
        .env("BASE_URL", system.base_url())
        .env("AGENT", AGENT)
        .env("PHONE", PHONE)
        .env("APP_ACCOUNT", ACCOUNT)
        .env("SCREENSHOTS", pictures)
        .output()
        .await
        .expect("node is missing: cargo xtask tools");
    let (out, errors) = (String::from_utf8_lossy(&played.stdout), String::from_utf8_lossy(&played.stderr));
    assert!(played.status.success(), "{out}{errors}");
    assert!(out.contains("ok 14 - "), "{out}");
    system.stop().await;
}
