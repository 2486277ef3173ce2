//! A desk's stream is its agent's lease.

use segue_proto::router::v1::{
    AcknowledgeAssignmentsRequest, AgentPolicy, AssignmentChange as Change, ContactState as State, Presence,
    PresenceReason, WatchAssignmentsRequest,
};
use segue_testkit::wait_for;

use crate::{
    streams::{Desk, caught_up, event, watch},
    world::{World, request},
};

segue_testkit::on_every_engine!(crate::engines::on =>
    a_desk_that_dies_is_signed_out_and_its_contacts_go_to_others,
    a_desk_that_comes_back_in_time_has_lost_nothing,
    a_desk_that_comes_back_too_late_signs_in_again,
    a_desk_with_two_streams_needs_one,
    an_agent_without_a_stream_is_trusted,
    a_handoff_outlives_the_desk,
    what_was_dealt_with_is_not_told_again,
    a_desk_is_told_of_its_presence,
    signing_out_does_not_keep_what_a_lost_desk_had,
);

const CHAT_AND_VIDEO: &[(&str, i32)] = &[("chat", 33), ("video", 100)];
/// Longer than the lease, shorter than the grace.
const LOST: u64 = 16;
const GIVEN_UP: u64 = 181;

async fn presence_is(world: &World, agent: &str, presence: Presence, reason: PresenceReason) {
    wait_for(&format!("{agent} {presence:?} {reason:?}"), || async {
        let agent = world.get_agent(agent).await;
        agent.presence() == presence && agent.presence_reason() == reason
    })
    .await;
}

async fn is_noticed_to_be_gone(world: &World, agent: &str) {
    wait_for("the end of the stream to be noticed", || async {
        !world.get_agent(agent).await.desk_connected
    })
    .await;
}

/// An agent with a desk whose stream is open.
async fn desk(world: &World, agent: &str) -> Desk {
    world.agent(agent, &[], CHAT_AND_VIDEO).await;
    let mut desk = watch(world, agent, "").await;
    caught_up(&mut desk).await;
    assert!(world.get_agent(agent).await.desk_connected);
    desk
}

async fn a_desk_that_dies_is_signed_out_and_its_contacts_go_to_others(world: World) {
    let stream = desk(&world, "a1").await;
    let assigned = world.assigned(request("chat", "s1")).await;
    let offered = world.submit(request("chat", "s2")).await;
    world.agent("a2", &[], CHAT_AND_VIDEO).await;
    world.advance(5);
    drop(stream);
    is_noticed_to_be_gone(&world, "a1").await;
    world.advance(LOST);
    presence_is(&world, "a1", Presence::Offline, PresenceReason::DeskLost).await;
    // Offers go at once, what the agent has is kept for the grace.
    world.wait_until(&offered.id, State::Offered, "a2").await;
    assert_eq!(world.contact(&assigned.id).await.state(), State::Assigned);
    world.accept(&offered.id, "a2").await;
    let later = world.submit(request("chat", "s3")).await;
    world.decline(&later.id, "a2").await;
    world.complete(&offered.id, "a2").await;
    world.advance(GIVEN_UP);
    world.wait_until(&assigned.id, State::Offered, "a2").await;
    assert_eq!(world.get_agent("a1").await.used_units, 0);
    world.accept(&assigned.id, "a2").await;
}

async fn a_desk_that_comes_back_in_time_has_lost_nothing(world: World) {
    let stream = desk(&world, "a1").await;
    let assigned = world.assigned(request("chat", "s1")).await;
    world.set_presence("a1", Presence::Away).await;
    drop(stream);
    is_noticed_to_be_gone(&world, "a1").await;
    world.advance(10);
    let mut stream = watch(&world, "a1", "").await;
    assert_eq!(event(&mut stream).await.1, assigned.id);
    world.advance(60);
    // It came back within the lease.
    presence_is(&world, "a1", Presence::Away, PresenceReason::Set).await;
    drop(stream);
    is_noticed_to_be_gone(&world, "a1").await;
    world.advance(LOST);
    presence_is(&world, "a1", Presence::Offline, PresenceReason::DeskLost).await;
    world.advance(100);
    let mut stream = watch(&world, "a1", "").await;
    assert_eq!(event(&mut stream).await.1, assigned.id);
    // It came back within the grace, to the presence that it had.
    let agent = world.get_agent("a1").await;
    assert_eq!((agent.presence(), agent.presence_reason()), (Presence::Away, PresenceReason::Set));
    assert_eq!(agent.used_units, 33);
    world.complete(&assigned.id, "a1").await;
}

async fn a_desk_that_comes_back_too_late_signs_in_again(world: World) {
    let stream = desk(&world, "a1").await;
    drop(stream);
    is_noticed_to_be_gone(&world, "a1").await;
    world.advance(LOST);
    presence_is(&world, "a1", Presence::Offline, PresenceReason::DeskLost).await;
    world.advance(GIVEN_UP);
    // The sweep at the new time has been made when it has ended this offer.
    world.agent("a2", &[], CHAT_AND_VIDEO).await;
    let marker = world.submit(request("chat", "marker")).await;
    world.advance(21);
    world.wait_until(&marker.id, State::Queued, "").await;
    let mut stream = watch(&world, "a1", "").await;
    caught_up(&mut stream).await;
    assert_eq!(world.get_agent("a1").await.presence(), Presence::Offline);
    let agent = world.set_presence("a1", Presence::Available).await;
    assert_eq!(agent.presence(), Presence::Available);
    assert_eq!(world.contact(&marker.id).await.agent, "a1");
}

async fn a_desk_with_two_streams_needs_one(world: World) {
    let first = desk(&world, "a1").await;
    let other = world.replica().await;
    let mut second = watch(&other, "a1", "").await;
    caught_up(&mut second).await;
    drop(first);
    world.agent("a2", &[], CHAT_AND_VIDEO).await;
    let marker = desk(&world, "a3").await;
    drop(marker);
    // What a3's desk shows was noticed, a1's first stream was too.
    is_noticed_to_be_gone(&world, "a3").await;
    world.advance(LOST);
    presence_is(&world, "a3", Presence::Offline, PresenceReason::DeskLost).await;
    // The clock has jumped further than a replica is taken for alive without a sign; it gives one at once.
    wait_for("the other stream to count", || async { world.get_agent("a1").await.desk_connected }).await;
    assert_eq!(world.get_agent("a1").await.presence(), Presence::Available);
}

async fn an_agent_without_a_stream_is_trusted(world: World) {
    world.agent("a1", &[], CHAT_AND_VIDEO).await;
    let stream = desk(&world, "a2").await;
    drop(stream);
    is_noticed_to_be_gone(&world, "a2").await;
    world.advance(LOST);
    presence_is(&world, "a2", Presence::Offline, PresenceReason::DeskLost).await;
    assert_eq!(world.get_agent("a1").await.presence(), Presence::Available);
    // Signing in without a stream begins anew, also for who had one.
    world.set_presence("a2", Presence::Available).await;
    let stream = desk(&world, "a3").await;
    drop(stream);
    is_noticed_to_be_gone(&world, "a3").await;
    world.advance(LOST);
    presence_is(&world, "a3", Presence::Offline, PresenceReason::DeskLost).await;
    assert_eq!(world.get_agent("a2").await.presence(), Presence::Available);
}

async fn a_handoff_outlives_the_desk(world: World) {
    let stream = desk(&world, "a1").await;
    world.put_entry(world.entry("h1", "a1", "unknown")).await;
    let mut only = world.entry("h2", "a1", "unknown");
    only.agent_policy = AgentPolicy::SameAgentOnly.into();
    world.put_entry(only).await;
    let handoff = world.admit("h1").await;
    assert_eq!(handoff.state(), State::Assigned);
    world.agent("a2", &[], CHAT_AND_VIDEO).await;
    drop(stream);
    is_noticed_to_be_gone(&world, "a1").await;
    world.advance(LOST);
    presence_is(&world, "a1", Presence::Offline, PresenceReason::DeskLost).await;
    world.advance(GIVEN_UP);
    // Still of its class, with its context, and with another agent of the same skills.
    world.wait_until(&handoff.id, State::Offered, "a2").await;
    let taken = world.accept(&handoff.id, "a2").await;
    assert_eq!((taken.work_order.as_str(), taken.named_agent.as_str()), ("WO-h1", "a1"));
    world.complete(&handoff.id, "a2").await;
    let waiting = world.admit("h2").await;
    assert_eq!((waiting.state(), waiting.agent.as_str()), (State::Queued, "a1"));
}

async fn what_was_dealt_with_is_not_told_again(world: World) {
    let mut stream = desk(&world, "a1").await;
    let first = world.submit(request("chat", "s1")).await.id;
    let (_, _, _, offered) = event(&mut stream).await;
    world.accept(&first, "a1").await;
    let acknowledge =
        |resume_token: String| AcknowledgeAssignmentsRequest { agent: "a1".to_owned(), resume_token };
    let left = async |token: &str| {
        let answer = world.rpc().acknowledge_assignments(acknowledge(token.to_owned())).await;
        answer.unwrap().into_inner().unacknowledged_events
    };
    assert_eq!(world.get_agent("a1").await.unacknowledged_events, 0, "nothing was ever acknowledged");
    assert_eq!(left(&offered).await, 1);
    assert_eq!(world.get_agent("a1").await.unacknowledged_events, 1);
    let again =
        WatchAssignmentsRequest { agent: "a1".to_owned(), after_acknowledged: true, ..Default::default() };
    let replica = world.replica().await;
    let mut resumed = replica.rpc().watch_assignments(again).await.unwrap().into_inner();
    let (change, id, _, assigned) = event(&mut resumed).await;
    assert_eq!((change, id), (Change::Assigned, first));
    assert_eq!(left(&assigned).await, 0);
    // An older one changes nothing.
    assert_eq!(left(&offered).await, 0);
}

async fn a_desk_is_told_of_its_presence(world: World) {
    let mut stream = desk(&world, "a1").await;
    let told = async |stream: &mut Desk, presence: Presence, reason: PresenceReason| {
        let message = tokio::time::timeout(segue_testkit::WAIT, async {
            loop {
                let message = stream.message().await.unwrap().unwrap();
                if (message.presence(), message.presence_reason()) == (presence, reason) {
                    return;
                }
            }
        });
        message.await.expect("the presence was not told");
    };
    for number in 0..3 {
        let contact = world.submit(request("chat", &format!("s{number}"))).await;
        world.advance(21);
        world.wait_until(&contact.id, State::Queued, "").await;
        world.abandon(&contact.id).await;
    }
    told(&mut stream, Presence::Away, PresenceReason::MissedOffers).await;
    // Also what another page of the same desk says; that is no event, so it may take until the stream looks again.
    world.set_presence("a1", Presence::Available).await;
    let contact = world.submit(request("chat", "next")).await;
    assert_eq!(contact.agent, "a1");
    told(&mut stream, Presence::Available, PresenceReason::Set).await;
}

async fn signing_out_does_not_keep_what_a_lost_desk_had(world: World) {
    let stream = desk(&world, "a1").await;
    let assigned = world.assigned(request("chat", "s1")).await;
    drop(stream);
    is_noticed_to_be_gone(&world, "a1").await;
    world.set_presence("a1", Presence::Offline).await;
    assert_eq!(world.contact(&assigned.id).await.state(), State::Assigned);
    world.agent("a2", &[], CHAT_AND_VIDEO).await;
    world.advance(LOST);
    presence_is(&world, "a1", Presence::Offline, PresenceReason::DeskLost).await;
    // A supervisor who signs the agent out changes nothing of it.
    world.set_presence("a1", Presence::Offline).await;
    world.advance(GIVEN_UP);
    world.wait_until(&assigned.id, State::Offered, "a2").await;
}
