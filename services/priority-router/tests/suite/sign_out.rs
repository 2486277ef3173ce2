//! Signing out with customers.

use segue_proto::router::v1::{
    AgentPolicy, AssignmentChange as Change, Contact, ContactEvent, ContactEventKind as Kind,
    ContactState as State, Presence, PresenceReason, Priority, SetPresenceRequest, SignOutPolicy, WaitReason,
};
use segue_testkit::request_id;

use crate::{
    statistics::events,
    streams::{caught_up, event, watch},
    world::{START_MS, World, request},
};

segue_testkit::on_every_engine!(crate::engines::on =>
    contacts_go_on_at_once_if_that_is_chosen,
    contacts_are_kept_for_the_grace_and_then_go_on,
    who_signs_in_again_within_the_grace_has_its_contacts,
    what_is_kept_may_be_let_go_of_later,
    a_handoff_goes_on_with_its_class,
    a_contact_of_its_own_agent_alone_waits_and_says_so,
    only_who_signs_out_leaves_contacts,
);

const CHAT: &[(&str, i32)] = &[("chat", 33)];
const CHAT_AND_VIDEO: &[(&str, i32)] = &[("chat", 33), ("video", 100)];

/// A handoff that is with `a1`, who asked for it.
async fn handoff(world: &World, policy: AgentPolicy) -> Contact {
    world.agent("a1", &[], CHAT_AND_VIDEO).await;
    let mut entry = world.entry("h1", "a1", "unknown");
    entry.agent_policy = policy.into();
    world.put_entry(entry).await;
    let handoff = world.admit("h1").await;
    assert_eq!((handoff.state(), handoff.agent.as_str()), (State::Assigned, "a1"));
    world.agent("a2", &[], CHAT_AND_VIDEO).await;
    handoff
}

/// When this returns, what time has brought has been done: an offer to `agent` that was made now has ended.
async fn an_offer_passes(world: &World, agent: &str, session: &str) {
    let marker = world.submit(request("chat", session)).await;
    assert_eq!(marker.agent, agent);
    world.advance(20);
    world.wait_until(&marker.id, State::Queued, "").await;
    world.abandon(&marker.id).await;
}

async fn contacts_go_on_at_once_if_that_is_chosen(world: World) {
    world.agent("a1", &[], CHAT).await;
    let first = world.assigned(request("chat", "s1")).await;
    world.advance(1);
    let second = world.assigned(request("chat", "s2")).await;
    let offered = world.submit(request("chat", "s3")).await;
    assert_eq!(offered.agent, "a1");
    let mut desk = watch(&world, "a1", "").await;
    for _ in 0..3 {
        event(&mut desk).await;
    }
    caught_up(&mut desk).await;
    world.agent("a2", &[], CHAT).await;
    let answer = world.sign_out("a1", SignOutPolicy::RequeueAtOnce).await;
    assert_eq!(
        answer.open_contacts,
        [first.id.as_str(), second.id.as_str()],
        "those that it had, oldest first"
    );
    let agent = answer.agent.unwrap();
    assert_eq!((agent.presence(), agent.presence_reason()), (Presence::Offline, PresenceReason::Set));
    assert_eq!(agent.used_units, 0);
    for contact in [&first, &second, &offered] {
        let now = world.contact(&contact.id).await;
        assert_eq!((now.state(), now.agent.as_str()), (State::Offered, "a2"));
        assert_eq!(now.create_time, contact.create_time);
        assert_eq!(event(&mut desk).await.0, Change::Withdrawn);
    }
    let log = events(&world, &first.id, 0).await;
    let last: Vec<_> = log.iter().skip(3).map(|event| (event.kind(), event.agent.as_str())).collect();
    assert_eq!(last, [(Kind::Rerouted, "a1"), (Kind::Offered, "a2")]);
    let kinds: Vec<_> = events(&world, &offered.id, 0).await.iter().map(ContactEvent::kind).collect();
    assert_eq!(kinds, [Kind::Queued, Kind::Offered, Kind::Withdrawn, Kind::Offered]);
}

async fn contacts_are_kept_for_the_grace_and_then_go_on(world: World) {
    world.agent("a1", &[], CHAT).await;
    let contact = world.assigned(request("chat", "s1")).await;
    world.agent("a2", &[], CHAT).await;
    let answer = world.sign_out("a1", SignOutPolicy::KeepForGrace).await;
    assert_eq!(answer.open_contacts, [contact.id.as_str()]);
    assert_eq!(answer.agent.unwrap().used_units, 33);
    world.advance(159);
    an_offer_passes(&world, "a2", "marker").await;
    assert_eq!(world.contact(&contact.id).await.state(), State::Assigned, "179 s later");
    world.advance(1);
    world.wait_until(&contact.id, State::Offered, "a2").await;
    assert_eq!(world.get_agent("a1").await.used_units, 0);
    let log = events(&world, &contact.id, 0).await;
    assert_eq!(log[3].kind(), Kind::Rerouted);
    assert_eq!(log[3].time, segue_runtime::timestamp(START_MS + 180_000));
    world.accept(&contact.id, "a2").await;
}

async fn who_signs_in_again_within_the_grace_has_its_contacts(world: World) {
    world.agent("a1", &[], CHAT).await;
    let contact = world.assigned(request("chat", "s1")).await;
    // The usual way is the grace.
    let answer = world.sign_out("a1", SignOutPolicy::Unspecified).await;
    assert_eq!(answer.open_contacts, [contact.id.as_str()]);
    world.advance(100);
    world.set_presence("a1", Presence::Available).await;
    world.advance(100);
    an_offer_passes(&world, "a1", "marker").await;
    let kept = world.contact(&contact.id).await;
    assert_eq!((kept.state(), kept.agent.as_str()), (State::Assigned, "a1"));
    // The grace begins anew with the next sign-out.
    world.sign_out("a1", SignOutPolicy::Unspecified).await;
    world.agent("a2", &[], CHAT).await;
    world.advance(159);
    an_offer_passes(&world, "a2", "another").await;
    assert_eq!(world.contact(&contact.id).await.state(), State::Assigned);
}

async fn what_is_kept_may_be_let_go_of_later(world: World) {
    world.agent("a1", &[], CHAT).await;
    let contact = world.assigned(request("chat", "s1")).await;
    world.agent("a2", &[], CHAT).await;
    world.sign_out("a1", SignOutPolicy::KeepForGrace).await;
    let answer = world.sign_out("a1", SignOutPolicy::RequeueAtOnce).await;
    assert_eq!(answer.open_contacts, [contact.id.as_str()]);
    assert_eq!(world.contact(&contact.id).await.agent, "a2");
    assert!(world.sign_out("a1", SignOutPolicy::RequeueAtOnce).await.open_contacts.is_empty());
}

async fn a_handoff_goes_on_with_its_class(world: World) {
    let handoff = handoff(&world, AgentPolicy::PreferSameAgent).await;
    let answer = world.sign_out("a1", SignOutPolicy::RequeueAtOnce).await;
    assert_eq!(answer.open_contacts, [handoff.id.as_str()]);
    let now = world.contact(&handoff.id).await;
    assert_eq!((now.state(), now.agent.as_str()), (State::Offered, "a2"));
    assert_eq!((now.priority(), now.work_order.as_str()), (Priority::Handoff, "WO-h1"));
    assert_eq!(now.named_agent, "a1");
}

async fn a_contact_of_its_own_agent_alone_waits_and_says_so(world: World) {
    let handoff = handoff(&world, AgentPolicy::SameAgentOnly).await;
    let answer = world.sign_out("a1", SignOutPolicy::RequeueAtOnce).await;
    assert_eq!(answer.open_contacts, [handoff.id.as_str()]);
    let waiting = world.contact(&handoff.id).await;
    assert_eq!((waiting.state(), waiting.agent.as_str()), (State::Queued, "a1"));
    assert_eq!((waiting.wait_reason(), waiting.overflow_time), (WaitReason::NamedAgentOffline, None));
    assert_eq!(world.get_agent("a2").await.used_units, 0);
    world.set_presence("a1", Presence::Available).await;
    let taken = world.contact(&handoff.id).await;
    assert_eq!((taken.state(), taken.agent.as_str()), (State::Assigned, "a1"));
    // The same after the grace.
    world.sign_out("a1", SignOutPolicy::KeepForGrace).await;
    assert_eq!(world.contact(&handoff.id).await.state(), State::Assigned);
    world.advance(180);
    world.wait_until(&handoff.id, State::Queued, "a1").await;
    assert_eq!(world.contact(&handoff.id).await.wait_reason(), WaitReason::NamedAgentOffline);
}

async fn only_who_signs_out_leaves_contacts(world: World) {
    world.agent("a1", &[], CHAT).await;
    let contact = world.assigned(request("chat", "s1")).await;
    world.agent("a2", &[], CHAT).await;
    let away = SetPresenceRequest {
        request_id: request_id(),
        agent: "a1".to_owned(),
        presence: Presence::Away.into(),
        sign_out_policy: SignOutPolicy::RequeueAtOnce.into(),
    };
    let answer = world.rpc().set_presence(away.clone()).await.unwrap().into_inner();
    assert!(answer.open_contacts.is_empty());
    assert_eq!(world.contact(&contact.id).await.state(), State::Assigned);
    let wrong = SetPresenceRequest { request_id: request_id(), sign_out_policy: 9, ..away };
    let refusal = segue_testkit::refused(world.rpc().set_presence(wrong).await);
    assert_eq!(refusal.fields, ["sign_out_policy"]);
}
