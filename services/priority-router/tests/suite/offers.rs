use segue_proto::router::v1::{
    AgentPolicy, ContactState as State, FinishWrapUpRequest, Presence, PresenceReason, PutAgentRequest,
    ServiceListEntryState as EntryState, WaitReason,
};
use segue_testkit::{request_id, wait_for};

use crate::world::{World, request};

segue_testkit::on_every_engine!(crate::engines::on =>
    who_misses_offers_is_set_away,
    an_answer_starts_the_count_anew,
    units_stay_taken_while_the_agent_wraps_up,
    a_waiting_contact_says_what_it_waits_for,
    signing_out_ends_what_is_held,
    who_came_is_not_kept_out_by_who_may_come,
);
segue_testkit::on_every_engine!(crate::engines::without_auto_accept => of_the_named_agent_declined);

const CHAT_AND_VIDEO: &[(&str, i32)] = &[("chat", 33), ("video", 100)];

async fn who_misses_offers_is_set_away(world: World) {
    world.agent("a1", &[], &[("chat", 33)]).await;
    let contact = world.submit(request("chat", "s1")).await;
    for _ in 0..2 {
        assert_eq!(world.get_agent("a1").await.presence(), Presence::Available);
        world.advance(21);
        world.wait_until(&contact.id, State::Queued, "").await;
        world.advance(31);
        world.wait_until(&contact.id, State::Offered, "a1").await;
    }
    let other = world.submit(request("chat", "s2")).await;
    assert_eq!(other.agent, "a1");
    world.advance(10);
    let third = world.submit(request("chat", "s3")).await;
    assert_eq!(third.agent, "a1");
    world.advance(11);
    wait_for("the agent to be set away", || async {
        world.get_agent("a1").await.presence_reason() == PresenceReason::MissedOffers
    })
    .await;
    // What it was offered since goes to others as well.
    let agent = world.get_agent("a1").await;
    assert_eq!((agent.presence(), agent.used_units), (Presence::Away, 0));
    assert_eq!(world.contact(&third.id).await.state(), State::Queued);
    let agent = world.set_presence("a1", Presence::Available).await;
    assert_eq!((agent.presence_reason(), agent.used_units), (PresenceReason::Set, 66));
}

async fn an_answer_starts_the_count_anew(world: World) {
    world.agent("a1", &[], &[("chat", 33)]).await;
    for number in 0..5 {
        let contact = world.submit(request("chat", &format!("s{number}"))).await;
        world.advance(21);
        world.wait_until(&contact.id, State::Queued, "").await;
        world.abandon(&contact.id).await;
        let answered = world.assigned(request("chat", &format!("t{number}"))).await;
        world.complete(&answered.id, "a1").await;
    }
    assert_eq!(world.get_agent("a1").await.presence(), Presence::Available);
}

async fn units_stay_taken_while_the_agent_wraps_up(world: World) {
    let mut agent = world.agent("a1", &[], &[("voice", 100)]).await;
    agent.platforms[0].wrap_up_seconds = 30;
    let put = PutAgentRequest { request_id: request_id(), agent: Some(agent) };
    world.rpc().put_agent(put).await.unwrap();
    let first = world.assigned(request("voice", "s1")).await;
    let second = world.submit(request("voice", "s2")).await;
    world.complete(&first.id, "a1").await;
    let agent = world.get_agent("a1").await;
    assert_eq!((agent.used_units, agent.wrap_up_units), (100, 100));
    assert_eq!(world.contact(&second.id).await.state(), State::Queued);
    world.advance(31);
    world.wait_until(&second.id, State::Offered, "a1").await;
    assert_eq!(world.get_agent("a1").await.wrap_up_units, 0);
    // A customer who hangs up leaves notes to write too; the agent may be done before the time.
    world.accept(&second.id, "a1").await;
    let third = world.submit(request("voice", "s3")).await;
    world.abandon(&second.id).await;
    assert_eq!(world.contact(&third.id).await.state(), State::Queued);
    let finish =
        FinishWrapUpRequest { request_id: request_id(), id: second.id.clone(), agent: "a1".to_owned() };
    let agent = world.rpc().finish_wrap_up(finish).await.unwrap().into_inner().agent.unwrap();
    assert_eq!((agent.used_units, agent.wrap_up_units), (100, 0));
    assert_eq!(world.contact(&third.id).await.state(), State::Offered);
}

/// With `handoff-auto-accept` off.
async fn of_the_named_agent_declined(world: World) {
    world.agent("a1", &[], CHAT_AND_VIDEO).await;
    world.put_entry(world.entry("h1", "a1", "unknown")).await;
    let mut only = world.entry("h2", "a1", "unknown");
    only.agent_policy = AgentPolicy::SameAgentOnly.into();
    world.put_entry(only).await;
    let handoff = world.admit("h1").await;
    assert_eq!((handoff.state(), handoff.agent.as_str()), (State::Offered, "a1"));
    world.agent("a2", &[], CHAT_AND_VIDEO).await;
    // Others are asked at once: waiting for who does not want to makes nothing better.
    world.decline(&handoff.id, "a1").await;
    let offered = world.contact(&handoff.id).await;
    assert_eq!((offered.state(), offered.agent.as_str()), (State::Offered, "a2"));
    assert_eq!(offered.named_agent, "a1");
    world.accept(&handoff.id, "a2").await;

    let handoff = world.admit("h2").await;
    assert_eq!((handoff.state(), handoff.agent.as_str()), (State::Offered, "a1"));
    world.decline(&handoff.id, "a1").await;
    let waiting = world.contact(&handoff.id).await;
    assert_eq!((waiting.state(), waiting.agent.as_str()), (State::Queued, "a1"));
    // Meanwhile the agent is not idle, and after a while it is asked again.
    let chat = world.submit(request("chat", "s1")).await;
    assert_eq!(chat.agent, "a1");
    world.abandon(&chat.id).await;
    world.advance(31);
    world.wait_until(&handoff.id, State::Offered, "a1").await;
}

async fn a_waiting_contact_says_what_it_waits_for(world: World) {
    world.put_agent("signed-out", &[], &[("voice", 100)]).await;
    let ordinary = world.submit(request("voice", "s1")).await;
    assert_eq!(ordinary.wait_reason(), WaitReason::AnyAgent);
    world.agent("a1", &[], CHAT_AND_VIDEO).await;
    let busy = world.assigned(request("chat", "busy")).await;
    assert_eq!((busy.wait_reason(), busy.overflow_time), (WaitReason::Unspecified, None));
    let mut entry = world.entry("h1", "a1", "unknown");
    entry.agent_policy = AgentPolicy::SameAgentOnly.into();
    world.put_entry(entry).await;
    world.put_entry(world.entry("h2", "a1", "unknown")).await;
    let only = world.admit("h1").await;
    assert_eq!(only.wait_reason(), WaitReason::NamedAgentBusy);
    assert_eq!((only.agent_policy(), only.overflow_time), (AgentPolicy::SameAgentOnly, None));
    let bounded = world.admit("h2").await;
    assert_eq!(bounded.overflow_time, segue_runtime::timestamp(crate::world::START_MS + 45_000));
    world.set_presence("a1", Presence::Offline).await;
    assert_eq!(world.contact(&only.id).await.wait_reason(), WaitReason::NamedAgentOffline);
    assert_eq!(world.contact(&bounded.id).await.wait_reason(), WaitReason::AnyAgent);
    world.put_agent("a1", &[], &[("chat", 33)]).await;
    assert_eq!(world.contact(&only.id).await.wait_reason(), WaitReason::NamedAgentNotOnPlatform);
    // It keeps its customer: back on the platform and free, the agent has it.
    world.put_agent("a1", &[], CHAT_AND_VIDEO).await;
    world.set_presence("a1", Presence::Available).await;
    world.complete(&busy.id, "a1").await;
    assert_eq!(world.contact(&only.id).await.state(), State::Assigned);
}

async fn signing_out_ends_what_is_held(world: World) {
    world.agent("a1", &[], CHAT_AND_VIDEO).await;
    world.put_entry(world.entry("h1", "a1", "unknown")).await;
    assert_eq!(world.get_agent("a1").await.held_units, 100);
    assert_eq!(world.set_presence("a1", Presence::Offline).await.held_units, 0);
    let agent = world.set_presence("a1", Presence::Available).await;
    assert_eq!(agent.held_units, 0, "it may not be the same shift");
    assert_eq!(world.release("h1").await, EntryState::Released);
}

async fn who_came_is_not_kept_out_by_who_may_come(world: World) {
    world.agent("a1", &[], CHAT_AND_VIDEO).await;
    for handoff in ["h1", "h2"] {
        world.put_entry(world.entry(handoff, "a1", "unknown")).await;
    }
    assert_eq!(world.get_agent("a1").await.held_units, 200);
    assert_eq!(world.admit("h2").await.state(), State::Assigned);
}
