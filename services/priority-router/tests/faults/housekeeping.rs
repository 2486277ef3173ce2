//! There is much to forget. It vanishes by the thousands in a second, and no call waits long for that.

use std::{sync::Arc, time::Duration};

use priority_router::Rules;
use segue_core::{Clock as _, SystemClock};
use segue_testkit::{Databases, Storage};
use sqlx::{AnyConnection, AssertSqlSafe};
use tokio::time::Instant;

use crate::{
    latencies::submit_meanwhile,
    rows::{self, CONTACT_ID, ID},
    world::{Local, abandon, submission, submit},
};

const REQUESTS: usize = if cfg!(debug_assertions) { 200_000 } else { 1_000_000 };
const CONTACTS: usize = if cfg!(debug_assertions) { 8_000 } else { 20_000 };
const INTERVAL: Duration = Duration::from_millis(25);
/// For how long the rows are watched while they vanish.
const WATCHED: Duration = Duration::from_secs(10);
/// How long calls are watched at least, so that what comes after a turn is seen.
const AFTERWARDS: Duration = Duration::from_secs(2);
/// Of a call beside it, in a debug build on a shared machine.
const P99: Duration = Duration::from_millis(if cfg!(debug_assertions) { 500 } else { 250 });
/// Far more than come in.
const ROWS_A_SECOND: f64 = 1000.0;
const OLD_DAYS: i64 = 40;

segue_testkit::on_durable_engines!(old_requests, old_contacts);

async fn old_requests(storage: Storage) {
    let databases = Databases::alone(storage);
    let url = databases.create();
    let router = router(&url).await;
    router.stop().await;
    let mut conn = rows::open(&url).await;
    // Ids are random, so they lie everywhere in their index.
    let id = match storage {
        Storage::Postgres => "CAST(gen_random_uuid() AS TEXT)",
        _ => "lower(hex(randomblob(16)))",
    };
    let insert = format!(
        "INSERT INTO requests (request_id, method, fingerprint, response, created_at)
         {} SELECT 'SubmitContact/' || {id}, 'SubmitContact', 'f', NULL, {} + n FROM numbers",
        rows::numbers(REQUESTS),
        old_ms(),
    );
    sqlx::query(AssertSqlSafe(insert)).execute(&mut conn).await.unwrap();
    forgets(storage, &url, "requests", REQUESTS, &mut conn).await;
}

async fn old_contacts(storage: Storage) {
    let databases = Databases::alone(storage);
    let url = databases.create();
    let router = router(&url).await;
    let contact = submit(&router.client, submission("chat")).await.unwrap();
    abandon(&router.client, &contact.id).await.unwrap();
    router.stop().await;
    let mut conn = rows::open(&url).await;
    let (id, old) = (("id", ID.to_owned()), old_ms().to_string());
    let session = ("session", "'old-' || CAST(n AS TEXT)".to_owned());
    let [created, updated, closed] =
        ["created_at", "updated_at", "closed_at"].map(|column| (column, old.clone()));
    rows::copy(&mut conn, storage, "contacts", CONTACTS, &[id, session, created, updated, closed]).await;
    let changes = [("contact_id", CONTACT_ID.to_owned()), ("at", old)];
    rows::copy(&mut conn, storage, "contact_events", CONTACTS, &changes).await;
    forgets(storage, &url, "contacts", CONTACTS, &mut conn).await;
}

async fn router(url: &str) -> Local {
    Local::start(url, Rules::default(), Arc::new(SystemClock)).await
}

fn old_ms() -> i64 {
    SystemClock.now_ms() - OLD_DAYS * 24 * 60 * 60 * 1000
}

/// Starts a router, which finds much to forget, and lets customers come meanwhile.
async fn forgets(storage: Storage, url: &str, table: &str, many: usize, conn: &mut AnyConnection) {
    let before = count_old(conn, table).await;
    assert_eq!(before, i64::try_from(many).unwrap());
    let router = router(url).await;
    let started = Instant::now();
    let (latencies, (left, took)) = submit_meanwhile(std::slice::from_ref(&router.client), INTERVAL, async {
        let mut seen = (before, Duration::ZERO);
        while seen.0 > 0 && seen.1 < WATCHED {
            tokio::time::sleep(Duration::from_millis(250)).await;
            seen = (count_old(conn, table).await, started.elapsed());
        }
        tokio::time::sleep(AFTERWARDS).await;
        seen
    })
    .await;
    latencies.print(&format!("{storage:?}, submits while {table} are forgotten"));
    println!("{storage:?}: {left} of {many} old {table} are left after {took:?}");
    router.stop().await;
    let forgotten = f64::from(i32::try_from(before - left).unwrap());
    assert!(left == 0 || forgotten > ROWS_A_SECOND * took.as_secs_f64(), "{forgotten} rows in {took:?}");
    assert!(latencies.percentile(99) < P99, "p99 {:?}", latencies.percentile(99));
    assert_eq!(orphans(conn).await, 0);
}

/// Events whose contact is forgotten.
async fn orphans(conn: &mut AnyConnection) -> i64 {
    let count = "SELECT COUNT(*) FROM contact_events e WHERE NOT EXISTS (SELECT 1 FROM contacts c WHERE c.id = e.contact_id)";
    sqlx::query_scalar(count).fetch_one(conn).await.unwrap()
}

async fn count_old(conn: &mut AnyConnection, table: &str) -> i64 {
    let young = old_ms() + 24 * 60 * 60 * 1000;
    let count = AssertSqlSafe(format!("SELECT COUNT(*) FROM {table} WHERE created_at < {young}"));
    sqlx::query_scalar(count).fetch_one(conn).await.unwrap()
}
