//! Two of everything that decides are replaced one by one under load, as a deployment does it: the step of the schema first, then each
//! process is asked to end, and another one takes its place. The release before is not at hand, so it is the same program.

use segue_tests::{Ending, load::Plan};
use tokio::time::Instant;

use crate::{
    migrations::Jobs,
    world::{BETWEEN, World},
};

const DESKS: usize = 12;
const IN_ORDER: [(&str, usize); 6] = [
    ("priority-router", 0),
    ("code-issuer", 0),
    ("platform-selector", 0),
    ("web-channel", 0),
    ("priority-router", 1),
    ("code-issuer", 1),
];

#[tokio::test(flavor = "multi_thread")]
async fn one_after_the_other_under_load() {
    let mut world = World::start(Plan::closed(DESKS), &[], &[]).await;
    world.system.set("SEGUE_DATABASE_MIGRATIONS", "expect");
    Jobs::of(&world.system.urls).finish().await;
    for (service, number) in IN_ORDER {
        let asked = Instant::now();
        tokio::task::block_in_place(|| world.system.restart(service, number, Ending::Terminate));
        println!("{service} {number} ended well after {:.1?}", asked.elapsed());
        let first = world.load.first_after(Instant::now()).await;
        println!("  the first handoff after {first:.1?}");
        world.load.goes_on(BETWEEN / 4).await;
    }
    world.end().await;
}
