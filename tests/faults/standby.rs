//! The server dies, and a standby that has not got its last commits takes over. What is left is a story that its history has, and all
//! that is acknowledged from then on stays.

use segue_testkit::{Postgres, Proxy, wait_for};
use segue_tests::load::{Outcome, Plan};
use tokio::time::Instant;

use crate::world::{BETWEEN, databases, is_back, start};

const DESKS: usize = 12;
/// Handoffs that are acknowledged and not on the standby.
const LOST: usize = 24;

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_without_the_last_commits_takes_over() {
    let mut primary = Postgres::start();
    let (link, front) = (Proxy::start(primary.port()).await, Proxy::start(primary.port()).await);
    let urls = databases(primary.port(), front.port(), "");
    let standby = primary.standby(link.port());
    let (_system, mut load) = start(urls, Plan::closed(DESKS), &[]).await;
    load.goes_on(BETWEEN).await;

    let is_on_standby = Instant::now();
    wait_for("the standby to have all", || async { primary.is_followed_by(&standby) }).await;
    link.fall_silent();
    load.goes_on(LOST).await;
    load.may_lose();
    primary.kill();
    standby.promote();
    front.lead_to(standby.port());
    let led = Instant::now();
    is_back(&mut load, "a standby took over", led).await;

    let books = load.end().await;
    let lost = books.check_what_is_left(|story| story.ended < is_on_standby || story.began > led).await;
    let acknowledged = lost.iter().filter(|story| story.outcome == Outcome::Done).count();
    println!(
        "{} handoffs; {} are not whole after the failover, {acknowledged} of them had been acknowledged to their end",
        books.stories.len(),
        lost.len()
    );
    assert!(acknowledged > 0, "the test lost nothing");
}
