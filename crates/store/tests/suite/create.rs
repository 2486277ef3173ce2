//! Databases that are made on a server, for one process at a time.

use segue_store::{Database, Settings, StoreError, claim_databases};
use segue_testkit::{Postgres, wait_for};

use crate::engines::MIGRATIONS;

#[tokio::test(flavor = "multi_thread")]
async fn databases_are_made_once_and_held_by_one() {
    let postgres = Postgres::start();
    let url = postgres.database();
    let names = ["one_made", "two_made"].map(str::to_owned);
    let claim = claim_databases(&url, &names).await.unwrap().expect("nobody has it");
    assert!(claim_databases(&url, &names).await.unwrap().is_none(), "somebody has it");
    let made = format!("{}/two_made", url.rsplit_once('/').unwrap().0);
    Database::open(&Settings::of_url(made), MIGRATIONS).await.unwrap().close().await;
    drop(claim);
    wait_for("the claim to end with its connection", async || {
        claim_databases(&url, &names).await.unwrap().is_some()
    })
    .await;
    for name in ["", "Upper", "a\"; DROP DATABASE b; --"] {
        wait_for("the claim before", async || match claim_databases(&url, &[name.to_owned()]).await {
            Ok(claim) => claim.is_some_and(|_| panic!("{name} was made")),
            Err(error) => error == StoreError::Failed,
        })
        .await;
    }
    let refused = claim_databases("sqlite::memory:", &names).await.unwrap_err();
    assert_eq!(refused, StoreError::Url);
}
