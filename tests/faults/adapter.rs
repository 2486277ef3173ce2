//! The platform that customers come from does not answer, for as long as the services retry several times: handoffs are redeemed and
//! admitted meanwhile, as a customer never waits for the old conversation's end, and what is owed to the platform is done afterwards.

use std::time::Duration;

use segue_tests::load::Plan;
use tokio::time::{Instant, sleep_until};

use crate::world::{BETWEEN, World};

const DESKS: usize = 8;
const AWAY: Duration = Duration::from_secs(12);

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_is_away_holds_nobody_up() {
    let mut world = World::start(Plan::closed(DESKS), &[], &[]).await;
    let (away, before) = (Instant::now(), world.load.done());
    world.load.platform().refuse(true);
    world.load.goes_on(BETWEEN).await;
    sleep_until(away + AWAY).await;
    println!("{} handoffs while the platform refused everything", world.load.done() - before);
    world.load.platform().refuse(false);
    world.end().await;
    println!("all owed calls were made {:.1?} after it went away", away.elapsed());
}
