//! What the driver promises: committed is kept, uncommitted is gone, and whoever comes second waits.

use std::{sync::Arc, time::Duration};

use segue_sim::{
    clock::{MachineClock, on_this_thread},
    dice::Dice,
    disk::{DiskFault, Host, install},
    life::{Crashes, Life},
    story::Log,
};
use sqlx::{AnyConnection, Connection as _, Executor as _, Row as _};
use tokio::time::{Instant, sleep, timeout};

struct Setting {
    _folder: tempfile::TempDir,
    host: Arc<Host>,
    lives: Vec<Arc<Life>>,
}

impl Setting {
    fn new() -> Self {
        install();
        Host::forget_all();
        let folder = tempfile::TempDir::new().unwrap();
        let began = Instant::now();
        let (clock, log) = (MachineClock::new(began), Log::new(began));
        let crashes: Arc<Crashes> = Arc::default();
        let host = Host::start("db", folder.path(), &[], clock, Dice::of(1, "db").random(), log, crashes);
        let lives = ["a", "b"].map(|name| Life::begin(name.to_owned())).into();
        Self { _folder: folder, host, lives }
    }

    async fn connect(&self, process: &str) -> AnyConnection {
        AnyConnection::connect(&format!("sqlite://{process}@db")).await.unwrap()
    }
}

async fn count(conn: &mut AnyConnection) -> i64 {
    sqlx::query("SELECT COUNT(*) FROM t").fetch_one(conn).await.unwrap().get(0)
}

#[test]
fn what_is_committed_is_kept_and_what_is_not_is_gone() {
    on_this_thread(async {
        let setting = Setting::new();
        let (mut a, mut b) = (setting.connect("a").await, setting.connect("b").await);
        a.execute("CREATE TABLE t (x BIGINT, y TEXT)").await.unwrap();
        let mut writing = a.begin_with("BEGIN IMMEDIATE").await.unwrap();
        // The numbers of parameters count, not their places.
        let insert = sqlx::query("INSERT INTO t (y, x) VALUES ($2, $1)").bind(7_i64).bind("seven");
        insert.execute(&mut *writing).await.unwrap();
        assert_eq!(count(&mut b).await, 0, "uncommitted");
        writing.commit().await.unwrap();
        assert_eq!(count(&mut b).await, 1, "committed");
        let row = sqlx::query("SELECT x, y FROM t").fetch_one(&mut b).await.unwrap();
        assert_eq!((row.get::<i64, _>("x"), row.get::<String, _>("y")), (7, "seven".to_owned()));
        let mut undone = a.begin_with("BEGIN IMMEDIATE").await.unwrap();
        undone.execute("DELETE FROM t").await.unwrap();
        drop(undone);
        assert_eq!(count(&mut b).await, 1, "dropped");
    });
}

#[test]
fn the_second_writer_waits_and_a_death_frees_the_lock() {
    on_this_thread(async {
        let setting = Setting::new();
        let (mut a, mut b) = (setting.connect("a").await, setting.connect("b").await);
        a.execute("CREATE TABLE t (x BIGINT)").await.unwrap();
        let mut first = a.begin_with("BEGIN IMMEDIATE").await.unwrap();
        first.execute("INSERT INTO t VALUES (1)").await.unwrap();
        let mut second = Box::pin(async { b.begin_with("BEGIN IMMEDIATE").await.map(drop) });
        assert!(timeout(Duration::from_secs(1), second.as_mut()).await.is_err(), "it waits");
        setting.lives[0].kill();
        setting.host.sever("a");
        second.as_mut().await.unwrap();
        drop(second);
        assert_eq!(count(&mut b).await, 0, "what the dead one wrote is gone");
        assert!(
            timeout(Duration::from_secs(60), first.execute("SELECT 1")).await.is_err(),
            "the dead do nothing"
        );
    });
}

#[test]
fn faults_begin_and_end() {
    on_this_thread(async {
        let setting = Setting::new();
        let mut a = setting.connect("a").await;
        a.execute("CREATE TABLE t (x BIGINT)").await.unwrap();
        setting.host.fail(DiskFault::ReadOnly, 1_000);
        let refused = a.execute("INSERT INTO t VALUES (1)").await.unwrap_err();
        assert_eq!(refused.as_database_error().unwrap().code().as_deref(), Some("8"));
        sleep(Duration::from_millis(1_001)).await;
        a.execute("INSERT INTO t VALUES (1)").await.unwrap();
        setting.host.fail(DiskFault::LoseAnswers(100), 3_000);
        let lost = a.begin_with("BEGIN IMMEDIATE").await.unwrap();
        assert!(matches!(lost.commit().await, Err(sqlx::Error::Io(_))));
        assert!(a.execute("SELECT 1").await.is_err(), "the connection is gone");
    });
}

#[test]
fn a_failover_breaks_connections_and_can_lose_the_last_commits() {
    on_this_thread(async {
        let setting = Setting::new();
        let mut a = setting.connect("a").await;
        a.execute("CREATE TABLE t (x BIGINT)").await.unwrap();
        setting.host.prepare_failover();
        for _ in 0..3 {
            let mut writing = a.begin_with("BEGIN IMMEDIATE").await.unwrap();
            writing.execute("INSERT INTO t VALUES (1)").await.unwrap();
            writing.commit().await.unwrap();
        }
        assert_eq!(setting.host.fail_over(1), 1);
        assert!(a.execute("SELECT 1").await.is_err());
        assert_eq!(count(&mut setting.connect("a").await).await, 2);
    });
}
