//! A switch taken back after somebody else entered the code.

use std::{sync::Arc, time::Duration};

use segue::{
    Addresses,
    demo::CustomerPage,
    demo_data::{DEMO_AGENT, demo_customer},
};
use segue_core::{Clock as _, ManualClock, SystemClock};
use segue_proto::{
    common::v1::{ErrorReason, Session},
    issuer::v1::{
        CreateHandoffRequest, GetHandoffRequest, Handoff, HandoffState, RevokeHandoffRequest,
        WatchHandoffRequest,
    },
    router::v1::{
        CompleteContactRequest, ContactState, GetAgentRequest, GetContactRequest, SubmitContactRequest,
    },
};
use segue_testkit::{Storage, refused, request_id, wait_for};
use segue_tests::{Fixture, InProcess, Processes};
use serde_json::json;
use tonic::Code;

fn revocation(handoff: &str) -> RevokeHandoffRequest {
    RevokeHandoffRequest { request_id: request_id(), id: handoff.to_owned() }
}

async fn read(fixture: &Fixture, id: &str) -> Handoff {
    let request = GetHandoffRequest { id: id.to_owned() };
    fixture.clients.issuer.clone().get_handoff(request).await.unwrap().into_inner().handoff.unwrap()
}

async fn contact_state(fixture: &Fixture, id: &str) -> ContactState {
    let request = GetContactRequest { id: id.to_owned() };
    fixture.clients.router.clone().get_contact(request).await.unwrap().into_inner().contact.unwrap().state()
}

async fn units_in_use(fixture: &Fixture) -> i32 {
    let request = GetAgentRequest { id: DEMO_AGENT.to_owned() };
    fixture.clients.router.clone().get_agent(request).await.unwrap().into_inner().agent.unwrap().used_units
}

/// A handoff from the web chat whose code was entered in the app: both are real pages.
struct Switched {
    chat: CustomerPage,
    app: CustomerPage,
    handoff: Handoff,
}

impl Switched {
    async fn play(fixture: &Fixture, addresses: &Addresses) -> Self {
        let pages = format!("http://{}", addresses.pages);
        let customer = demo_customer().unwrap();
        let who = json!({ "phone": customer.phone });
        let chat = CustomerPage::start(&pages, "web_chat", &customer.name, &who).await.unwrap();
        fixture.take_contact("web_chat", &chat.session).await;
        let source = Some(Session { platform: "web_chat".to_owned(), session: chat.session.clone() });
        let request = CreateHandoffRequest { source, ..Fixture::handoff(&chat.session) };
        let issued = fixture.create(request).await;
        let who = json!({ "account": Fixture::account() });
        let app = CustomerPage::start(&pages, "app", &customer.name, &who).await.unwrap();
        app.redeem(&Fixture::digits(&issued), &request_id()).await.unwrap();
        let id = issued.handoff.unwrap().id;
        wait_for("the switch", || async { read(fixture, &id).await.state() == HandoffState::Switched }).await;
        Self { chat, app, handoff: read(fixture, &id).await }
    }
}

async fn closing_words(page: &mut CustomerPage) -> String {
    let entry = page.wait_for_entry("closed").await.unwrap();
    entry.rest["message"].as_str().unwrap().to_owned()
}

segue_testkit::on_every_engine!(whoever_entered_the_code_loses_agent_and_conversation);

async fn whoever_entered_the_code_loses_agent_and_conversation(storage: Storage) {
    let system = InProcess::start(storage).await;
    let fixture = Fixture::load(&system.addresses).await;
    let mut issuer = fixture.clients.issuer.clone();
    let mut switched = Switched::play(&fixture, &system.addresses).await;
    let words = closing_words(&mut switched.chat).await;
    assert!(words.contains("tell us within 2 minutes"), "{words}");
    let id = &switched.handoff.id;
    assert_eq!(contact_state(&fixture, &switched.handoff.contact_id).await, ContactState::Assigned);

    let request = revocation(id);
    let revoked = issuer.revoke_handoff(request.clone()).await.unwrap().into_inner().handoff.unwrap();
    assert_eq!((revoked.state(), revoked.revoke_deadline), (HandoffState::Revoked, None));
    let words = closing_words(&mut switched.app).await;
    assert!(words.contains("taken back"), "{words}");
    assert_eq!(contact_state(&fixture, &revoked.contact_id).await, ContactState::Abandoned);
    assert_eq!(units_in_use(&fixture).await, 0, "the agent is free");

    let again = issuer.revoke_handoff(request.clone()).await.unwrap().into_inner().handoff.unwrap();
    assert_eq!(again, revoked, "a repetition is answered");
    let reused = RevokeHandoffRequest { id: "handoff_other".to_owned(), ..request };
    assert_eq!(refused(issuer.revoke_handoff(reused).await).reason, ErrorReason::RequestIdReused);
    let other = refused(issuer.revoke_handoff(revocation(id)).await);
    assert_eq!((other.reason, other.fields), (ErrorReason::HandoffState, vec!["id".to_owned()]));
    let request = WatchHandoffRequest { id: id.clone() };
    let mut watch = issuer.watch_handoff(request).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().handoff.unwrap(), revoked);
    assert!(watch.message().await.unwrap().is_none(), "REVOKED is final");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_works_to_the_deadline_and_not_after_it() {
    let clock = ManualClock::starting_at(SystemClock.now_ms());
    let system = InProcess::start_at(Storage::SqliteFile, clock.clone()).await;
    let fixture = Fixture::load(&system.addresses).await;
    let mut issuer = fixture.clients.issuer.clone();
    let mut redeemed = Vec::new();
    for session in ["call-1", "call-2"] {
        let issued = fixture.create(Fixture::handoff(session)).await;
        assert_eq!(issued.handoff.as_ref().unwrap().revoke_deadline, None, "nothing to revoke yet");
        let request = Fixture::redemption(&Fixture::digits(&issued), session);
        redeemed.push(issuer.redeem_code(request).await.unwrap().into_inner().handoff_id);
    }
    let deadline = read(&fixture, &redeemed[0]).await.revoke_deadline.expect("a deadline");
    assert_eq!(deadline.seconds, (clock.now_ms() + 120_000) / 1000);
    clock.advance(Duration::from_millis(119_999));
    let answer = issuer.revoke_handoff(revocation(&redeemed[0])).await.unwrap().into_inner();
    assert_eq!(answer.handoff.unwrap().state(), HandoffState::Revoked);
    clock.advance(Duration::from_millis(1));
    let late = refused(issuer.revoke_handoff(revocation(&redeemed[1])).await);
    assert_eq!((late.code, late.reason), (Code::FailedPrecondition, ErrorReason::RevokeTooLate));
    assert_eq!(read(&fixture, &redeemed[1]).await.state(), HandoffState::Switched, "nothing changed");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_grace_nothing_is_revoked_or_promised() {
    let settings = [("SEGUE_REVOKE_GRACE_SECONDS", "0")];
    let system = InProcess::start_with(Storage::SqliteFile, Arc::new(SystemClock), &settings).await;
    let fixture = Fixture::load(&system.addresses).await;
    let mut switched = Switched::play(&fixture, &system.addresses).await;
    assert!(!closing_words(&mut switched.chat).await.contains("within"));
    assert_eq!(switched.handoff.revoke_deadline, None);
    let late = fixture.clients.issuer.clone().revoke_handoff(revocation(&switched.handoff.id)).await;
    assert_eq!(refused(late).reason, ErrorReason::RevokeTooLate);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_revoked_is_told() {
    let system = InProcess::start(Storage::SqliteFile).await;
    let fixture = Fixture::load(&system.addresses).await;
    let mut issuer = fixture.clients.issuer.clone();
    let fields = refused(issuer.revoke_handoff(RevokeHandoffRequest::default()).await).fields;
    assert_eq!(fields, ["request_id", "id"]);
    let unknown = refused(issuer.revoke_handoff(revocation("handoff_x")).await);
    assert_eq!((unknown.code, unknown.reason), (Code::NotFound, ErrorReason::HandoffNotFound));
    let id = fixture.create(Fixture::handoff("call-1")).await.handoff.unwrap().id;
    let request = revocation(&id);
    let early = refused(issuer.revoke_handoff(request.clone()).await);
    assert_eq!((early.reason, early.fields), (ErrorReason::HandoffState, vec!["id".to_owned()]));
    let again = refused(issuer.revoke_handoff(request).await).reason;
    assert_eq!(again, ErrorReason::HandoffState, "a refused request is not remembered");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_is_over_already_needs_no_end() {
    let system = InProcess::start(Storage::SqliteFile).await;
    let fixture = Fixture::load(&system.addresses).await;
    let mut switched = Switched::play(&fixture, &system.addresses).await;
    let contact = switched.handoff.contact_id.clone();
    let complete = CompleteContactRequest {
        request_id: request_id(),
        id: contact.clone(),
        agent: DEMO_AGENT.to_owned(),
    };
    fixture.clients.router.clone().complete_contact(complete).await.unwrap();
    let answer = fixture.clients.issuer.clone().revoke_handoff(revocation(&switched.handoff.id)).await;
    assert_eq!(answer.unwrap().into_inner().handoff.unwrap().state(), HandoffState::Revoked);
    assert!(closing_words(&mut switched.app).await.contains("taken back"));
    assert_eq!(contact_state(&fixture, &contact).await, ContactState::Completed);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_revocation_owes_is_done_when_its_receivers_are_back() {
    let mut system = Processes::start(Storage::SqliteFile).await;
    let fixture = Fixture::load(&system.addresses).await;
    let mut switched = Switched::play(&fixture, &system.addresses).await;
    for service in ["priority-router", "web-channel"] {
        assert!(system.terminate(service));
    }
    let answer = fixture.clients.issuer.clone().revoke_handoff(revocation(&switched.handoff.id)).await;
    assert_eq!(answer.unwrap().into_inner().handoff.unwrap().state(), HandoffState::Revoked);
    // The process that owes the calls ends as well; the next one finds them.
    system.crash("code-issuer");
    for service in ["priority-router", "web-channel"] {
        system.start_again(service);
    }
    system.wait_until_up().await;
    assert!(closing_words(&mut switched.app).await.contains("taken back"));
    wait_for("the contact's end", || async {
        contact_state(&fixture, &switched.handoff.contact_id).await == ContactState::Abandoned
    })
    .await;
}

/// A platform that knows the handoff's id uses up, for a contact of its own, the request id that could be made from it; callers are
/// not even told apart.
#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_can_not_be_used_up_by_who_knows_the_handoff() {
    let system = InProcess::start(Storage::SqliteFile).await;
    let fixture = Fixture::load(&system.addresses).await;
    let issued = fixture.create(Fixture::handoff("call-1")).await;
    let redemption = Fixture::redemption(&Fixture::digits(&issued), "app-1");
    let contact =
        fixture.clients.issuer.clone().redeem_code(redemption).await.unwrap().into_inner().contact_id;
    let handoff = issued.handoff.unwrap().id;
    let uuid = handoff.split_once('_').unwrap().1.to_owned();
    let squatted = SubmitContactRequest {
        request_id: uuid,
        platform: "app".to_owned(),
        session: "squatter".to_owned(),
        ..SubmitContactRequest::default()
    };
    fixture.clients.router.clone().submit_contact(squatted).await.unwrap();
    fixture.clients.issuer.clone().revoke_handoff(revocation(&handoff)).await.unwrap();
    wait_for("the end of the contact", async || {
        contact_state(&fixture, &contact).await == ContactState::Abandoned
    })
    .await;
    system.stop().await;
}
