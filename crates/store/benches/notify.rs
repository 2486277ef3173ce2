//! How soon a commit at one handle wakes another, on PostgreSQL: `cargo bench -p segue-store --bench notify`; under a
//! minute.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program for people, which may fail loudly")]

use std::time::{Duration, Instant};

use segue_store::{Changes, Database, Migrations, Settings};
use segue_testkit::{Databases, Storage};
use tokio::time::{sleep, timeout};

const COMMITS: usize = 2000;
const POLL: Duration = Duration::from_secs(60);
const MIGRATIONS: Migrations = Migrations {
    owner: "test",
    sqlite: &sqlx::migrate!("tests/migrations/sqlite"),
    postgres: &sqlx::migrate!("tests/migrations/postgres"),
};

#[tokio::main]
async fn main() {
    let databases = Databases::alone(Storage::Postgres);
    let settings = Settings::of_url(databases.create());
    let one = Database::open(&settings, MIGRATIONS).await.unwrap();
    let other = Database::open(&settings, MIGRATIONS).await.unwrap();
    let mut changes = other.changes();
    // Until both listen.
    while timeout(Duration::from_secs(1), changes.wait(POLL)).await.is_ok() {}
    measure("20 ms after the last", &one, &mut changes, Duration::from_millis(20)).await;
    measure("at once after the last", &one, &mut changes, Duration::ZERO).await;
    one.close().await;
    other.close().await;
}

async fn measure(what: &str, one: &Database, changes: &mut Changes, apart: Duration) {
    let mut taken = Vec::with_capacity(COMMITS);
    for number in 0..COMMITS {
        sleep(apart).await;
        one.write(format!("{what}-{number}"), |conn, id| {
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
        let committed = Instant::now();
        changes.wait(POLL).await;
        taken.push(committed.elapsed());
    }
    taken.sort_unstable();
    let at = |share: usize| taken[(COMMITS - 1) * share / 1000].as_secs_f64() * 1000.0;
    let (median, most_of, all) = (at(500), at(990), at(1000));
    println!(
        "{what}: woken {median:.2} ms after the commit, 99% within {most_of:.2} ms, all within {all:.1} ms"
    );
}
