use segue_proto::router::v1::{
    AgentPolicy, Contact, ContactState as State, Presence, Priority, PutServiceListEntryRequest,
};

use crate::world::{World, request};

segue_testkit::on_every_engine!(crate::engines::on =>
    the_same_agent_goes_on,
    a_full_agent_is_waited_for_and_gets_nothing_else,
    an_offer_makes_room,
    after_the_wait_another_agent_takes_it,
    a_handoff_for_the_same_agent_only_waits,
    an_absent_agent_is_not_waited_for,
    an_agent_who_left_the_platform_is_not_waited_for,
    a_handoff_is_before_all_others,
    an_overflowed_handoff_is_not_passed,
    signing_out_lets_the_handoff_go,
    a_waiting_customer_goes,
    a_handoff_that_comes_back_makes_room,
);

const CHAT_AND_VIDEO: &[(&str, i32)] = &[("chat", 33), ("video", 100)];

/// The entry of a handoff that waits: its agent has another conversation besides.
async fn waiting(world: &World, entry: PutServiceListEntryRequest) -> (Contact, Contact) {
    let agent = entry.agent.clone();
    let other = world.assigned(request("chat", "other")).await;
    assert_eq!(other.agent, agent);
    let id = entry.handoff_id.clone();
    world.put_entry(entry).await;
    let handoff = world.admit(&id).await;
    assert_eq!(
        (handoff.state(), handoff.agent.as_str(), handoff.position),
        (State::Queued, agent.as_str(), 1)
    );
    (handoff, other)
}

async fn the_same_agent_goes_on(world: World) {
    world.agent("a1", &["claims"], CHAT_AND_VIDEO).await;
    world.agent("a2", &["claims"], CHAT_AND_VIDEO).await;
    let mut submitted = request("chat", "s1");
    submitted.skills = vec!["claims".to_owned()];
    submitted.subject = "hospital bill".to_owned();
    let source = world.assigned(submitted).await;
    assert_eq!(source.agent, "a1");
    world.put_entry(world.entry("h1", "a1", "s1")).await;
    let contact = world.admit("h1").await;
    assert_eq!((contact.state(), contact.agent.as_str()), (State::Assigned, "a1"));
    assert_eq!((contact.priority(), contact.platform.as_str()), (Priority::Handoff, "video"));
    assert_eq!((contact.work_order.as_str(), contact.handoff_id.as_str()), ("WO-h1", "h1"));
    assert_eq!((contact.subject.as_str(), contact.session.as_str()), ("hospital bill", "to-h1"));
    assert_eq!(world.contact(&source.id).await.state(), State::HandedOff);
    let agent = world.get_agent("a1").await;
    assert_eq!((agent.used_units, agent.held_units), (100, 0));
    world.complete(&contact.id, "a1").await;
    assert_eq!(world.get_agent("a1").await.used_units, 0);
}

async fn a_full_agent_is_waited_for_and_gets_nothing_else(world: World) {
    world.agent("a1", &[], CHAT_AND_VIDEO).await;
    let (handoff, other) = waiting(&world, world.entry("h1", "a1", "unknown")).await;
    // There is room for a chat, but a handoff waits for this agent (I5).
    let ordinary = world.submit(request("chat", "s2")).await;
    assert_eq!(ordinary.state(), State::Queued);
    world.complete(&other.id, "a1").await;
    assert_eq!(world.contact(&handoff.id).await.state(), State::Assigned);
    assert_eq!(world.contact(&ordinary.id).await.state(), State::Queued);
}

async fn an_offer_makes_room(world: World) {
    world.agent("a1", &[], CHAT_AND_VIDEO).await;
    let offered = world.submit(request("chat", "s1")).await;
    assert_eq!(offered.state(), State::Offered);
    world.put_entry(world.entry("h1", "a1", "unknown")).await;
    let handoff = world.admit("h1").await;
    assert_eq!((handoff.state(), handoff.agent.as_str()), (State::Assigned, "a1"));
    assert_eq!(world.contact(&offered.id).await.state(), State::Queued);
    world.agent("a2", &[], CHAT_AND_VIDEO).await;
    assert_eq!(world.contact(&offered.id).await.agent, "a2");
}

async fn after_the_wait_another_agent_takes_it(world: World) {
    world.agent("a1", &[], CHAT_AND_VIDEO).await;
    let (handoff, _) = waiting(&world, world.entry("h1", "a1", "unknown")).await;
    world.agent("a2", &[], &[("chat", 33), ("video", 50)]).await;
    assert_eq!(world.contact(&handoff.id).await.state(), State::Queued);
    world.advance(46);
    // Who did not ask for it is asked.
    world.wait_until(&handoff.id, State::Offered, "a2").await;
    let taken = world.accept(&handoff.id, "a2").await;
    assert_eq!((taken.priority(), taken.work_order.as_str()), (Priority::Handoff, "WO-h1"));
    assert_eq!(world.get_agent("a2").await.used_units, 50);
}

async fn a_handoff_for_the_same_agent_only_waits(world: World) {
    world.agent("a1", &[], CHAT_AND_VIDEO).await;
    let mut entry = world.entry("h1", "a1", "unknown");
    entry.agent_policy = AgentPolicy::SameAgentOnly.into();
    let (handoff, other) = waiting(&world, entry).await;
    world.agent("a2", &[], CHAT_AND_VIDEO).await;
    world.advance(3600);
    world.set_presence("a1", Presence::Offline).await;
    // A sweep after the hour has been made when it has timed out this offer.
    let marker = world.submit(request("chat", "marker")).await;
    assert_eq!(marker.agent, "a2");
    world.advance(21);
    world.wait_until(&marker.id, State::Queued, "").await;
    assert_eq!(world.contact(&handoff.id).await.state(), State::Queued);
    world.set_presence("a1", Presence::Available).await;
    world.complete(&other.id, "a1").await;
    assert_eq!(world.contact(&handoff.id).await.agent, "a1");
}

async fn an_absent_agent_is_not_waited_for(world: World) {
    world.agent("a1", &[], CHAT_AND_VIDEO).await;
    world.agent("a2", &["other"], CHAT_AND_VIDEO).await;
    world.put_entry(world.entry("h1", "a1", "unknown")).await;
    world.put_entry(world.entry("h2", "a1", "unknown")).await;
    world.set_presence("a1", Presence::Offline).await;
    let handoff = world.admit("h1").await;
    assert_eq!((handoff.state(), handoff.agent.as_str()), (State::Offered, "a2"));
    world.accept(&handoff.id, "a2").await;
    // Nobody is left: it waits, and whoever is free first takes it.
    let second = world.admit("h2").await;
    assert_eq!(second.state(), State::Queued);
    world.complete(&handoff.id, "a2").await;
    assert_eq!(world.contact(&second.id).await.agent, "a2");
}

async fn an_agent_who_left_the_platform_is_not_waited_for(world: World) {
    world.agent("a1", &[], CHAT_AND_VIDEO).await;
    world.put_entry(world.entry("h1", "a1", "unknown")).await;
    world.put_agent("a1", &[], &[("chat", 33)]).await;
    world.agent("a2", &[], CHAT_AND_VIDEO).await;
    let handoff = world.admit("h1").await;
    assert_eq!((handoff.state(), handoff.agent.as_str()), (State::Offered, "a2"));
}

async fn a_handoff_is_before_all_others(world: World) {
    world.agent("a1", &[], &[("video", 100)]).await;
    let busy = world.assigned(request("video", "busy")).await;
    let mut urgent = request("video", "urgent");
    urgent.priority = Priority::Urgent.into();
    let urgent = world.submit(urgent).await;
    world.advance(3600);
    world.put_entry(world.entry("h1", "a1", "unknown")).await;
    let handoff = world.admit("h1").await;
    assert_eq!((handoff.state(), handoff.position), (State::Queued, 1));
    assert_eq!(world.contact(&urgent.id).await.position, 2);
    world.complete(&busy.id, "a1").await;
    assert_eq!(world.contact(&handoff.id).await.state(), State::Assigned);
    assert_eq!(world.contact(&urgent.id).await.state(), State::Queued);
}

async fn an_overflowed_handoff_is_not_passed(world: World) {
    world.agent("a1", &[], CHAT_AND_VIDEO).await;
    let busy = world.assigned(request("chat", "busy")).await;
    world.put_agent("gone", &[], CHAT_AND_VIDEO).await;
    world.put_entry(world.entry("h1", "gone", "unknown")).await;
    let handoff = world.admit("h1").await;
    assert_eq!((handoff.state(), handoff.agent.as_str()), (State::Queued, "gone"));
    // An ordinary contact would fit beside the busy one, and with it the handoff would wait for ever: a1 is kept for it.
    let ordinary = world.submit(request("chat", "s1")).await;
    assert_eq!(ordinary.state(), State::Queued);
    world.complete(&busy.id, "a1").await;
    assert_eq!(world.contact(&handoff.id).await.agent, "a1");
}

async fn signing_out_lets_the_handoff_go(world: World) {
    world.agent("a1", &[], CHAT_AND_VIDEO).await;
    let (handoff, _) = waiting(&world, world.entry("h1", "a1", "unknown")).await;
    world.agent("a2", &[], CHAT_AND_VIDEO).await;
    world.set_presence("a1", Presence::Offline).await;
    let taken = world.contact(&handoff.id).await;
    assert_eq!((taken.state(), taken.agent.as_str()), (State::Offered, "a2"));
}

async fn a_waiting_customer_goes(world: World) {
    world.agent("a1", &[], CHAT_AND_VIDEO).await;
    let (handoff, _) = waiting(&world, world.entry("h1", "a1", "unknown")).await;
    let ordinary = world.submit(request("chat", "s2")).await;
    assert_eq!(ordinary.state(), State::Queued);
    assert_eq!(world.abandon(&handoff.id).await.state(), State::Abandoned);
    assert_eq!(world.contact(&ordinary.id).await.agent, "a1");
}

async fn a_handoff_that_comes_back_makes_room(world: World) {
    world.agent("a1", &[], CHAT_AND_VIDEO).await;
    let (handoff, other) = waiting(&world, world.entry("h1", "a1", "unknown")).await;
    world.set_presence("a1", Presence::Away).await;
    world.agent("a2", &[], CHAT_AND_VIDEO).await;
    world.advance(46);
    world.wait_until(&handoff.id, State::Offered, "a2").await;
    // Meanwhile its own agent gets others again.
    world.set_presence("a1", Presence::Available).await;
    world.complete(&other.id, "a1").await;
    let chat = world.submit(request("chat", "s2")).await;
    assert_eq!((chat.state(), chat.agent.as_str()), (State::Offered, "a1"));
    world.decline(&handoff.id, "a2").await;
    let taken = world.contact(&handoff.id).await;
    assert_eq!((taken.state(), taken.agent.as_str()), (State::Assigned, "a1"));
    assert_eq!(world.contact(&chat.id).await.agent, "a2");
}
