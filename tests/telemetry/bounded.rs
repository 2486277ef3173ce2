//! However many platforms, agents and customers there are, the number of series is bounded.

use segue_proto::{
    common::v1::{Customer, Face, Identity, RemainingWork, Session},
    issuer::v1::{CancelHandoffRequest, CreateHandoffRequest},
    router::v1::{Agent, AgentPlatform, Presence, PutAgentRequest, SubmitContactRequest},
    selector::v1::{CreatePlatformRequest, Platform},
};
use segue_testkit::{Storage, request_id, wait_for};
use segue_tests::{Fixture, Processes, SERVICES};

/// More than are told apart.
const MANY: usize = 55;
/// Those, and `other`.
const MOST_PLATFORMS: usize = 51;
/// Statuses and methods that come up by chance.
const SLACK: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn more_platforms_agents_and_customers_are_no_more_series() {
    let system = Processes::start(Storage::SqliteFile).await;
    let fixture = Fixture::load(&system.addresses).await;
    for number in 0..MANY {
        go(&fixture, number).await;
    }
    wait_for("what is looked at in intervals", || async {
        let router = system.metrics("priority-router").await;
        router.sum("segue_contacts_waiting", &["class=\"normal\""]) > 0.0
    })
    .await;
    let before = count(&system).await;
    for number in MANY..2 * MANY {
        go(&fixture, number).await;
    }
    let after = count(&system).await;
    assert!(after < before + SLACK, "{after} series after {before}");

    let issuer = system.metrics("code-issuer").await;
    assert_eq!(issuer.values_of("segue_handoffs_issued_total", "platform").len(), MOST_PLATFORMS);
    assert!(issuer.sum("segue_handoffs_issued_total", &["platform=\"other\""]) > 1.0);
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let all = (2 * MANY) as f64;
    assert_eq!(issuer.sum("segue_handoffs_issued_total", &[]), all);
    assert_eq!(issuer.sum("segue_handoffs_ended_total", &["outcome=\"cancelled\""]), all);
}

async fn count(system: &Processes) -> usize {
    let mut series = 0;
    for service in SERVICES {
        series += system.metrics(service).await.len();
    }
    series
}

/// A platform, an agent, a customer, a handoff that is cancelled, and a contact that waits, all of them new.
async fn go(fixture: &Fixture, number: usize) {
    let clients = fixture.clients.clone();
    let (id, agent) = (format!("bound_{number}"), format!("B{number}"));
    let platform = Platform {
        id: id.clone(),
        accepted_faces: vec![Face::Digits.into()],
        delivered_faces: vec![Face::Digits.into()],
        ..Platform::default()
    };
    let request = CreatePlatformRequest { request_id: request_id(), platform: Some(platform) };
    clients.selector.clone().create_platform(request).await.unwrap();
    let serves = AgentPlatform { platform: id.clone(), cost_units: 10, wrap_up_seconds: 0 };
    let known = Agent { id: agent.clone(), platforms: vec![serves], ..Agent::default() };
    let request = PutAgentRequest { request_id: request_id(), agent: Some(known) };
    clients.router.clone().put_agent(request).await.unwrap();
    fixture.set_presence(&agent, Presence::Away).await;

    let phone = Identity { kind: "phone".to_owned(), value: format!("+86139{number:08}"), unverified: false };
    let customer = Some(Customer { identities: vec![phone] });
    let request = CreateHandoffRequest {
        agent,
        source: Some(Session { platform: "hotline".to_owned(), session: format!("call-{number}") }),
        customer: customer.clone(),
        remaining_work: Some(RemainingWork::default()),
        target_platform: id.clone(),
        ..Fixture::handoff("")
    };
    let handoff = fixture.create(request).await.handoff.unwrap();
    let request = CancelHandoffRequest { request_id: request_id(), id: handoff.id };
    clients.issuer.clone().cancel_handoff(request).await.unwrap();
    let request = SubmitContactRequest {
        request_id: request_id(),
        platform: id,
        session: format!("chat-{number}"),
        customer,
        ..SubmitContactRequest::default()
    };
    clients.router.clone().submit_contact(request).await.unwrap();
}
