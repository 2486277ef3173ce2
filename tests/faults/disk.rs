//! The disk of the database is full for a while.

use std::time::Duration;

use segue::DatabaseUrls;
use segue_testkit::{Postgres, SmallDisk};
use segue_tests::{
    Processes,
    load::{Load, Plan, SETTINGS},
};
use tokio::time::Instant;

use crate::world::{BETWEEN, databases, end, is_back, start};

const DESKS: usize = 8;
/// For how long nothing is finished on a full disk before it is freed.
const STANDS_STILL: Duration = Duration::from_secs(5);
/// The empty cluster, its log and five databases take two thirds of it.
const POSTGRES_MEBIBYTES: u32 = 256;
const SQLITE_MEBIBYTES: u32 = 64;

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_under_postgres() {
    let disk = SmallDisk::new(POSTGRES_MEBIBYTES);
    let settings = ["max_wal_size=32MB", "min_wal_size=32MB", "wal_recycle=off"];
    let mut postgres = Postgres::start_under(&disk.path(), &settings);
    let urls = databases(postgres.port(), postgres.port(), "");
    let (_system, mut load) = start(urls, Plan::closed(DESKS), &[]).await;
    load.goes_on(BETWEEN).await;

    fill(&disk, &mut load).await;
    // A server that can't write its log ends, and is started again by what looks after it.
    let has_ended = postgres.has_ended();
    println!("the server has ended by itself: {has_ended}");
    if has_ended {
        postgres.restart();
    }
    is_back(&mut load, "PostgreSQL with a full disk", Instant::now()).await;
    end(load).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_under_sqlite() {
    let disk = SmallDisk::new(SQLITE_MEBIBYTES);
    let database = |name: &str| format!("sqlite://{}/{name}.db?mode=rwc", disk.path_inside().display());
    let urls = DatabaseUrls {
        selector: database("selector"),
        issuer: database("issuer"),
        router: database("router"),
        channel: database("channel"),
    };
    let system = Processes::start_at(urls, &SETTINGS, disk.inside()).await;
    let mut load = Load::start(std::slice::from_ref(&system.addresses), Plan::closed(DESKS)).await;
    load.goes_on(BETWEEN).await;

    fill(&disk, &mut load).await;
    is_back(&mut load, "SQLite with a full disk", Instant::now()).await;
    end(load).await;
}

/// Fills the disk, waits until the load stands still, and frees it. What has room in files that are there goes on for a while.
async fn fill(disk: &SmallDisk, load: &mut Load) {
    disk.fill();
    let (full, before) = (Instant::now(), load.done());
    load.stands_still(STANDS_STILL).await;
    let took = full.elapsed().saturating_sub(STANDS_STILL);
    println!(
        "{} handoffs were finished within {took:.1?} of the disk's being full, and then none",
        load.done() - before
    );
    disk.free();
}
