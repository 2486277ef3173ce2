//! Databases of one engine, and the statements that the cases share.

use std::future::Future;

use futures::future::join_all;
use segue_store::{Conn, Database, Migrations, Settings, StoreError};
use segue_testkit::{Databases, Storage};
use sqlx::{Executor as _, Row as _, any::AnyRow};

/// The migrations of these tests.
pub const MIGRATIONS: Migrations = Migrations {
    owner: "test",
    sqlite: &sqlx::migrate!("tests/migrations/sqlite"),
    postgres: &sqlx::migrate!("tests/migrations/postgres"),
};

/// A time; the store takes it from its callers.
pub const NOW: i64 = 1_700_000_000_000;

/// Runs a case on an engine.
pub async fn on(storage: Storage, case: impl AsyncFnOnce(&Engines)) {
    case(&Engines { storage, databases: Databases::start(storage) }).await;
}

/// One engine.
pub struct Engines {
    storage: Storage,
    databases: Databases,
}

impl Engines {
    /// The URL of a new database.
    pub fn url(&self) -> String {
        self.databases.create()
    }

    /// A new database.
    pub async fn open(&self) -> Database {
        open(&self.url()).await
    }

    /// Two handles of a new database, as two replicas have. In memory there is only ever one handle, so both are that.
    pub async fn open_twice(&self) -> [Database; 2] {
        let url = self.url();
        let one = open(&url).await;
        let other = if self.is_durable() { open(&url).await } else { one.clone() };
        [one, other]
    }

    pub fn is_postgres(&self) -> bool {
        self.storage == Storage::Postgres
    }

    /// Whether a database outlives its handle.
    pub fn is_durable(&self) -> bool {
        self.storage != Storage::SqliteMemory
    }
}

pub async fn open(url: &str) -> Database {
    Database::open(&Settings::of_url(url), MIGRATIONS).await.unwrap()
}

/// Runs `count` at once and collects their answers in order.
pub async fn at_once<T, F>(count: usize, call: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = (0..count).map(|number| tokio::spawn(call(number))).collect();
    join_all(tasks).await.into_iter().map(Result::unwrap).collect()
}

/// Inserts an item; an id that exists is an error.
pub async fn insert(conn: &mut Conn, id: &str, amount: i64) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO items (id, amount) VALUES ($1, $2)").bind(id).bind(amount).execute(conn).await?;
    Ok(())
}

/// Adds to an item's amount.
pub async fn add(conn: &mut Conn, id: &str, by: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE items SET amount = amount + $2 WHERE id = $1")
        .bind(id)
        .bind(by)
        .execute(conn)
        .await?;
    Ok(())
}

/// Leaves a mark; the same one may be left twice.
pub async fn mark(conn: &mut Conn, id: &str) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO marks (id) VALUES ($1)").bind(id).execute(conn).await?;
    Ok(())
}

/// Inserts an item in a write of its own.
pub async fn write_item(db: &Database, id: impl Into<String>, amount: i64) -> Result<(), StoreError> {
    db.write((id.into(), amount), |conn, (id, amount)| Box::pin(insert(conn, id, *amount))).await
}

/// An item's amount.
pub async fn amount(db: &Database, id: &str) -> Option<i64> {
    let query = sqlx::query("SELECT amount FROM items WHERE id = $1").bind(id);
    let row = db.read(async |conn| Ok::<_, StoreError>(query.fetch_optional(conn).await?)).await;
    row.unwrap().map(|row| row.get("amount"))
}

/// All items' ids, in order.
pub async fn items(db: &Database) -> Vec<String> {
    texts(db, "SELECT id FROM items ORDER BY id").await
}

/// All marks, in order.
pub async fn marks(db: &Database) -> Vec<String> {
    texts(db, "SELECT id FROM marks ORDER BY id").await
}

async fn texts(db: &Database, sql: &'static str) -> Vec<String> {
    query(db, sql).await.iter().map(|row| row.get("id")).collect()
}

/// What a query finds.
pub async fn query(db: &Database, sql: &'static str) -> Vec<AnyRow> {
    db.read(async |conn| Ok::<_, StoreError>(conn.fetch_all(sql).await?)).await.unwrap()
}

/// Runs a statement outside all transactions.
pub async fn execute(db: &Database, sql: &'static str) {
    db.read(async |conn| Ok::<_, StoreError>(conn.execute(sql).await?)).await.unwrap();
}

/// Whether there is a connection to read with.
pub async fn reach(db: &Database) -> Result<(), StoreError> {
    db.read(async |_| Ok(())).await
}
