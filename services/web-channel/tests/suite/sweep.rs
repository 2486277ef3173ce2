//! What is forgotten, and when.

use segue_store::{Database, Settings, StoreError};
use segue_testkit::{Databases, Storage, request_id, wait_for};
use sqlx::{Executor as _, Row as _};

use crate::platform::{NOW_MS, Running, config, delivery, say, sign_in};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

segue_testkit::on_durable_engines!(dead_cards_are_emptied_and_old_conversations_forgotten);

async fn dead_cards_are_emptied_and_old_conversations_forgotten(storage: Storage) {
    let databases = Databases::start(storage);
    let url = databases.create();
    let platform = Running::start(&url).await;
    let mut browser = platform.browser();
    let session = sign_in(&mut browser).await;
    say(&mut browser, &request_id(), "hello").await;
    platform.channel().deliver_access_info(delivery(&session, "hof_1", 1)).await.unwrap();
    let look = Database::open(&Settings::of_url(&url), web_channel::migrations()).await.unwrap();
    assert!(number(&look, "SELECT CAST(MAX(LENGTH(content)) AS BIGINT) AS n FROM cards").await > 0);
    platform.stop().await;

    let later = Running::at(config(&url), NOW_MS + 600_000).await;
    wait_for("the card's content to go", || async {
        number(&look, "SELECT CAST(MAX(LENGTH(content)) AS BIGINT) AS n FROM cards").await == 0
    })
    .await;
    assert_eq!(number(&look, "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM entries").await, 2);
    // The card's row stays, so that a late repetition of the delivery is still known.
    later.channel().deliver_access_info(delivery(&session, "hof_1", 1)).await.unwrap();
    assert_eq!(number(&look, "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM entries").await, 2);
    later.stop().await;

    let much_later = Running::at(config(&url), NOW_MS + 32 * DAY_MS).await;
    for sql in [
        "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM sessions",
        "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM entries",
        "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM cards",
    ] {
        wait_for(sql, || async { number(&look, sql).await == 0 }).await;
    }
    much_later.stop().await;
}

async fn number(database: &Database, sql: &'static str) -> i64 {
    let row = database.read(async |conn| Ok::<_, StoreError>(conn.fetch_one(sql).await?)).await;
    row.unwrap().try_get("n").unwrap()
}
