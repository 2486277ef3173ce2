use segue_proto::router::v1::{ContactState as State, ServiceListEntryState as EntryState};
use segue_runtime::{millis_of, timestamp};

use crate::world::{START_MS, World, request};

segue_testkit::on_every_engine!(crate::engines::on =>
    units_are_held_until_the_bound,
    a_hold_counts_what_the_source_frees,
    a_release_frees_the_hold,
);

async fn units_are_held_until_the_bound(world: World) {
    world.agent("a1", &[], &[("chat", 33), ("video", 100)]).await;
    let entry = world.put_entry(world.entry("h1", "a1", "unknown")).await;
    assert_eq!((entry.state(), entry.held_units), (EntryState::Live, 100));
    assert_eq!(millis_of(entry.hold_expire_time.as_ref()), START_MS + 180_000);
    assert_eq!(world.get_agent("a1").await.held_units, 100);
    let contact = world.submit(request("chat", "s1")).await;
    assert_eq!(contact.state(), State::Queued);
    world.advance(181);
    world.wait_until(&contact.id, State::Offered, "a1").await;
    assert_eq!(world.get_agent("a1").await.held_units, 0);
    // A code that ends before the bound ends the hold.
    world.agent("a2", &[], &[("video", 100)]).await;
    let mut short = world.entry("h2", "a2", "unknown");
    short.expire_time = timestamp(START_MS + 191_000);
    assert_eq!(millis_of(world.put_entry(short).await.hold_expire_time.as_ref()), START_MS + 191_000);
    assert_eq!(world.get_agent("a2").await.held_units, 100);
    world.advance(10);
    segue_testkit::wait_for("the hold to end", || async { world.get_agent("a2").await.held_units == 0 })
        .await;
}

async fn a_hold_counts_what_the_source_frees(world: World) {
    world.agent("a1", &[], &[("chat", 33), ("video", 100)]).await;
    let source = world.assigned(request("chat", "s1")).await;
    let entry = world.put_entry(world.entry("h1", "a1", "s1")).await;
    assert_eq!(entry.held_units, 67);
    let agent = world.get_agent("a1").await;
    assert_eq!((agent.used_units, agent.held_units), (33, 67));
    assert_eq!(world.submit(request("chat", "s2")).await.state(), State::Queued);
    // When the source ends before the handoff, what it would have freed is held as well.
    world.complete(&source.id, "a1").await;
    let agent = world.get_agent("a1").await;
    assert_eq!((agent.used_units, agent.held_units), (0, 100));
    assert_eq!(world.admit("h1").await.state(), State::Assigned);
}

async fn a_release_frees_the_hold(world: World) {
    world.agent("a1", &[], &[("chat", 33), ("video", 100)]).await;
    world.put_entry(world.entry("h1", "a1", "unknown")).await;
    let contact = world.submit(request("chat", "s1")).await;
    assert_eq!(contact.state(), State::Queued);
    assert_eq!(world.release("h1").await, EntryState::Released);
    assert_eq!(world.get_agent("a1").await.held_units, 0);
    assert_eq!(world.contact(&contact.id).await.state(), State::Offered);
}
