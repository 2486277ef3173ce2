//! Programs of before change handoffs without taking turns.

use segue_core::{CallerId, ManualClock, Random};
use segue_store::{Conn, Database, Settings, migrations};
use segue_testkit::{Databases, Storage};
use sqlx::{Connection as _, Executor as _};

use super::{
    START,
    commands::{attempt_at, creation},
    replica::key,
};
use crate::{
    decider::{Handoffs, Idempotent},
    domain::turn::{Created, Redeemed},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_handoff_that_was_changed_since_it_was_read_is_decided_upon_anew() {
    let databases = Databases::start(Storage::Postgres);
    let url = databases.create();
    let database = Database::open(&Settings::of_url(&url), migrations!()).await.unwrap();
    let handoffs = Handoffs::start(database.clone(), ManualClock::starting_at(START), Random::secure());
    let new = creation(&Random::seeded(1), 1, START);
    let attempt = attempt_at(&new);
    let created = handoffs.create(key(1).unwrap(), new).await.unwrap();
    assert!(matches!(created, Idempotent::New(Created::Done { .. })));

    let mut before = Conn::connect(&url).await.unwrap();
    before.execute("BEGIN").await.unwrap();
    before.execute("UPDATE handoffs SET state = 'CANCELLED', updated_at = updated_at + 1").await.unwrap();
    let redeeming = tokio::spawn(async move { handoffs.redeem(attempt, CallerId::unauthenticated()).await });
    let mut onlooker = Conn::connect(&url).await.unwrap();
    let waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%handoffs%'";
    while onlooker.fetch_optional(waits).await.unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    before.execute("COMMIT").await.unwrap();
    let redeemed = redeeming.await.unwrap().unwrap();
    assert!(!matches!(redeemed, Redeemed::Won { .. }), "{redeemed:?}");
    let state = onlooker.fetch_one("SELECT state FROM handoffs WHERE state = 'CANCELLED'").await;
    assert!(state.is_ok(), "what was changed meanwhile stands");
    database.close().await;
}
