//! Readers have the connection of those before them, while its server is there.

use std::time::Duration;

use segue_store::{Conn, Database, StoreError};
use sqlx::Executor as _;
use tokio::time::timeout;

use crate::engines::{Engines, execute, reach};

segue_testkit::on_durable_engines!(crate::engines::on =>
    the_next_reader_has_the_connection,
    a_closed_database_has_no_reader,
    a_read_that_takes_too_long_is_given_up,
);

/// What is waited for before a test gives up.
const PATIENCE: Duration = Duration::from_secs(30);

async fn mark(database: &Database) {
    execute(database, "CREATE TEMPORARY TABLE mark (one INTEGER)").await;
}

/// Whether a connection has the mark; each has temporary tables of its own.
async fn is_marked(conn: &mut Conn) -> Result<bool, StoreError> {
    Ok(conn.execute("SELECT 1 FROM mark").await.is_ok())
}

async fn the_next_reader_has_the_connection(engines: &Engines) {
    let database = engines.open().await;
    mark(&database).await;
    let both = database.read(async |first| {
        let other = database.read(async |second| is_marked(second).await).await?;
        Ok::<_, StoreError>((is_marked(first).await?, other))
    });
    assert_eq!(both.await, Ok((true, false)), "the first still has it");
    // Of the two the last one back goes out again; the other is kept below it.
    let marked = || database.read(async |conn| is_marked(conn).await);
    assert_eq!(marked().await, Ok(true));
}

async fn a_closed_database_has_no_reader(engines: &Engines) {
    let database = engines.open().await;
    reach(&database).await.unwrap();
    // It waits for all connections.
    database.close().await;
    assert_eq!(reach(&database).await, Err(StoreError::Unavailable));
}

/// The next reader does not get a connection that may still be busy with it.
async fn a_read_that_takes_too_long_is_given_up(engines: &Engines) {
    let database = engines.open().await;
    mark(&database).await;
    let endless = database.read(async |conn| {
        is_marked(conn).await?;
        std::future::pending::<Result<(), StoreError>>().await
    });
    assert_eq!(timeout(PATIENCE, endless).await.expect("never told"), Err(StoreError::Unavailable));
    assert_eq!(database.read(async |conn| is_marked(conn).await).await, Ok(false));
}
