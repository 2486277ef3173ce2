//! Opening, migrating, reopening.

use segue_store::{Database, Engine, Settings, StoreError};

use crate::engines::{Engines, MIGRATIONS, amount, open, write_item};

segue_testkit::on_every_engine!(crate::engines::on =>
    migrations_apply_and_are_kept_on_reopening,
    an_acknowledged_write_is_there_after_reopening,
);

async fn migrations_apply_and_are_kept_on_reopening(engines: &Engines) {
    let url = engines.url();
    for round in 0..3 {
        let db = open(&url).await;
        db.ping().await.unwrap();
        write_item(&db, format!("round-{round}"), round).await.unwrap();
        db.close().await;
        assert_eq!(db.ping().await, Err(StoreError::Unavailable));
    }
}

async fn an_acknowledged_write_is_there_after_reopening(engines: &Engines) {
    let url = engines.url();
    let db = open(&url).await;
    write_item(&db, "kept", 7).await.unwrap();
    if db.engine() == Engine::SqliteMemory {
        return; // It is gone with its handle, by design.
    }
    db.close().await;
    assert_eq!(amount(&open(&url).await, "kept").await, Some(7));
}

#[tokio::test]
async fn a_url_of_no_known_engine_is_refused() {
    for url in ["", "mysql://root:hush@localhost/db", "segue.db", "postgres:/x"] {
        let error = Database::open(&Settings::of_url(url), MIGRATIONS).await.unwrap_err();
        assert_eq!(error, StoreError::Url, "{url}");
        assert!(!error.to_string().contains("hush"));
    }
}
