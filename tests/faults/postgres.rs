//! PostgreSQL is killed, paused, cut off by a network that says nothing, and has no connection left.

use std::time::Duration;

use segue_tests::load::Plan;
use tokio::time::{Instant, sleep_until};

use crate::world::{ROLE, World};

const DESKS: usize = 12;
/// For how long it is away: longer than a caller waits for an answer, and shorter than the services wait.
const AWAY: Duration = Duration::from_secs(7);

#[tokio::test(flavor = "multi_thread")]
async fn killed_paused_cut_off_and_without_connections() {
    let mut world = World::start(Plan::closed(DESKS), &[], &[]).await;

    world.postgres.kill();
    world.postgres.restart();
    world.is_back("kill -9", Instant::now()).await;

    let paused = Instant::now();
    world.postgres.pause();
    sleep_until(paused + AWAY).await;
    world.postgres.resume();
    world.is_back("paused", Instant::now()).await;

    let cut = Instant::now();
    world.proxy.fall_silent();
    sleep_until(cut + AWAY).await;
    world.proxy.speak_again();
    world.is_back("cut off without a word", Instant::now()).await;

    let taken = Instant::now();
    world.postgres.sql(&format!("ALTER ROLE {ROLE} CONNECTION LIMIT 0"));
    let theirs = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{ROLE}'");
    world.postgres.sql(&theirs);
    sleep_until(taken + AWAY).await;
    world.postgres.sql(&format!("ALTER ROLE {ROLE} CONNECTION LIMIT -1"));
    world.is_back("without connections", Instant::now()).await;
    world.end().await;
}
