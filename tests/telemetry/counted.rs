//! What happens to handoffs is counted, each step once, however often it is asked for.

use std::sync::Arc;

use segue::demo::{Stage, play};
use segue::demo_data::{self, DEMO_AGENT};
use segue_proto::{
    channel::v1::{DeliverAccessInfoRequest, DeliverAccessInfoResponse},
    common::v1::Session,
    issuer::v1::{
        CancelHandoffRequest, CreateHandoffRequest, DeliveryState, GetHandoffRequest, RedeemCodeRequest,
        RevokeHandoffRequest,
    },
    router::v1::{AcceptContactRequest, ContactState, ListAgentsRequest, ListContactsRequest, Presence},
};
use segue_testkit::{Adapter, Storage, refused, request_id, serve_adapter, wait_for, wait_for_some};
use segue_tests::{Fixture, Processes};
use tokio::sync::Semaphore;
use tonic::Status;

/// A well-formed code that nobody was given.
const WRONG: &str = "234567890";

#[tokio::test(flavor = "multi_thread")]
async fn a_handoff_is_counted_at_each_step() {
    let system = Processes::start(Storage::SqliteFile).await;
    Fixture::load(&system.addresses).await;
    play(&system.addresses, &Stage::silent()).await.unwrap();
    let issuer = system.metrics("code-issuer").await;
    assert_eq!(issuer.sum("segue_handoffs_issued_total", &[]), 1.0);
    assert_eq!(issuer.sum("segue_handoffs_ended_total", &["outcome=\"switched\"", "platform=\"app\""]), 1.0);
    assert_eq!(issuer.sum("segue_handoffs_ended_total", &[]), 1.0);
    assert_eq!(issuer.sum("segue_handoffs_redemption_delay_seconds_count", &[]), 1.0);
    assert_eq!(issuer.sum("segue_handoffs_admission_delay_seconds_count", &[]), 1.0);
    let router = system.metrics("priority-router").await;
    assert_eq!(router.sum("segue_handoffs_admitted_total", &[]), 1.0);
    assert_eq!(router.sum("segue_handoffs_answered_total", &["agent=\"same\""]), 1.0);
    assert_eq!(router.sum("segue_handoffs_answered_total", &["agent=\"other\""]), 0.0);
    assert_eq!(router.sum("segue_handoffs_overflowed_total", &[]), 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_repeated_is_counted_once_and_failures_by_kind() {
    let system = Processes::start(Storage::SqliteFile).await;
    let fixture = Fixture::load(&system.addresses).await;
    let mut issuer = fixture.clients.issuer.clone();
    let request = Fixture::handoff("call-1");
    let cancelled = fixture.create(request.clone()).await.handoff.unwrap().id;
    fixture.create(request).await;
    let cancel = CancelHandoffRequest { request_id: request_id(), id: cancelled };
    for _ in 0..2 {
        issuer.cancel_handoff(cancel.clone()).await.unwrap();
    }

    let issued = fixture.create(Fixture::handoff("call-2")).await;
    for wrong in [WRONG, "234567891", "234567891"] {
        refused(issuer.redeem_code(Fixture::redemption(wrong, "s")).await);
    }
    let redemption = Fixture::redemption(&Fixture::digits(&issued), "s");
    for _ in 0..2 {
        issuer.redeem_code(redemption.clone()).await.unwrap();
    }
    let revoke = RevokeHandoffRequest { request_id: request_id(), id: issued.handoff.unwrap().id };
    for _ in 0..2 {
        issuer.revoke_handoff(revoke.clone()).await.unwrap();
    }
    let limited =
        || RedeemCodeRequest { source_address: "192.0.2.1".to_owned(), ..Fixture::redemption(WRONG, "t") };
    let attempts = async {
        for attempt in 1..100 {
            let answer = refused(issuer.redeem_code(limited()).await);
            if format!("{:?}", answer.reason).contains("TooManyAttempts") {
                return attempt;
            }
        }
        panic!("guessing is not limited");
    };
    let not_accepted = f64::from(attempts.await);

    let counted = system.metrics("code-issuer").await;
    let ended =
        |outcome: &str| counted.sum("segue_handoffs_ended_total", &[&format!("outcome=\"{outcome}\"")]);
    assert_eq!(counted.sum("segue_handoffs_issued_total", &[]), 2.0);
    assert_eq!(
        ["switched", "cancelled", "revoked", "failed", "expired"].map(ended),
        [1.0, 1.0, 1.0, 0.0, 0.0]
    );
    let failures = |kind: &str| counted.sum("segue_codes_failures_total", &[&format!("kind=\"{kind}\"")]);
    assert_eq!(["malformed", "not_accepted", "too_many_attempts"].map(failures), [2.0, not_accepted, 1.0]);
    let redeem = "rpc_method=\"segue.issuer.v1.CodeIssuerService/RedeemCode\"";
    let calls = counted.sum("rpc_server_call_duration_seconds_count", &[redeem]);
    assert_eq!(calls, 3.0 + 2.0 + not_accepted);
    let right = ["rpc_response_status_code=\"OK\"", redeem];
    assert_eq!(counted.sum("rpc_server_call_duration_seconds_count", &right), 2.0);
    let router = system.metrics("priority-router").await;
    assert_eq!(router.sum("segue_handoffs_admitted_total", &[]), 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handoff_that_another_agent_takes_is_counted_as_such() {
    let system = Processes::start(Storage::SqliteFile).await;
    let fixture = Fixture::load(&system.addresses).await;
    let (mut issuer, mut router) = (fixture.clients.issuer.clone(), fixture.clients.router.clone());
    let issued = fixture.create(Fixture::handoff("call-1")).await;
    let agents = router.list_agents(ListAgentsRequest::default()).await.unwrap().into_inner().agents;
    for agent in agents.iter().filter(|agent| agent.id != DEMO_AGENT) {
        fixture.set_presence(&agent.id, Presence::Available).await;
    }
    fixture.set_presence(DEMO_AGENT, Presence::Offline).await;
    let redemption = Fixture::redemption(&Fixture::digits(&issued), "s");
    let id = issuer.redeem_code(redemption).await.unwrap().into_inner().contact_id;
    let offered =
        ListContactsRequest { state: ContactState::Offered.into(), ..ListContactsRequest::default() };
    let contact = wait_for_some("an offer to another agent", || async {
        let contacts = router.clone().list_contacts(offered.clone()).await.unwrap().into_inner().contacts;
        contacts.into_iter().find(|contact| contact.id == id)
    })
    .await;
    let accept = AcceptContactRequest { request_id: request_id(), id, agent: contact.agent };
    router.accept_contact(accept).await.unwrap();
    let counted = system.metrics("priority-router").await;
    assert_eq!(counted.sum("segue_handoffs_answered_total", &["agent=\"other\""]), 1.0);
    assert_eq!(counted.sum("segue_handoffs_answered_total", &["agent=\"same\""]), 0.0);
    assert_eq!(counted.sum("segue_handoffs_overflowed_total", &[]), 1.0);
}

/// Shows codes when it is told to.
struct Slow(Arc<Semaphore>);

impl Adapter for Slow {
    async fn deliver_access_info(
        &self,
        _: DeliverAccessInfoRequest,
    ) -> Result<DeliverAccessInfoResponse, Status> {
        self.0.acquire().await.unwrap().forget();
        Ok(DeliverAccessInfoResponse {})
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_delivery_ends_nothing_twice() {
    let system = Processes::start(Storage::SqliteFile).await;
    let fixture = Fixture::load(&system.addresses).await;
    let shown = Arc::new(Semaphore::new(0));
    let (address, _) = serve_adapter(Slow(shown.clone()), 0).await;
    let targets = demo_data::Targets {
        adapter_uri: format!("http://{address}"),
        ..system.addresses.demo_data_targets(0).unwrap()
    };
    demo_data::move_to(&targets).await.unwrap();
    let mut issuer = fixture.clients.issuer.clone();
    let source = Session { platform: "web_chat".to_owned(), session: "chat-1".to_owned() };
    let request = CreateHandoffRequest { source: Some(source), ..Fixture::handoff("chat-1") };
    // The desk does not wait for the platform for long.
    let id = fixture.create(request).await.handoff.unwrap().id;
    issuer.cancel_handoff(CancelHandoffRequest { request_id: request_id(), id: id.clone() }).await.unwrap();
    let ended = async || system.metrics("code-issuer").await.sum("segue_handoffs_ended_total", &[]);
    assert_eq!(ended().await, 1.0);
    shown.add_permits(10);
    wait_for("the delivery to be settled", async || {
        let request = GetHandoffRequest { id: id.clone() };
        let handoff = issuer.clone().get_handoff(request).await.unwrap().into_inner().handoff.unwrap();
        handoff.delivery_state() != DeliveryState::Pending
    })
    .await;
    assert_eq!(ended().await, 1.0, "it had ended before");
}
