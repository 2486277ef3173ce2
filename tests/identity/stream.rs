//! A stream lives for half an hour; the right to it may end before.

use std::{fs, time::Duration};

use segue_proto::{
    common::v1::ErrorReason,
    router::v1::{WatchAssignmentsRequest, priority_router_service_client::PriorityRouterServiceClient},
};
use segue_testkit::{Storage, refused};
use segue_tests::{Fixture, Processes};

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_when_its_caller_is_taken_out() {
    let system = Processes::start_secured(Storage::SqliteFile, &[("SEGUE_RELOAD_SECONDS", "1")]).await;
    Fixture::load_secured(&system).await;
    let security = system.security.as_ref().unwrap();
    let desk = security.issue("desk", "spiffe://segue.local/desk/A1001");
    let endpoint = security.endpoint(system.addresses.router, Some(&desk));
    let mut router = PriorityRouterServiceClient::new(endpoint.connect().await.unwrap());
    let watch = WatchAssignmentsRequest { agent: "A1001".to_owned(), ..Default::default() };
    let mut stream = router.watch_assignments(watch).await.unwrap().into_inner();

    let identities = fs::read_to_string(security.identities()).unwrap();
    let without = identities.replace("spiffe://segue.local/desk/*", "spiffe://segue.local/old-desk/*");
    assert_ne!(identities, without);
    fs::write(security.identities(), without).unwrap();
    let ended = async {
        loop {
            match stream.message().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the stream ended without a reason"),
                Err(status) => break refused(Err::<(), _>(status)),
            }
        }
    };
    let refusal = tokio::time::timeout(Duration::from_secs(60), ended).await.unwrap();
    assert_eq!(refusal.reason, ErrorReason::CallerNotAllowed);
}
