//! How much group commit earns: writes per second at 64 callers with batches of 1 and of 64, on one machine in one run.
//! `cargo bench -p segue-store`; about ten seconds.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program for people, which may fail loudly")]

use std::time::{Duration, Instant};

use futures::future::join_all;
use segue_store::{Database, Migrations, Settings};
use segue_testkit::{Databases, Storage};

const CALLERS: usize = 64;
const MEASURED: Duration = Duration::from_secs(2);
const MIGRATIONS: Migrations = Migrations {
    owner: "test",
    sqlite: &sqlx::migrate!("tests/migrations/sqlite"),
    postgres: &sqlx::migrate!("tests/migrations/postgres"),
};

#[tokio::main]
async fn main() {
    for storage in [Storage::SqliteFile, Storage::Postgres] {
        let databases = Databases::alone(storage);
        let single = writes_per_second(&databases, 1).await;
        let batched = writes_per_second(&databases, 64).await;
        println!(
            "{storage:?}: {single:.0}/s one by one, {batched:.0}/s in batches of 64: {:.1} times",
            batched / single
        );
    }
}

async fn writes_per_second(databases: &Databases, max_batch: usize) -> f64 {
    let settings = Settings { max_batch, ..Settings::of_url(databases.create()) };
    let db = Database::open(&settings, MIGRATIONS).await.unwrap();
    let start = Instant::now();
    let counts =
        join_all((0..CALLERS).map(|caller| tokio::spawn(write_for_a_while(db.clone(), caller)))).await;
    let total: u32 = counts.into_iter().map(Result::unwrap).sum();
    let rate = f64::from(total) / start.elapsed().as_secs_f64();
    db.close().await;
    rate
}

async fn write_for_a_while(db: Database, caller: usize) -> u32 {
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed() < MEASURED {
        db.write(format!("{caller}-{count}"), |conn, id| {
            Box::pin(async move {
                sqlx::query("INSERT INTO items (id, amount) VALUES ($1, 1)")
                    .bind(id.as_str())
                    .execute(conn)
                    .await?;
                Ok(())
            })
        })
        .await
        .unwrap();
        count += 1;
    }
    count
}
