//! How the cases are run: each on a router of its own, with a new database.

use priority_router::Rules;
use segue_testkit::{Databases, Storage};

use crate::world::World;

fn usual() -> Rules {
    Rules { sweep_ms: 20, ..Rules::default() }
}

/// Under the usual rules.
pub async fn on(storage: Storage, case: impl AsyncFnOnce(World)) {
    run(storage, usual(), case).await;
}

/// Where a declined contact may be offered again at once: the clock stands still.
pub async fn without_back_off(storage: Storage, case: impl AsyncFnOnce(World)) {
    run(storage, Rules { decline_back_off_ms: 0, ..usual() }, case).await;
}

/// Where one offer at a time rings for an agent.
pub async fn with_one_ringing_offer(storage: Storage, case: impl AsyncFnOnce(World)) {
    run(storage, Rules { most_ringing_offers: 1, ..usual() }, case).await;
}

/// Where an agent has to accept a handoff.
pub async fn without_auto_accept(storage: Storage, case: impl AsyncFnOnce(World)) {
    run(storage, Rules { handoff_auto_accept: false, ..usual() }, case).await;
}

async fn run(storage: Storage, rules: Rules, case: impl AsyncFnOnce(World)) {
    let databases = Databases::start(storage);
    let world = World::start(storage, &databases.create(), rules).await;
    case(world.clone()).await;
    world.stop().await;
}
