//! Readers have the connection of those before them, while its server is there.

use segue_store::{Database, StoreError};
use sqlx::Executor as _;

use crate::engines::Engines;

segue_testkit::on_durable_engines!(crate::engines::on =>
    the_next_reader_has_the_connection,
    a_closed_database_has_no_reader,
);

async fn mark(database: &Database) {
    database.read().await.unwrap().execute("CREATE TEMPORARY TABLE mark (one INTEGER)").await.unwrap();
}

/// Whether a connection has the mark; each has temporary tables of its own.
async fn is_marked(conn: &mut segue_store::Conn) -> bool {
    conn.execute("SELECT 1 FROM mark").await.is_ok()
}

async fn the_next_reader_has_the_connection(engines: &Engines) {
    let database = engines.open().await;
    mark(&database).await;
    let mut first = database.read().await.unwrap();
    assert!(is_marked(&mut first).await);
    assert!(!is_marked(&mut database.read().await.unwrap()).await, "the first still has it");
    drop(first);
    assert!(is_marked(&mut database.read().await.unwrap()).await);
}

async fn a_closed_database_has_no_reader(engines: &Engines) {
    let database = engines.open().await;
    drop(database.read().await.unwrap());
    // It waits for all connections.
    database.close().await;
    assert_eq!(database.read().await.err(), Some(StoreError::Unavailable));
}
