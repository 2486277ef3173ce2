//! 18.6: one stolen administrator is enough to have a platform's codes sent elsewhere. With `adapter-changes` it takes two people.

use segue_proto::{
    common::v1::ErrorReason,
    selector::v1::{
        ApproveAdapterChangeRequest, CreatePlatformRequest, GetPlatformRequest, Platform,
        RejectAdapterChangeRequest, UpdatePlatformRequest,
    },
};
use segue_testkit::{Storage, refused, request_id};
use segue_tests::{Clients, Fixture, Processes};

const MALLORY: &str = "spiffe://segue.local/platform-admin/mallory";
const ALICE: &str = "spiffe://segue.local/platform-admin/alice";
const ELSEWHERE: &str = "https://127.0.0.1:9";

segue_testkit::on_durable_engines!(nobody_moves_an_adapter_alone);

async fn nobody_moves_an_adapter_alone(storage: Storage) {
    let system = Processes::start_secured(storage, &[("SEGUE_ADAPTER_CHANGES", "two-people")]).await;
    Fixture::load_secured(&system).await;
    let [mallory, alice] = [MALLORY, ALICE].map(|id| Clients::secured(&system, id).selector);
    let hotline = Clients::secured(&system, "spiffe://segue.local/platform/hotline").selector;
    let get = async || {
        let request = GetPlatformRequest { id: "hotline".to_owned() };
        alice.clone().get_platform(request).await.unwrap().into_inner().platform.unwrap()
    };
    let approve = |adapter_uri: &str| ApproveAdapterChangeRequest {
        request_id: request_id(),
        platform: "hotline".to_owned(),
        adapter_uri: adapter_uri.to_owned(),
    };
    let reject = || RejectAdapterChangeRequest {
        request_id: request_id(),
        platform: "hotline".to_owned(),
        adapter_uri: ELSEWHERE.to_owned(),
    };

    let answer = mallory.clone().update_platform(to(ELSEWHERE)).await.unwrap().into_inner();
    let answered = answer.platform.unwrap();
    let proposed = answered.proposed_adapter_change.clone().unwrap();
    assert_eq!((proposed.adapter_uri.as_str(), proposed.proposer.as_str()), (ELSEWHERE, MALLORY));
    assert_eq!(get().await.adapter_uri, "", "codes go where they went");
    assert_eq!(get().await.display_name, "moved", "all else is changed at once");
    let own = hotline.clone().get_platform(GetPlatformRequest { id: "hotline".to_owned() }).await.unwrap();
    assert_eq!(own.into_inner().platform.unwrap().proposed_adapter_change, None, "not for platforms");

    let alone = mallory.clone().approve_adapter_change(approve(ELSEWHERE)).await;
    assert_eq!(refused(alone).reason, ErrorReason::ApproverIsProposer);
    let other = alice.clone().approve_adapter_change(approve("https://127.0.0.1:10")).await;
    let other = refused(other);
    assert_eq!(other.reason, ErrorReason::AdapterChangeNotProposed, "only what was read");
    alice.clone().reject_adapter_change(reject()).await.unwrap();
    let gone = alice.clone().approve_adapter_change(approve(ELSEWHERE)).await;
    assert_eq!(refused(gone).reason, ErrorReason::AdapterChangeNotProposed);
    assert_eq!((get().await.adapter_uri, get().await.proposed_adapter_change), (String::new(), None));

    mallory.clone().update_platform(to(ELSEWHERE)).await.unwrap();
    let yes = approve(ELSEWHERE);
    alice.clone().approve_adapter_change(yes.clone()).await.unwrap();
    let again = alice.clone().approve_adapter_change(yes).await.unwrap().into_inner().platform.unwrap();
    assert_eq!((again.adapter_uri.as_str(), again.proposed_adapter_change), (ELSEWHERE, None));
    assert_eq!(get().await.adapter_uri, ELSEWHERE);
    a_platform_that_is_deleted_and_made_again(&mallory).await;
}

/// The way around is closed too.
async fn a_platform_that_is_deleted_and_made_again(
    mallory: &segue_proto::selector::v1::platform_selector_service_client::PlatformSelectorServiceClient<
        tonic::transport::Channel,
    >,
) {
    let platform = Platform {
        id: "again".to_owned(),
        display_name: "Again".to_owned(),
        adapter_uri: ELSEWHERE.to_owned(),
        ..Platform::default()
    };
    let create = CreatePlatformRequest { request_id: request_id(), platform: Some(platform) };
    let made = mallory.clone().create_platform(create).await.unwrap().into_inner().platform.unwrap();
    assert_eq!(made.adapter_uri, "");
    assert_eq!(made.proposed_adapter_change.unwrap().adapter_uri, ELSEWHERE);
}

fn to(adapter_uri: &str) -> UpdatePlatformRequest {
    UpdatePlatformRequest {
        request_id: request_id(),
        platform: Some(Platform {
            id: "hotline".to_owned(),
            display_name: "moved".to_owned(),
            adapter_uri: adapter_uri.to_owned(),
            ..Platform::default()
        }),
        update_mask: Some(prost_types::FieldMask {
            paths: vec!["adapter_uri".to_owned(), "display_name".to_owned()],
        }),
    }
}
