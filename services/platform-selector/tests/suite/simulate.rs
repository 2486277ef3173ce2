//! A dry run tells what a change would have decided, and changes nothing.

use segue_proto::{
    common::v1::{ErrorReason, Preference, RemainingWork, Requirement},
    selector::v1::{
        Platform, PutWorkProfileRequest, SelectPlatformRequest, SelectionOutcome, SimulateSelectionsRequest,
        SimulateSelectionsResponse, WorkProfile,
    },
};
use segue_testkit::{Databases, Storage, refused, request_id, wait_for};
use tonic::Code;

use crate::{
    accounts::PHONE,
    harness::{Selector, customer, exists, invalid, platform, refusal},
};

segue_testkit::on_every_engine!(super::when_prepared =>
    changes_are_tried_on_past_selections,
    records_hold_nothing_personal,
    no_more_than_a_hundred_a_second_are_recorded,
    bad_input,
);

async fn when_prepared(storage: Storage, case: impl AsyncFnOnce(Selector)) {
    case(prepared(&Databases::start(storage)).await).await;
}

async fn prepared(databases: &Databases) -> Selector {
    let mut selector = Selector::start(databases).await;
    let web = Platform { cost_units: 10, ..platform("web", &["upload"]) };
    selector.create([platform("hotline", &[]), platform("app", &["upload", "video"]), web]).await;
    let profile = profile("upload");
    let put = PutWorkProfileRequest {
        request_id: request_id(),
        work_profile: Some(profile),
        expected_version: None,
    };
    selector.client.put_work_profile(put).await.unwrap();
    selector
}

fn profile(needs: &str) -> WorkProfile {
    WorkProfile { id: "claims".to_owned(), requirements: vec![exists(needs)], ..WorkProfile::default() }
}

fn ask(profile: &str, requirements: Vec<Requirement>) -> SelectPlatformRequest {
    SelectPlatformRequest {
        source_platform: "hotline".to_owned(),
        customer: customer(&[PHONE]),
        remaining_work: Some(RemainingWork {
            profile: profile.to_owned(),
            requirements,
            summary: "secret words".to_owned(),
            ..RemainingWork::default()
        }),
        ..SelectPlatformRequest::default()
    }
}

async fn simulate(selector: &Selector, request: SimulateSelectionsRequest) -> SimulateSelectionsResponse {
    selector.client.clone().simulate_selections(request).await.unwrap().into_inner()
}

/// Records are written behind.
async fn recorded(selector: &Selector, count: i32) {
    wait_for("the selections to be recorded", || async move {
        simulate(selector, SimulateSelectionsRequest::default()).await.selections == count
    })
    .await;
}

fn shares(answer: &SimulateSelectionsResponse) -> Vec<(&str, i32, i32)> {
    answer.shares.iter().map(|share| (share.platform.as_str(), share.now, share.then)).collect()
}

fn outcome(platform: &str, refusal: &str) -> Option<SelectionOutcome> {
    Some(SelectionOutcome { platform: platform.to_owned(), refusal: refusal.to_owned() })
}

async fn changes_are_tried_on_past_selections(mut selector: Selector) {
    let first = selector.client.select_platform(ask("claims", vec![])).await.unwrap().into_inner();
    assert_eq!((first.platform.as_str(), first.work_profile_version), ("web", 1));
    let video = selector.client.select_platform(ask("", vec![exists("video")])).await.unwrap().into_inner();
    assert_eq!((video.platform.as_str(), video.work_profile_version), ("app", 0));
    selector.client.select_platform(ask("", vec![exists("fax")])).await.unwrap_err();
    selector.link("app", "li-wei", &[PHONE]).await;
    // Records of one millisecond come in any order.
    selector.clock.advance(std::time::Duration::from_millis(1));
    selector.client.select_platform(ask("claims", vec![])).await.unwrap();
    recorded(&selector, 4).await;

    let nothing = simulate(&selector, SimulateSelectionsRequest::default()).await;
    assert_eq!((nothing.changed, shares(&nothing)), (0, vec![("", 1, 1), ("app", 2, 2), ("web", 1, 1)]));

    let stricter = SimulateSelectionsRequest { work_profiles: vec![profile("video")], ..Default::default() };
    let answer = simulate(&selector, stricter).await;
    assert_eq!((answer.changed, shares(&answer)), (1, vec![("", 1, 1), ("app", 2, 3), ("web", 1, 0)]));
    let change = &answer.changes[0];
    assert_eq!(change.recorded.as_ref().unwrap().id, first.selection_id);
    assert_eq!((&change.now, &change.then), (&outcome("web", ""), &outcome("app", "")));

    let fax = Platform { cost_units: 1, ..platform("fax", &["fax", "upload"]) };
    let other = SimulateSelectionsRequest {
        platforms: vec![fax],
        without_platforms: vec!["app".to_owned()],
        ..Default::default()
    };
    let answer = simulate(&selector, other).await;
    // The account on the app is of no use without it.
    assert_eq!(shares(&answer), [("", 1, 1), ("app", 2, 0), ("fax", 0, 3), ("web", 1, 0)], "{answer:?}");
    let refusals: Vec<_> = answer.changes.iter().map(|change| change.then.clone()).collect();
    assert!(refusals.contains(&outcome("", "NO_ELIGIBLE_PLATFORM")), "{refusals:?}");
    // The newest first, and no more than asked for.
    let newest = SimulateSelectionsRequest { limit: 1, ..Default::default() };
    assert_eq!(shares(&simulate(&selector, newest).await), [("app", 1, 1)]);
    let still = selector.client.select_platform(ask("claims", vec![])).await.unwrap().into_inner();
    assert_eq!((still.platform.as_str(), still.work_profile_version), ("app", 1));
}

async fn records_hold_nothing_personal(mut selector: Selector) {
    selector.link("app", "li-wei", &[PHONE]).await;
    let answer = selector.client.select_platform(ask("claims", vec![])).await.unwrap().into_inner();
    recorded(&selector, 1).await;
    let gone = SimulateSelectionsRequest { without_platforms: vec!["app".to_owned()], ..Default::default() };
    let shown = format!("{:?}", simulate(&selector, gone).await.changes);
    assert!(shown.contains("accounts_on: [\"app\"]"), "{shown}");
    for secret in [PHONE.1, "secret words", "li-wei", &answer.account] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

async fn no_more_than_a_hundred_a_second_are_recorded(mut selector: Selector) {
    let mut named = 0;
    for _ in 0..120 {
        let answer = selector.client.select_platform(ask("", vec![])).await.unwrap().into_inner();
        named += i32::from(!answer.selection_id.is_empty());
    }
    assert_eq!(named, 100);
    recorded(&selector, 100).await;
    selector.clock.advance(std::time::Duration::from_secs(1));
    let answer = selector.client.select_platform(ask("", vec![])).await.unwrap().into_inner();
    assert!(!answer.selection_id.is_empty());
}

async fn bad_input(mut selector: Selector) {
    let bad_profile = WorkProfile {
        preferences: vec![Preference { weight: 0, requirement: Some(exists("a")) }],
        ..profile("a")
    };
    let client = &mut selector.client;
    for (request, field) in [
        (SimulateSelectionsRequest { limit: 10_001, ..Default::default() }, "limit"),
        (
            SimulateSelectionsRequest { platforms: vec![platform("A", &[])], ..Default::default() },
            "platforms[0].id",
        ),
        (
            SimulateSelectionsRequest { work_profiles: vec![bad_profile], ..Default::default() },
            "work_profiles[0].preferences[0].weight",
        ),
    ] {
        assert_eq!(refused(client.simulate_selections(request).await), invalid(&[field]));
    }
    let gone = SimulateSelectionsRequest { without_platforms: vec!["moon".to_owned()], ..Default::default() };
    let expected = refusal(Code::NotFound, ErrorReason::PlatformNotFound, &["without_platforms[0]"]);
    assert_eq!(refused(client.simulate_selections(gone).await), expected);
}
