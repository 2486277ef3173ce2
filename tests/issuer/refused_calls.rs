//! A platform refuses for good to end the old session: the call is not made for ever, and operators find the handoff.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use segue::demo_data::{self, Targets};
use segue_proto::{
    channel::v1::{CloseSessionRequest, CloseSessionResponse},
    common::v1::Session,
    issuer::v1::{CreateHandoffRequest, Handoff, HandoffState, ListHandoffsRequest},
};
use segue_testkit::{Adapter, Storage, serve_adapter, wait_for, wait_for_some};
use segue_tests::{Fixture, Processes};
use tonic::Status;

/// Shows codes and ends no session.
#[derive(Clone, Default)]
struct Stubborn {
    asked: Arc<AtomicUsize>,
}

impl Stubborn {
    /// Serves it until the test ends, as the adapter of the demo's platforms.
    async fn take_over(&self, system: &Processes) {
        let (address, _) = serve_adapter(self.clone(), 0).await;
        let adapter_uri = format!("http://{address}");
        let targets = Targets { adapter_uri, ..system.addresses.demo_data_targets(0).unwrap() };
        demo_data::move_to(&targets).await.unwrap();
    }
}

impl Adapter for Stubborn {
    async fn close_session(&self, _: CloseSessionRequest) -> Result<CloseSessionResponse, Status> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Err(Status::failed_precondition("this session is not to be closed"))
    }
}

async fn with_a_failure(fixture: &Fixture) -> Vec<Handoff> {
    let request = ListHandoffsRequest { failed_only: true, ..ListHandoffsRequest::default() };
    fixture.clients.issuer.clone().list_handoffs(request).await.unwrap().into_inner().handoffs
}

segue_testkit::on_durable_engines!(a_close_that_is_refused_for_good_ends_and_is_told);

async fn a_close_that_is_refused_for_good_ends_and_is_told(storage: Storage) {
    let (system, platform) = (Processes::start(storage).await, Stubborn::default());
    let fixture = Fixture::load(&system.addresses).await;
    platform.take_over(&system).await;
    assert_eq!(with_a_failure(&fixture).await, []);
    let source = Some(Session { platform: "web_chat".to_owned(), session: "chat-1".to_owned() });
    let issued = fixture.create(CreateHandoffRequest { source, ..Fixture::handoff("chat-1") }).await;
    let redemption = Fixture::redemption(&Fixture::digits(&issued), "app-1");
    fixture.clients.issuer.clone().redeem_code(redemption).await.unwrap();
    let told = wait_for_some("the end of the call", async || with_a_failure(&fixture).await.pop()).await;
    assert_eq!((told.id, told.state), (issued.handoff.unwrap().id, HandoffState::Switched.into()));
    assert_eq!(told.failure, "the source platform refused to end the old session");
    assert_eq!(platform.asked.load(Ordering::SeqCst), 1);
    wait_for("the count", async || {
        let metrics = system.metrics("code-issuer").await;
        metrics.sum("segue_owed_calls_refused_total", &["kind=\"close\""]) == 1.0
    })
    .await;
}
