//! Whose conversation is handed off, and what becomes of an older code when a newer one is made.

use std::collections::BTreeSet;

use futures::future::join_all;
use segue::demo_data::DEMO_AGENT;
use segue_proto::{
    common::v1::{ErrorReason, Session},
    issuer::v1::{CreateHandoffRequest, GetHandoffRequest, HandoffState},
    router::v1::{GetAgentRequest, Presence, SubmitContactRequest},
};
use segue_testkit::{Storage, refused, request_id, wait_for};
use segue_tests::{Clients, Fixture, InProcess, Processes};
use tonic::Code;

const OTHER_AGENT: &str = "A1002";

segue_testkit::on_durable_engines!(
    an_agent_hands_off_its_own_conversations_only,
    a_newer_code_ends_the_older,
    one_of_many_codes_made_at_once_lives
);

async fn submit(fixture: &Fixture, session: &str) {
    let request = SubmitContactRequest {
        request_id: request_id(),
        platform: "web_chat".to_owned(),
        session: session.to_owned(),
        ..SubmitContactRequest::default()
    };
    fixture.clients.router.clone().submit_contact(request).await.unwrap();
}

fn from_chat(agent: &str, session: &str) -> CreateHandoffRequest {
    CreateHandoffRequest {
        agent: agent.to_owned(),
        source: Some(Session { platform: "web_chat".to_owned(), session: session.to_owned() }),
        ..Fixture::handoff(session)
    }
}

async fn an_agent_hands_off_its_own_conversations_only(storage: Storage) {
    let system = InProcess::start(storage).await;
    let fixture = Fixture::load(&system.addresses).await;
    let create = |request| {
        let mut issuer = fixture.clients.issuer.clone();
        async move { issuer.create_handoff(request).await }
    };
    submit(&fixture, "chat-1").await;
    let waiting = refused(create(from_chat(DEMO_AGENT, "chat-1")).await);
    assert_eq!((waiting.code, waiting.reason), (Code::PermissionDenied, ErrorReason::SessionNotOfAgent));
    assert_eq!(waiting.fields, ["source.session"]);
    fixture.take_contact("web_chat", "chat-1").await;
    fixture.set_presence(OTHER_AGENT, Presence::Available).await;
    let foreign = refused(create(from_chat(OTHER_AGENT, "chat-1")).await);
    assert_eq!(foreign.reason, ErrorReason::SessionNotOfAgent);
    create(from_chat(DEMO_AGENT, "chat-1")).await.unwrap();
    // As nobody tells callers apart here, a conversation that the router doesn't know is the agent's.
    create(from_chat(DEMO_AGENT, "never-seen")).await.unwrap();
    system.stop().await;
}

async fn state(fixture: &Fixture, id: &str) -> HandoffState {
    let request = GetHandoffRequest { id: id.to_owned() };
    let handoff = fixture.clients.issuer.clone().get_handoff(request).await.unwrap().into_inner().handoff;
    handoff.unwrap().state()
}

async fn held_units(fixture: &Fixture) -> i32 {
    let request = GetAgentRequest { id: DEMO_AGENT.to_owned() };
    fixture.clients.router.clone().get_agent(request).await.unwrap().into_inner().agent.unwrap().held_units
}

/// The call drops and comes again: for the same work order, and then for another one of the same customer.
async fn a_newer_code_ends_the_older(storage: Storage) {
    let system = InProcess::start(storage).await;
    let fixture = Fixture::load(&system.addresses).await;
    let first = fixture.create(Fixture::handoff("call-1")).await;
    let held = held_units(&fixture).await;
    let same_work =
        CreateHandoffRequest { work_order: "WO-call-1".to_owned(), ..Fixture::handoff_of(1, "call-2") };
    let second = fixture.create(same_work).await;
    let third = fixture.create(Fixture::handoff_of(1, "call-3")).await;
    // The first is the demo customer's, as the redemption is; the second is another's.
    let reasons = [ErrorReason::CodeCancelled, ErrorReason::CodeNotAccepted];
    for (dead, reason) in [&first, &second].into_iter().zip(reasons) {
        let id = &dead.handoff.as_ref().unwrap().id;
        assert_eq!(state(&fixture, id).await, HandoffState::Cancelled);
        let entered = Fixture::redemption(&Fixture::digits(dead), "app-1");
        let refusal = refused(fixture.clients.issuer.clone().redeem_code(entered).await);
        assert_eq!(refusal.reason, reason);
    }
    assert_eq!(state(&fixture, &third.handoff.unwrap().id).await, HandoffState::Issued);
    wait_for("the holds of the older ones to end", async || held_units(&fixture).await == held).await;
    // Of other work for other customers there may be as many as there are.
    let other = fixture.create(Fixture::handoff_of(2, "call-4")).await;
    assert_eq!(state(&fixture, &other.handoff.unwrap().id).await, HandoffState::Issued);
    system.stop().await;
}

async fn one_of_many_codes_made_at_once_lives(storage: Storage) {
    let mut system = Processes::start(storage).await;
    let mut addresses = vec![system.addresses.clone()];
    if storage == Storage::Postgres {
        let second = system.add_replica("code-issuer").await;
        addresses.push(segue::Addresses { issuer: second, ..system.addresses.clone() });
    }
    let fixture = Fixture::load(&system.addresses).await;
    let made = join_all((0..8).map(|number| {
        let mut issuer = Clients::of(&addresses[number % addresses.len()]).issuer;
        let request = CreateHandoffRequest {
            work_order: "WO-1".to_owned(),
            ..Fixture::handoff(&format!("call-{number}"))
        };
        async move { issuer.create_handoff(request).await.unwrap().into_inner().handoff.unwrap().id }
    }))
    .await;
    let made: BTreeSet<String> = made.into_iter().collect();
    assert_eq!(made.len(), 8);
    let mut live = 0;
    for id in &made {
        live += usize::from(state(&fixture, id).await == HandoffState::Issued);
    }
    assert_eq!(live, 1);
}
