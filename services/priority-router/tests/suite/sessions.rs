//! One open contact for each conversation of a platform.

use segue_proto::{
    common::v1::ErrorReason as Reason,
    router::v1::{
        AssignmentChange as Change, Contact, ContactEvent, ContactEventKind as Kind, ContactState as State,
        GetSessionContactRequest, ListContactsRequest, Priority, SubmitContactRequest, WaitReason,
    },
};
use segue_testkit::{refused, request_id};
use tokio::task::JoinSet;

use crate::{
    statistics::events,
    streams::{caught_up, event, watch},
    world::{START_MS, World, request},
};

segue_testkit::on_every_engine!(crate::engines::on =>
    a_session_has_one_open_contact,
    a_double_submission_at_two_replicas_is_one_contact,
    who_comes_back_in_a_new_session_keeps_the_agent,
    who_comes_back_while_waiting_keeps_the_place,
    what_can_not_be_rejoined_is_a_new_contact,
    handoffs_move_with_who_comes_back,
    a_code_entered_in_a_session_that_waits_makes_one_contact,
    a_code_entered_in_a_session_of_its_agent_changes_the_class_only,
    a_code_entered_in_a_session_of_another_agent_brings_it_to_its_own,
);

const CHAT_AND_VIDEO: &[(&str, i32)] = &[("chat", 33), ("video", 100)];
/// The session in which `World::admit` enters the code of `h1`.
const ENTERED: &str = "to-h1";

fn rejoining(session: &str, contact: &str) -> SubmitContactRequest {
    SubmitContactRequest { rejoins: contact.to_owned(), ..request("chat", session) }
}

async fn contacts_on(world: &World, platform: &str) -> Vec<Contact> {
    let request = ListContactsRequest { platform: platform.to_owned(), ..Default::default() };
    world.rpc().list_contacts(request).await.unwrap().into_inner().contacts
}

async fn kinds(world: &World, id: &str) -> Vec<Kind> {
    events(world, id, 0).await.iter().map(ContactEvent::kind).collect()
}

async fn a_session_has_one_open_contact(world: World) {
    let first = world.submit(request("chat", "s1")).await;
    let mut again = request("chat", "s1");
    again.subject = "another subject".to_owned();
    again.skills = vec!["claims".to_owned()];
    again.priority = Priority::Urgent.into();
    assert_eq!(world.submit(again.clone()).await, first, "the first, unchanged");
    assert_ne!(world.submit(request("voice", "s1")).await.id, first.id, "another platform's session");
    // Two free agents: one of them is asked.
    world.agent("a1", &[], &[("chat", 33)]).await;
    world.agent("a2", &[], &[("chat", 33)]).await;
    assert_eq!(world.submit(request("chat", "s1")).await.agent, "a1");
    assert_eq!(world.get_agent("a2").await.used_units, 0);
    world.accept(&first.id, "a1").await;
    let assigned = world.submit(request("chat", "s1")).await;
    assert_eq!((&assigned.id, assigned.state()), (&first.id, State::Assigned));
    assert_eq!(contacts_on(&world, "chat").await.len(), 1);
    assert_eq!(kinds(&world, &first.id).await, [Kind::Queued, Kind::Offered, Kind::Assigned]);
    world.complete(&first.id, "a1").await;
    let next = world.submit(SubmitContactRequest { request_id: request_id(), ..again }).await;
    assert_ne!(next.id, first.id, "the first is over");
    assert_eq!((next.subject.as_str(), next.priority()), ("another subject", Priority::Urgent));
}

async fn a_double_submission_at_two_replicas_is_one_contact(world: World) {
    world.agent("a1", &[], &[("chat", 33)]).await;
    world.agent("a2", &[], &[("chat", 33)]).await;
    let replicas = [world.clone(), world.replica().await];
    for round in 0..10 {
        let mut calls = JoinSet::new();
        for call in 0..8 {
            let replica = replicas[call % 2].clone();
            calls.spawn(async move { replica.submit(request("chat", &format!("s{round}"))).await });
        }
        let mut ids: Vec<String> = calls.join_all().await.into_iter().map(|contact| contact.id).collect();
        ids.dedup();
        assert_eq!(ids.len(), 1, "{ids:?}");
        let used = world.get_agent("a1").await.used_units + world.get_agent("a2").await.used_units;
        assert_eq!(used, 33, "one agent is asked");
        world.abandon(&ids[0]).await;
    }
    assert_eq!(contacts_on(&world, "chat").await.len(), 10);
}

async fn who_comes_back_in_a_new_session_keeps_the_agent(world: World) {
    world.agent("a1", &[], CHAT_AND_VIDEO).await;
    world.agent("a2", &[], CHAT_AND_VIDEO).await;
    let contact = world.assigned(request("chat", "s1")).await;
    assert_eq!(contact.agent, "a1");
    let mut desk = watch(&world, "a1", "").await;
    assert_eq!(event(&mut desk).await.1, contact.id);
    caught_up(&mut desk).await;
    let rejoined = world.replica().await.submit(rejoining("s2", &contact.id)).await;
    assert_eq!((&rejoined.id, rejoined.session.as_str()), (&contact.id, "s2"));
    assert_eq!((rejoined.state(), rejoined.agent.as_str()), (State::Assigned, "a1"));
    assert_eq!(rejoined.create_time, contact.create_time);
    let (change, id, state, _) = event(&mut desk).await;
    assert_eq!((change, &id, state), (Change::Assigned, &contact.id, State::Assigned));
    let log = events(&world, &contact.id, 0).await;
    let last = log.last().unwrap();
    assert_eq!((last.kind(), last.agent.as_str()), (Kind::Rejoined, "a1"));
    let of = GetSessionContactRequest { platform: "chat".to_owned(), session: "s2".to_owned() };
    let newest = world.rpc().get_session_contact(of).await.unwrap().into_inner().contact.unwrap();
    assert_eq!(newest.id, contact.id);
    assert_eq!(world.get_agent("a1").await.used_units, 33);
    assert_eq!(world.submit(request("chat", "s2")).await.id, contact.id);
    assert_ne!(world.submit(request("chat", "s1")).await.id, contact.id, "the old session has none any more");
}

async fn who_comes_back_while_waiting_keeps_the_place(world: World) {
    let first = world.submit(request("chat", "s1")).await;
    world.advance(5);
    let second = world.submit(request("chat", "s2")).await;
    world.advance(5);
    let rejoined = world.submit(rejoining("s3", &first.id)).await;
    assert_eq!((&rejoined.id, rejoined.position), (&first.id, 1));
    assert_eq!(rejoined.create_time, segue_runtime::timestamp(START_MS));
    assert_eq!(world.contact(&second.id).await.position, 2);
    assert_eq!(kinds(&world, &first.id).await, [Kind::Queued, Kind::Rejoined]);
}

async fn what_can_not_be_rejoined_is_a_new_contact(world: World) {
    let over = world.submit(request("chat", "s1")).await;
    world.abandon(&over.id).await;
    let elsewhere = world.submit(request("voice", "s1")).await;
    let ids = [over.id.as_str(), elsewhere.id.as_str(), "contact_of_nobody"];
    for (number, id) in ids.into_iter().enumerate() {
        let session = format!("t{number}");
        let new = world.submit(rejoining(&session, id)).await;
        assert_ne!(new.id, id);
        assert_eq!((new.state(), new.platform.as_str(), new.session), (State::Queued, "chat", session));
    }
    assert_eq!(world.contact(&elsewhere.id).await, elsewhere);
    // A session's own open contact goes before.
    let own = world.submit(request("chat", "own")).await;
    let other = world.submit(request("chat", "other")).await;
    assert_eq!(world.submit(rejoining("own", &other.id)).await.id, own.id);
    assert_eq!(world.contact(&other.id).await.session, "other");
    let refusal = refused(world.rpc().submit_contact(rejoining("s9", "no id")).await);
    assert_eq!((refusal.reason, refusal.fields), (Reason::InvalidField, vec!["rejoins".to_owned()]));
}

async fn handoffs_move_with_who_comes_back(world: World) {
    world.agent("a1", &[], CHAT_AND_VIDEO).await;
    let source = world.assigned(request("chat", "s1")).await;
    world.put_entry(world.entry("h1", "a1", "s1")).await;
    assert_eq!(world.submit(rejoining("s2", &source.id)).await.id, source.id);
    let handoff = world.admit("h1").await;
    assert_eq!((handoff.state(), handoff.agent.as_str()), (State::Assigned, "a1"));
    assert_eq!(world.contact(&source.id).await.state(), State::HandedOff);
    assert_eq!(world.get_agent("a1").await.used_units, 100);
}

async fn a_code_entered_in_a_session_that_waits_makes_one_contact(world: World) {
    world.agent("a1", &[], CHAT_AND_VIDEO).await;
    let busy = world.assigned(request("chat", "busy")).await;
    let mut waiting = request("video", ENTERED);
    waiting.priority = Priority::Low.into();
    let waiting = world.submit(waiting).await;
    assert_eq!(waiting.state(), State::Queued);
    world.advance(10);
    world.put_entry(world.entry("h1", "a1", "unknown")).await;
    let handoff = world.admit("h1").await;
    assert_eq!((&handoff.id, handoff.state()), (&waiting.id, State::Queued));
    assert_eq!((handoff.priority(), handoff.agent.as_str()), (Priority::Handoff, "a1"));
    assert_eq!((handoff.work_order.as_str(), handoff.handoff_id.as_str()), ("WO-h1", "h1"));
    assert_eq!((handoff.named_agent.as_str(), handoff.wait_reason()), ("a1", WaitReason::NamedAgentBusy));
    assert_eq!(handoff.create_time, waiting.create_time, "it keeps the time at which it came");
    assert_eq!(world.replica().await.admit("h1").await.id, waiting.id, "and is admitted once");
    assert_eq!(contacts_on(&world, "video").await.len(), 1);
    assert_eq!(kinds(&world, &waiting.id).await, [Kind::Queued, Kind::Admitted]);
    world.complete(&busy.id, "a1").await;
    let taken = world.contact(&waiting.id).await;
    assert_eq!((taken.state(), taken.agent.as_str()), (State::Assigned, "a1"));
}

async fn a_code_entered_in_a_session_of_its_agent_changes_the_class_only(world: World) {
    world.agent("a1", &[], CHAT_AND_VIDEO).await;
    let contact = world.assigned(request("video", ENTERED)).await;
    let mut desk = watch(&world, "a1", "").await;
    event(&mut desk).await;
    caught_up(&mut desk).await;
    world.put_entry(world.entry("h1", "a1", "unknown")).await;
    let handoff = world.admit("h1").await;
    assert_eq!((&handoff.id, handoff.state()), (&contact.id, State::Assigned));
    assert_eq!((handoff.priority(), handoff.agent.as_str()), (Priority::Handoff, "a1"));
    let (change, id, state, _) = event(&mut desk).await;
    assert_eq!((change, &id, state), (Change::Assigned, &contact.id, State::Assigned));
    assert_eq!(kinds(&world, &contact.id).await.last(), Some(&Kind::Admitted));
    assert_eq!(world.get_agent("a1").await.used_units, 100);
}

async fn a_code_entered_in_a_session_of_another_agent_brings_it_to_its_own(world: World) {
    world.agent("a2", &[], CHAT_AND_VIDEO).await;
    let contact = world.assigned(request("video", ENTERED)).await;
    assert_eq!(contact.agent, "a2");
    world.agent("a1", &[], CHAT_AND_VIDEO).await;
    world.put_entry(world.entry("h1", "a1", "unknown")).await;
    let handoff = world.admit("h1").await;
    assert_eq!((&handoff.id, handoff.state()), (&contact.id, State::Assigned));
    assert_eq!((handoff.priority(), handoff.agent.as_str()), (Priority::Handoff, "a1"));
    assert_eq!(world.get_agent("a2").await.used_units, 0);
    assert_eq!(contacts_on(&world, "video").await.len(), 1);
    assert_eq!(refused(world.try_complete(&contact.id, "a2").await).reason, Reason::ContactNotYours);
}
