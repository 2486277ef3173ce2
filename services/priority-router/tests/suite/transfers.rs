//! Transfers: to an agent, to other skills, back to the line.

use segue_proto::router::v1::{
    AgentPolicy, AssignmentChange as Change, Contact, ContactEvent, ContactEventKind as Kind,
    ContactState as State, Line, Priority, Skills, TransferContactRequest, WaitReason,
    transfer_contact_request::To,
};
use segue_runtime::timestamp;
use segue_testkit::{request_id, wait_for};

use crate::{
    statistics::events,
    streams::{caught_up, event, next, watch},
    world::{START_MS, World, request},
};

segue_testkit::on_every_engine!(crate::engines::on =>
    an_agent_gives_a_contact_to_another,
    who_is_asked_for_has_it_before_all_others,
    who_waits_for_a_transfer_gets_nothing_else,
    after_the_wait_others_are_asked,
    who_declines_a_transfer_leaves_it_to_others,
    a_contact_goes_to_other_skills,
    a_contact_goes_back_to_its_place,
    the_class_is_kept_or_changed,
    a_supervisor_transfers_any_open_contact,
    a_handoff_keeps_its_class_and_its_context,
);

const CHAT: &[(&str, i32)] = &[("chat", 33)];
const VOICE: &[(&str, i32)] = &[("voice", 100)];
const CHAT_AND_VIDEO: &[(&str, i32)] = &[("chat", 33), ("video", 100)];
const REASON: &str = "asked for a colleague";

/// A transfer by an agent, or by a supervisor where none is named.
pub fn transfer(contact: &Contact, agent: &str, to: To) -> TransferContactRequest {
    TransferContactRequest {
        request_id: request_id(),
        id: contact.id.clone(),
        agent: agent.to_owned(),
        to: Some(to),
        reason: REASON.to_owned(),
        ..Default::default()
    }
}

pub fn to_agent(agent: &str) -> To {
    To::ToAgent(agent.to_owned())
}

pub fn to_skills(skills: &[&str]) -> To {
    To::ToSkills(Skills { skills: skills.iter().map(|skill| (*skill).to_owned()).collect() })
}

pub fn to_line() -> To {
    To::ToLine(Line {})
}

fn stands(contact: &Contact) -> (State, &str) {
    (contact.state(), contact.agent.as_str())
}

async fn is_offered(world: &World, id: &str) {
    wait_for("the contact to be offered", || async { world.contact(id).await.state() == State::Offered })
        .await;
}

/// A contact that is with `a1`.
async fn with_a1(world: &World, platforms: &[(&str, i32)]) -> Contact {
    world.agent("a1", &[], platforms).await;
    let contact = world.assigned(request(platforms[0].0, "s1")).await;
    assert_eq!(contact.agent, "a1");
    contact
}

async fn an_agent_gives_a_contact_to_another(world: World) {
    let contact = with_a1(&world, CHAT).await;
    for agent in ["a2", "a3"] {
        world.agent(agent, &[], CHAT).await;
    }
    let mut giver = watch(&world, "a1", "").await;
    event(&mut giver).await;
    caught_up(&mut giver).await;
    world.advance(60);
    let given = world.transfer(transfer(&contact, "a1", to_agent("a3"))).await;
    // It is asked, though it has not been idle the longest.
    assert_eq!(stands(&given), (State::Offered, "a3"));
    assert_eq!((given.priority(), given.session.as_str()), (Priority::Normal, "s1"));
    assert_eq!(given.create_time, contact.create_time);
    let (change, id, ..) = event(&mut giver).await;
    assert_eq!((change, &id), (Change::Withdrawn, &contact.id));
    assert_eq!(world.get_agent("a1").await.used_units, 0);
    world.accept(&contact.id, "a3").await;
    let log = events(&world, &contact.id, 0).await;
    let kinds: Vec<_> = log.iter().map(ContactEvent::kind).collect();
    let begins = [Kind::Queued, Kind::Offered, Kind::Assigned];
    assert_eq!(kinds, [&begins[..], &[Kind::Transferred, Kind::Offered, Kind::Assigned]].concat());
    let transferred = &log[3];
    assert_eq!((transferred.agent.as_str(), transferred.reason.as_str()), ("a1", REASON));
    assert_eq!((transferred.state(), transferred.time), (State::Queued, timestamp(START_MS + 60_000)));
    assert!(log.iter().filter(|event| event.sequence != 4).all(|event| event.reason.is_empty()));
    world.complete(&contact.id, "a3").await;
}

async fn who_is_asked_for_has_it_before_all_others(world: World) {
    world.agent("a1", &[], VOICE).await;
    world.agent("a2", &[], VOICE).await;
    let contact = world.assigned(request("voice", "s1")).await;
    let call = world.assigned(request("voice", "s2")).await;
    assert_eq!((contact.agent.as_str(), call.agent.as_str()), ("a1", "a2"));
    let mut urgent = [request("voice", "s3"), request("voice", "s4")];
    for wanted in &mut urgent {
        wanted.priority = Priority::Urgent.into();
    }
    let [third, fourth] = urgent;
    let (third, fourth) = (world.submit(third).await, world.submit(fourth).await);
    let waiting = world.transfer(transfer(&contact, "a1", to_agent("a2"))).await;
    assert_eq!(stands(&waiting), (State::Queued, "a2"));
    assert_eq!(waiting.wait_reason(), WaitReason::NamedAgentBusy);
    assert_eq!(waiting.overflow_time, timestamp(START_MS + 45_000));
    assert_eq!(world.contact(&third.id).await.agent, "a1", "the giver goes on with the line");
    world.complete(&call.id, "a2").await;
    assert_eq!(stands(&world.contact(&contact.id).await), (State::Offered, "a2"));
    assert_eq!(world.contact(&fourth.id).await.state(), State::Queued);
}

async fn who_waits_for_a_transfer_gets_nothing_else(world: World) {
    let contact = with_a1(&world, VOICE).await;
    let both = &[("chat", 33), ("voice", 100)];
    world.agent("a2", &[], both).await;
    let chat = world.assigned(request("chat", "chat")).await;
    let ringing = world.submit(request("chat", "ringing")).await;
    assert_eq!(ringing.agent, "a2");
    let waiting = world.transfer(transfer(&contact, "a1", to_agent("a2"))).await;
    assert_eq!(stands(&waiting), (State::Queued, "a2"), "its units don't allow a call beside the chat");
    // There would be room for chats (I5).
    assert_eq!(world.contact(&ringing.id).await.state(), State::Queued);
    assert_eq!(world.submit(request("chat", "next")).await.state(), State::Queued);
    assert_eq!(world.get_agent("a2").await.used_units, 33);
    world.complete(&chat.id, "a2").await;
    assert_eq!(stands(&world.contact(&contact.id).await), (State::Offered, "a2"));
    assert_eq!(world.get_agent("a2").await.used_units, 100);
}

async fn after_the_wait_others_are_asked(world: World) {
    world.agent("a1", &[], VOICE).await;
    world.agent("a2", &[], VOICE).await;
    let contact = world.assigned(request("voice", "s1")).await;
    let call = world.assigned(request("voice", "s2")).await;
    world.transfer(transfer(&contact, "a1", to_agent("a2"))).await;
    world.agent("a3", &[], VOICE).await;
    assert_eq!(stands(&world.contact(&contact.id).await), (State::Queued, "a2"));
    world.advance(45);
    // Its giver too, whose back-off is over.
    is_offered(&world, &contact.id).await;
    let first = world.contact(&contact.id).await.agent;
    let second = if first == "a1" { "a3" } else { "a1" };
    world.decline(&contact.id, &first).await;
    assert_eq!(stands(&world.contact(&contact.id).await), (State::Offered, second));
    // It still is a2's, if that one comes first.
    world.complete(&call.id, "a2").await;
    world.decline(&contact.id, second).await;
    assert_eq!(stands(&world.contact(&contact.id).await), (State::Offered, "a2"));
    let kinds: Vec<_> = events(&world, &contact.id, 0).await.iter().map(ContactEvent::kind).collect();
    assert_eq!(kinds[3..6], [Kind::Transferred, Kind::Overflowed, Kind::Offered]);
}

async fn who_declines_a_transfer_leaves_it_to_others(world: World) {
    let contact = with_a1(&world, CHAT).await;
    world.agent("a2", &[], CHAT).await;
    world.agent("a3", &["other"], CHAT).await;
    world.transfer(transfer(&contact, "a1", to_agent("a2"))).await;
    let declined = world.decline(&contact.id, "a2").await;
    assert_eq!(stands(&declined), (State::Offered, "a3"));
    // Nobody is left: neither who gave it away, nor who has declined it.
    let declined = world.decline(&contact.id, "a3").await;
    assert_eq!(declined.state(), State::Queued);
    world.advance(29);
    let marker = world.submit(request("chat", "marker")).await;
    world.accept(&marker.id, &marker.agent).await;
    assert_eq!(world.contact(&contact.id).await.state(), State::Queued);
    world.advance(1);
    is_offered(&world, &contact.id).await;
}

async fn a_contact_goes_to_other_skills(world: World) {
    world.agent("a1", &["sales"], CHAT).await;
    let mut wanted = request("chat", "s1");
    wanted.skills = vec!["sales".to_owned()];
    let contact = world.assigned(wanted).await;
    world.agent("a2", &["sales"], CHAT).await;
    world.agent("a3", &["claims", "english"], CHAT).await;
    let given = world.transfer(transfer(&contact, "a1", to_skills(&["English", " CLAIMS", "claims"]))).await;
    assert_eq!(stands(&given), (State::Offered, "a3"));
    assert_eq!(given.skills, ["claims", "english"]);
    assert_eq!(given.create_time, contact.create_time);
    world.accept(&contact.id, "a3").await;
    let waiting = world.transfer(transfer(&contact, "a3", to_skills(&["legal"]))).await;
    assert_eq!((waiting.state(), waiting.wait_reason()), (State::Queued, WaitReason::NoAgentWithSkills));
    assert_eq!((waiting.skills, waiting.position), (vec!["legal".to_owned()], 1));
    world.put_agent("a2", &["legal"], CHAT).await;
    assert_eq!(world.contact(&contact.id).await.agent, "a2");
    world.accept(&contact.id, "a2").await;
    // Without skills it is anybody's, but not the giver's.
    world.advance(30);
    let given = world.transfer(transfer(&contact, "a2", to_skills(&[]))).await;
    assert!(given.skills.is_empty());
    is_offered(&world, &contact.id).await;
    assert_ne!(world.contact(&contact.id).await.agent, "a2");
}

async fn a_contact_goes_back_to_its_place(world: World) {
    let contact = with_a1(&world, VOICE).await;
    world.advance(10);
    let second = world.submit(request("voice", "s2")).await;
    let third = world.submit(request("voice", "s3")).await;
    let waiting = world.transfer(transfer(&contact, "a1", to_line())).await;
    assert_eq!((waiting.state(), waiting.position), (State::Queued, 1));
    assert_eq!(waiting.create_time, contact.create_time);
    // The giver has the next one instead.
    assert_eq!(stands(&world.contact(&second.id).await), (State::Offered, "a1"));
    world.agent("a2", &[], VOICE).await;
    assert_eq!(stands(&world.contact(&contact.id).await), (State::Offered, "a2"));
    assert_eq!(world.contact(&third.id).await.position, 1);
}

async fn the_class_is_kept_or_changed(world: World) {
    let contact = with_a1(&world, CHAT).await;
    let other = world.assigned(request("chat", "s2")).await;
    let raised = TransferContactRequest {
        priority: Priority::Urgent.into(),
        ..transfer(&contact, "a1", to_skills(&["legal"]))
    };
    let raised = world.transfer(raised).await;
    assert_eq!((raised.state(), raised.priority()), (State::Queued, Priority::Urgent));
    let kept = world.transfer(transfer(&other, "a1", to_skills(&["legal"]))).await;
    assert_eq!((kept.priority(), kept.position), (Priority::Normal, 2));
    let log = events(&world, &contact.id, 0).await;
    let last = log.last().unwrap();
    assert_eq!((last.kind(), last.priority()), (Kind::Transferred, Priority::Urgent));
    // A supervisor raises it where it waits, too.
    let raised =
        TransferContactRequest { priority: Priority::High.into(), ..transfer(&other, "", to_line()) };
    assert_eq!(world.transfer(raised).await.priority(), Priority::High);
}

async fn a_supervisor_transfers_any_open_contact(world: World) {
    let waiting = world.submit(request("voice", "s1")).await;
    world.agent("a1", &[], CHAT).await;
    world.agent("a2", &[], &[("chat", 33), ("voice", 100)]).await;
    let call = world.contact(&waiting.id).await;
    assert_eq!(stands(&call), (State::Offered, "a2"));
    world.agent("a3", &[], VOICE).await;
    // One that is offered.
    let given = world.transfer(transfer(&call, "", to_agent("a3"))).await;
    assert_eq!(stands(&given), (State::Offered, "a3"));
    let last = events(&world, &call.id, 0).await;
    let transferred = last.iter().find(|event| event.kind() == Kind::Transferred).unwrap();
    assert_eq!((transferred.agent.as_str(), transferred.reason.as_str()), ("a2", REASON));
    // One that an agent has.
    world.accept(&call.id, "a3").await;
    let given = world.transfer(transfer(&call, "", to_agent("a2"))).await;
    assert_eq!(stands(&given), (State::Offered, "a2"));
    assert_eq!(world.get_agent("a3").await.used_units, 0);
    world.accept(&call.id, "a2").await;
    // One that waits.
    let mut wanted = request("chat", "s2");
    wanted.skills = vec!["legal".to_owned()];
    let chat = world.submit(wanted).await;
    assert_eq!(chat.state(), State::Queued);
    let given = world.transfer(transfer(&chat, "", to_skills(&[]))).await;
    assert_eq!(stands(&given), (State::Offered, "a1"));
    let log = events(&world, &chat.id, 0).await;
    let told: Vec<_> = log.iter().map(|event| (event.kind(), event.agent.as_str())).collect();
    assert_eq!(told, [(Kind::Queued, ""), (Kind::Transferred, ""), (Kind::Offered, "a1")]);
}

async fn a_handoff_keeps_its_class_and_its_context(world: World) {
    world.agent("a1", &[], CHAT_AND_VIDEO).await;
    let mut entry = world.entry("h1", "a1", "unknown");
    entry.agent_policy = AgentPolicy::SameAgentOnly.into();
    world.put_entry(entry).await;
    let handoff = world.admit("h1").await;
    assert_eq!(stands(&handoff), (State::Assigned, "a1"));
    for agent in ["a2", "a3"] {
        world.agent(agent, &[], CHAT_AND_VIDEO).await;
    }
    let mut desk = watch(&world, "a2", "").await;
    caught_up(&mut desk).await;
    let given = world.transfer(transfer(&handoff, "a1", to_agent("a2"))).await;
    // It is asked: the handoff is no longer its own agent's.
    assert_eq!(stands(&given), (State::Offered, "a2"));
    assert_eq!((given.priority(), given.work_order.as_str()), (Priority::Handoff, "WO-h1"));
    assert_eq!(given.handoff_id, "h1");
    let assignment = loop {
        if let Some(assignment) = next(&mut desk).await.assignment {
            break assignment;
        }
    };
    assert_eq!((assignment.change(), assignment.work_order.as_str()), (Change::Offered, "WO-h1"));
    let work = assignment.remaining_work.unwrap();
    assert_eq!((work.summary.as_str(), work.context["identity"].as_str()), ("show the bill", "verified"));
    assert_eq!(assignment.source.unwrap().session, "unknown");
    // That no other agent may have it was agreed with the code, and ends with the transfer.
    let declined = world.decline(&handoff.id, "a2").await;
    assert_eq!(stands(&declined), (State::Offered, "a3"));
    assert_eq!(declined.priority(), Priority::Handoff);
}
