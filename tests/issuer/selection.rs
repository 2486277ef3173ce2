//! What the selector decides, as a desk sees it through the issuer.

use segue_proto::{
    common::v1::{Customer, ErrorReason, Identity, RemainingWork},
    issuer::v1::{GetHandoffRequest, Handoff, HandoffState},
    selector::v1::{FallbackPolicy, Platform, PlatformStatus, UpdatePlatformRequest},
};
use segue_testkit::{Storage, refused, request_id, wait_for};
use segue_tests::{Fixture, InProcess};
use tonic_types::StatusExt as _;

async fn handoff(fixture: &Fixture, id: &str) -> Handoff {
    let request = GetHandoffRequest { id: id.to_owned() };
    fixture.clients.issuer.clone().get_handoff(request).await.unwrap().into_inner().handoff.unwrap()
}

async fn disable(fixture: &Fixture, id: &str) {
    let platform =
        Platform { id: id.to_owned(), status: PlatformStatus::Disabled.into(), ..Platform::default() };
    let request = UpdatePlatformRequest {
        request_id: request_id(),
        platform: Some(platform),
        update_mask: Some(prost_types::FieldMask { paths: vec!["status".to_owned()] }),
    };
    fixture.clients.selector.clone().update_platform(request).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_platform_gets_no_new_handoffs_and_running_ones_go_on() {
    let system = InProcess::start(Storage::SqliteFile).await;
    let fixture = Fixture::load(&system.addresses).await;
    let issued = fixture.create(Fixture::handoff("call-1")).await;
    let id = issued.handoff.as_ref().unwrap().id.clone();
    assert_eq!(issued.handoff.as_ref().unwrap().target.as_ref().unwrap().platform, "app");
    disable(&fixture, "app").await;
    let mut anything = Fixture::handoff("call-2");
    anything.remaining_work = Some(RemainingWork::default());
    let elsewhere = fixture.create(anything).await.handoff.unwrap();
    assert_ne!(elsewhere.target.unwrap().platform, "app");
    let redemption = Fixture::redemption(&Fixture::digits(&issued), "app-1");
    fixture.clients.issuer.clone().redeem_code(redemption).await.unwrap();
    let fixture = &fixture;
    wait_for("the running handoff to end well", || {
        let id = id.clone();
        async move { handoff(fixture, &id).await.state() == HandoffState::Switched }
    })
    .await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_explanation_is_kept_with_the_handoff() {
    let system = InProcess::start(Storage::SqliteFile).await;
    let fixture = Fixture::load(&system.addresses).await;
    let issued = fixture.create(Fixture::handoff("call-1")).await.handoff.unwrap();
    // Whatever changes afterwards.
    disable(&fixture, "app").await;
    let kept = handoff(&fixture, &issued.id).await.candidates;
    assert_eq!(kept, issued.candidates);
    assert_eq!((kept.len(), kept[0].platform.as_str()), (8, "app"));
    for candidate in &kept {
        let locales: Vec<&str> =
            candidate.explanations.iter().map(|explanation| explanation.locale.as_str()).collect();
        assert_eq!(locales, ["en", "zh-CN"], "{candidate:?}");
        assert!(!candidate.reasons.is_empty());
    }
    assert!(kept[0].explanations[0].sentence.contains("is chosen"), "{:?}", kept[0]);
    assert!(kept[0].explanations[1].sentence.contains("已选择"), "{:?}", kept[0]);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_chooses_where_the_customer_has_no_account() {
    let system = InProcess::start(Storage::SqliteFile).await;
    let fixture = Fixture::load(&system.addresses).await;
    let stranger =
        Identity { kind: "phone".to_owned(), value: "+8613911112222".to_owned(), unverified: false };
    let mut request = Fixture::handoff("call-1");
    request.customer = Some(Customer { identities: vec![stranger] });
    request.remaining_work = Some(RemainingWork::default());
    request.fallback_policy = FallbackPolicy::AgentChooses.into();
    let mut issuer = fixture.clients.issuer.clone();
    let status = issuer.create_handoff(request.clone()).await.unwrap_err();
    let candidates = status.get_error_details().error_info().unwrap().metadata["candidates"].clone();
    let told = refused::<()>(Err(status));
    assert_eq!(told.reason, ErrorReason::AgentMustChoose);
    assert_eq!(told.fields, ["target_platform"]);
    let first = candidates.split(' ').next().unwrap();
    assert!(!candidates.split(' ').any(|id| id == "app" || id == "hotline"), "{candidates}");
    // A refused request leaves nothing behind, so the same one may come back with the choice.
    request.target_platform = first.to_owned();
    let issued = fixture.create(request).await.handoff.unwrap();
    assert_eq!(issued.target.unwrap().platform, first);
    // With an account there is nothing to choose.
    let mut known = Fixture::handoff("call-2");
    known.fallback_policy = FallbackPolicy::AgentChooses.into();
    assert_eq!(fixture.create(known).await.handoff.unwrap().target.unwrap().platform, "app");
    system.stop().await;
}
