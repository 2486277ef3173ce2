//! 18.5: a certificate kept its rights on an open connection when it was over. (Those that are withdrawn: runtime
//! `identity::certificates`.)

use std::time::Duration;

use segue_proto::{
    common::v1::ErrorReason,
    router::v1::{GetAgentRequest, priority_router_service_client::PriorityRouterServiceClient},
};
use segue_runtime::reason_of;
use segue_testkit::{Issued, Storage, wait_for};
use segue_tests::{Fixture, Processes};
use tonic::transport::Channel;

type Router = PriorityRouterServiceClient<Channel>;

const DESK: &str = "spiffe://segue.local/desk/A1001";

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_over_calls_no_more_on_an_open_connection() {
    let system = Processes::start_secured(Storage::SqliteFile, &[]).await;
    Fixture::load_secured(&system).await;
    let security = system.security.as_ref().unwrap();
    let honest = security.issue("honest", DESK);
    let brief = security.issue_for("brief", DESK, Duration::from_secs(3));
    let open = async |issued: &Issued| {
        let endpoint = security.endpoint(system.addresses.router, Some(issued));
        Router::new(endpoint.connect().await.unwrap())
    };
    let [brief, honest] = [open(&brief).await, open(&honest).await];
    assert_eq!((asked(&brief).await, asked(&honest).await), (None, None));
    wait_for("the refusal", async || asked(&brief).await == Some(ErrorReason::CallerUnknown)).await;
    assert_eq!(asked(&honest).await, None, "another certificate of the same desk");
}

/// Why a call of the desk for its own agent is refused, if it is.
async fn asked(router: &Router) -> Option<ErrorReason> {
    let request = GetAgentRequest { id: "A1001".to_owned() };
    router.clone().get_agent(request).await.err().as_ref().and_then(reason_of)
}
