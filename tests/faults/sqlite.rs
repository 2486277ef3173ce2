//! Services on SQLite are killed at random moments of a load, again and again. Each commit stands or is gone, whatever of it was written: what
//! a killed process has given to the system is written by it. The loss of what the system had not written yet, as by a power cut, is not
//! tested here: there is no disk that forgets. `synchronous = FULL` is what guards against it.

use std::time::Duration;

use segue_core::Random;
use segue_testkit::Storage;
use segue_tests::{
    Ending, Processes, SERVICES,
    load::{Load, Plan, SETTINGS},
};
use tokio::time::{Instant, sleep};

use crate::world::{BETWEEN, end};

const DESKS: usize = 8;
const KILLS: usize = 30;
/// Between the recovery from a kill and the next one, in milliseconds: some commits' time.
const PAUSE_MS: u32 = 300;

#[tokio::test(flavor = "multi_thread")]
async fn services_are_killed_at_random_moments() {
    let mut system = Processes::start_with(Storage::SqliteFile, &SETTINGS).await;
    let mut load = Load::start(std::slice::from_ref(&system.addresses), Plan::closed(DESKS)).await;
    load.goes_on(BETWEEN).await;
    let random = Random::seeded(1);
    let mut slowest = Duration::ZERO;
    for _ in 0..KILLS {
        sleep(Duration::from_millis(random.below(PAUSE_MS).into())).await;
        let service = SERVICES[random.below(3) as usize];
        system.restart(service, 0, Ending::Kill);
        let back = load.first_after(Instant::now()).await.expect("the load goes on until it is ended");
        slowest = slowest.max(back);
    }
    println!("{KILLS} kills, back after {slowest:.1?} at the latest");
    end(load).await;
}
