//! Handles on one PostgreSQL wake each other. Every wait has a poll time that only a notification can undercut.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use segue_store::{Changes, Database, StoreError};
use segue_testkit::{Databases, Postgres, Proxy, Storage, WAIT, wait_for, wait_for_some};
use sqlx::{Connection as _, PgConnection, postgres::PgListener};
use tokio::time::timeout;

use crate::{
    engines::{amount, open, write_item},
    logs::Warnings,
};

const POLL: Duration = WAIT.saturating_mul(10);
/// Less than the minute of silence after which a listener has itself notified, which wakes the others too.
const SOON: Duration = Duration::from_secs(45);
/// What starting to listen may add: one for that itself, and one for each other handle's trial notification.
const AT_START: usize = 4;

/// Another session, which sees what the handles do.
struct Observer {
    conn: PgConnection,
    listener: PgListener,
}

impl Observer {
    async fn of(url: &str) -> Self {
        let mut listener = PgListener::connect(url).await.unwrap();
        listener.listen("segue_changes").await.unwrap();
        Self { conn: PgConnection::connect(url).await.unwrap(), listener }
    }

    /// The next notification's sender.
    async fn next(&mut self) -> String {
        timeout(WAIT, self.listener.recv()).await.unwrap().unwrap().payload().to_owned()
    }

    async fn sessions(&mut self) -> i64 {
        // Its own two are none of the handles'.
        let all = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()";
        sqlx::query_scalar::<_, i64>(all).fetch_one(&mut self.conn).await.unwrap() - 2
    }

    async fn wait_for_sessions(&mut self, what: &str, enough: impl Fn(i64) -> bool) {
        let deadline = Instant::now() + WAIT;
        while !enough(self.sessions().await) {
            assert!(Instant::now() < deadline, "waited in vain for: {what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Two handles that both listen, and whoever observes them.
async fn observed(url: &str) -> (Database, Database, Observer) {
    let mut observer = Observer::of(url).await;
    let (one, other) = (open(url).await, open(url).await);
    assert_ne!(observer.next().await, observer.next().await, "each tries whether it hears itself");
    (one, other, observer)
}

/// The sessions that listen. There must be no observer.
async fn listeners(db: &Database) -> Option<Vec<i32>> {
    let sql = "SELECT pid FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE 'LISTEN %' AND state = 'idle'";
    db.read(async |conn| Ok::<_, StoreError>(sqlx::query_scalar(sql).fetch_all(conn).await?)).await.ok()
}

async fn wait_for_listeners(db: &Database, count: usize) {
    wait_for("all to listen", || async { listeners(db).await.is_some_and(|pids| pids.len() == count) }).await;
}

/// The one session that listens besides some known ones.
async fn wait_for_listener(db: &Database, known: &[i32]) -> i32 {
    wait_for_some("another to listen", || async {
        let others = listeners(db).await?.into_iter().filter(|pid| !known.contains(pid));
        <[i32; 1]>::try_from(others.collect::<Vec<_>>()).ok().map(|[pid]| pid)
    })
    .await
}

async fn end_session(db: &Database, pid: i32) {
    let end = sqlx::query("SELECT pg_terminate_backend($1)").bind(pid);
    db.read(async |conn| Ok::<_, StoreError>(end.execute(conn).await?)).await.unwrap();
}

/// More wakes than starting to listen gives, each long before the poll.
async fn assert_wakes(one: &Database, other: &Database, name: &str) {
    let mut changes = other.changes();
    for round in 0..=AT_START {
        write_item(one, format!("{name}-{round}"), 0).await.unwrap();
        wait_less_than_a_poll(&mut changes).await;
    }
}

async fn wait_less_than_a_poll(changes: &mut Changes) {
    timeout(SOON, changes.wait(POLL)).await.expect("a notification wakes");
}

fn count_wakes(db: &Database) -> Arc<AtomicUsize> {
    let (count, mut changes) = (Arc::new(AtomicUsize::new(0)), db.changes());
    tokio::spawn({
        let count = count.clone();
        async move {
            loop {
                changes.wait(POLL).await;
                count.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_wakes_every_handle_once_and_is_told_once() {
    let databases = Databases::start(Storage::Postgres);
    let (one, other, mut observer) = observed(&databases.create()).await;
    let (own, others) = (count_wakes(&one), count_wakes(&other));
    let mut names = Vec::new();
    for round in 1..=50 {
        write_item(&one, round.to_string(), 0).await.unwrap();
        names.push(observer.next().await);
        wait_for("the other", || async { others.load(Ordering::SeqCst) >= round }).await;
    }
    names.dedup();
    assert_eq!(names.len(), 1, "only who commits tells");
    for woken in [own, others] {
        let woken = woken.load(Ordering::SeqCst);
        assert!((50..=50 + AT_START).contains(&woken), "{woken} wakes for 50 commits");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_in_quick_succession_share_notifications() {
    let databases = Databases::start(Storage::Postgres);
    let (one, _other, mut observer) = observed(&databases.create()).await;
    let start = Instant::now();
    for number in 0..300 {
        write_item(&one, number.to_string(), 0).await.unwrap();
    }
    one.close().await;
    let most = start.elapsed().as_millis() / 10 + 2;
    sqlx::query("NOTIFY segue_changes, 'end'").execute(&mut observer.conn).await.unwrap();
    let mut told = 0;
    while observer.next().await != "end" {
        told += 1;
    }
    assert!(told > 0 && told <= most, "{told} notifications in the time of {most}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_commit_is_told_before_the_end() {
    let databases = Databases::start(Storage::Postgres);
    let (one, _other, mut observer) = observed(&databases.create()).await;
    write_item(&one, "told at once", 0).await.unwrap();
    let name = observer.next().await;
    write_item(&one, "too soon after the other", 0).await.unwrap();
    one.close().await;
    assert_eq!(observer.next().await, name);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_was_cut_off_listens_again() {
    let databases = Databases::start(Storage::Postgres);
    let url = databases.create();
    let one = open(&url).await;
    let mut known = vec![wait_for_listener(&one, &[]).await];
    let other = open(&url).await;
    let mut changes = other.changes();
    for round in 0..=AT_START {
        let id = format!("cut-off-{round}");
        known.push(wait_for_listener(&one, &known).await);
        end_session(&one, known[round + 1]).await;
        write_item(&one, id.clone(), 1).await.unwrap();
        other.changes().wait(Duration::from_millis(1)).await;
        assert_eq!(amount(&other, &id).await, Some(1), "polling tells");
        // What was missed meanwhile is made up for.
        wait_less_than_a_poll(&mut changes).await;
    }
    wait_for_listeners(&one, 2).await;
    assert_wakes(&one, &other, "healed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_server_is_survived() {
    let mut postgres = Postgres::start();
    let url = postgres.database();
    let (one, other) = (open(&url).await, open(&url).await);
    wait_for_listeners(&one, 2).await;
    tokio::task::block_in_place(|| postgres.crash());
    tokio::task::block_in_place(|| postgres.restart());
    wait_for_listeners(&one, 2).await;
    assert_wakes(&one, &other, "restarted").await;

    // Closing waits for no server.
    tokio::task::block_in_place(|| postgres.crash());
    timeout(WAIT, async { tokio::join!(one.close(), other.close()) }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_a_handle() {
    let databases = Databases::start(Storage::Postgres);
    let url = databases.create();
    let (one, other, mut observer) = observed(&url).await;
    write_item(&one, "x", 0).await.unwrap();
    observer.wait_for_sessions("pools and listeners", |count| count >= 4).await;
    one.close().await;
    one.close().await;
    let clone = other.clone();
    drop(other);
    write_item(&clone, "y", 0).await.unwrap();
    drop(clone);
    observer.wait_for_sessions("an end", |count| count == 0).await;
}

/// Not multi-threaded, as a subscriber is set for one thread.
#[tokio::test]
async fn where_nobody_can_listen_polling_goes_on_and_one_line_tells() {
    let databases = Databases::start(Storage::Postgres);
    let url = databases.create();
    let (proxy, through) = Proxy::before(&url).await;
    proxy.refuse_to_listen(true);
    let warnings = Warnings::of("segue_store::notify");
    let _here = warnings.collect();
    let (one, other) = (open(&url).await, open(&through).await);
    wait_for("several attempts", || async { proxy.refused() >= 3 }).await;
    assert_eq!(warnings.count(), 1);
    write_item(&other, "written", 1).await.unwrap();
    write_item(&one, "elsewhere", 2).await.unwrap();
    other.changes().wait(Duration::from_millis(1)).await;
    assert_eq!((amount(&one, "written").await, amount(&other, "elsewhere").await), (Some(1), Some(2)));

    proxy.refuse_to_listen(false);
    wait_for_listeners(&one, 2).await;
    assert_wakes(&one, &other, "allowed").await;
    assert_eq!(warnings.count(), 1);
}
