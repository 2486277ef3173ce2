use std::collections::BTreeMap;

use segue_proto::{
    common::v1::{Customer, ErrorReason, Face, Operator, Preference, RemainingWork},
    selector::v1::{
        Candidate, FallbackPolicy, Feature, Platform, PlatformStatus, PutWorkProfileRequest,
        SelectPlatformRequest, SelectPlatformResponse, SelectionReasonCode as Why, ServiceHours,
        ServiceWindow, UpdatePlatformRequest, Weekday, WorkProfile,
    },
};
use segue_testkit::{Databases, Storage, refused, request_id};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::{
    accounts::{EMAIL, PHONE},
    harness::{Selector, customer, exists, invalid, platform, refusal, requirement},
};

segue_testkit::on_every_engine!(super::when_prepared =>
    the_whole_answer,
    accounts_decide,
    profiles_add_to_the_terms,
    order_of_the_input_does_not_matter,
    changes_count_at_once,
    refusals,
    bad_input,
);
segue_testkit::on_every_engine!(crate::harness::with_selector => a_thousand_platforms);

async fn when_prepared(storage: Storage, case: impl AsyncFnOnce(Selector)) {
    case(prepared(&Databases::start(storage)).await).await;
}

/// The customer is on `hotline`.
async fn prepared(databases: &Databases) -> Selector {
    let mut selector = Selector::start(databases).await;
    let number = |name: &str, number| Feature { name: name.to_owned(), number: Some(number), words: vec![] };
    let on_sunday = ServiceWindow {
        days: vec![Weekday::Sunday.into()],
        start: "09:00".to_owned(),
        end: "24:00".to_owned(),
    };
    let sundays = ServiceHours {
        time_zone: "Asia/Shanghai".to_owned(),
        windows: vec![on_sunday],
        special_days: vec![],
    };
    let app = platform("app", &["video"]);
    let mut app_features = app.features.clone();
    app_features.push(number("file_upload.max_mb", 50.0));
    selector
        .create([
            platform("hotline", &["voice"]),
            Platform { features: app_features, cost_units: 40, ..app },
            Platform { features: vec![number("file_upload.max_mb", 20.0)], ..platform("web", &[]) },
            Platform { account_required: true, cost_units: 1, ..platform("portal", &["video"]) },
            Platform { status: PlatformStatus::Disabled.into(), ..platform("old", &["fax", "video"]) },
            Platform { service_hours: Some(sundays), ..platform("branch", &["paper"]) },
            Platform { accepted_faces: vec![Face::Qr.into()], ..platform("kiosk", &["scan"]) },
        ])
        .await;
    selector
}

fn ask(requirements: &[&str]) -> SelectPlatformRequest {
    SelectPlatformRequest {
        source_platform: "hotline".to_owned(),
        customer: customer(&[PHONE]),
        remaining_work: Some(RemainingWork {
            requirements: requirements.iter().map(|feature| exists(feature)).collect(),
            ..RemainingWork::default()
        }),
        ..SelectPlatformRequest::default()
    }
}

async fn select(
    selector: &mut Selector,
    request: SelectPlatformRequest,
) -> Result<SelectPlatformResponse, Status> {
    selector.client.select_platform(request).await.map(tonic::Response::into_inner)
}

fn ids(answer: &SelectPlatformResponse) -> Vec<&str> {
    answer.candidates.iter().map(|candidate| candidate.platform.as_str()).collect()
}

fn reasons(candidate: &Candidate) -> Vec<(Why, &str)> {
    candidate.reasons.iter().map(|reason| (reason.code(), reason.feature.as_str())).collect()
}

async fn the_whole_answer(mut selector: Selector) {
    let account = selector.link("app", "li-wei", &[PHONE]).await;
    let mut request = ask(&[]);
    request.remaining_work = Some(RemainingWork {
        requirements: vec![requirement("file_upload.max_mb", Operator::Gte, &["30"])],
        preferences: vec![Preference { weight: 7, requirement: Some(exists("video")) }],
        ..RemainingWork::default()
    });
    let answer = select(&mut selector, request).await.unwrap();
    assert_eq!((answer.platform.as_str(), answer.account), ("app", account));
    assert_eq!(answer.target.unwrap().entry_uri_template, "https://app.example/#{code}");
    assert_eq!(answer.source.unwrap().id, "hotline");
    let by_id: BTreeMap<&str, &Candidate> =
        answer.candidates.iter().map(|candidate| (candidate.platform.as_str(), candidate)).collect();
    assert_eq!(by_id.len(), 7);
    let app = by_id["app"];
    assert_eq!((app.eligible, app.has_account, app.score), (true, true, 7));
    assert_eq!(reasons(app), [(Why::Chosen, ""), (Why::PreferenceMet, "video")]);
    assert_eq!(app.reasons[1].detail, "wished to exist, adds 7");
    let web = by_id["web"];
    assert_eq!((web.eligible, web.has_account, web.score), (false, false, 0));
    assert_eq!(reasons(web), [(Why::FeatureMismatch, "file_upload.max_mb"), (Why::NoAccount, "")]);
    assert_eq!(web.reasons[0].detail, "needed >= 30, is 20");
    let missing = (Why::FeatureMissing, "file_upload.max_mb");
    let no_account = (Why::NoAccount, "");
    assert_eq!(reasons(by_id["hotline"]), [(Why::IsSource, ""), missing, no_account]);
    assert_eq!(by_id["hotline"].reasons[1].detail, "needed >= 30, is missing");
    let met = (Why::PreferenceMet, "video");
    assert_eq!(reasons(by_id["old"]), [(Why::Disabled, ""), missing, no_account, met]);
    assert_eq!(reasons(by_id["branch"]), [missing, (Why::OutOfHours, ""), no_account]);
    assert_eq!(reasons(by_id["kiosk"]), [missing, (Why::NoCommonFace, ""), no_account]);
}

async fn accounts_decide(mut selector: Selector) {
    // No account anywhere: the cheapest that needs none.
    let answer = select(&mut selector, ask(&[])).await.unwrap();
    assert_eq!((answer.platform.as_str(), answer.account.as_str()), ("web", ""));
    let none = SelectPlatformRequest { customer: None, remaining_work: None, ..ask(&[]) };
    assert_eq!(select(&mut selector, none).await.unwrap().platform, "web");
    // The account on the dearer one wins, and any of the customer's identities will do.
    selector.link("app", "li-wei", &[EMAIL]).await;
    assert_eq!(select(&mut selector, ask(&[])).await.unwrap().platform, "web");
    let known = SelectPlatformRequest { customer: customer(&[PHONE, EMAIL]), ..ask(&[]) };
    let answer = select(&mut selector, known.clone()).await.unwrap();
    assert_eq!(answer.platform, "app");
    assert!(!answer.account.is_empty());
    // With two accounts there it is not known which.
    selector.link("app", "li-wei-2", &[PHONE]).await;
    let answer = select(&mut selector, known).await.unwrap();
    assert_eq!((answer.platform.as_str(), answer.account.as_str()), ("app", ""));
    // An account opens a platform that requires one.
    selector.link("portal", "li-wei", &[PHONE]).await;
    assert_eq!(select(&mut selector, ask(&[])).await.unwrap().platform, "portal");
}

async fn profiles_add_to_the_terms(mut selector: Selector) {
    let profile = WorkProfile {
        id: "documents".to_owned(),
        requirements: vec![requirement("file_upload.max_mb", Operator::Gte, &["20"])],
        preferences: vec![Preference { weight: 3, requirement: Some(exists("video")) }],
        ..WorkProfile::default()
    };
    let put = PutWorkProfileRequest {
        request_id: request_id(),
        work_profile: Some(profile),
        expected_version: None,
    };
    selector.client.put_work_profile(put).await.unwrap();
    let mut request = ask(&[]);
    let work = request.remaining_work.as_mut().unwrap();
    work.profile = "documents".to_owned();
    let answer = select(&mut selector, request.clone()).await.unwrap();
    assert_eq!((answer.platform.as_str(), answer.candidates[0].score), ("app", 3));
    let work = request.remaining_work.as_mut().unwrap();
    work.requirements = vec![requirement("file_upload.max_mb", Operator::Lte, &["20"])];
    assert_eq!(select(&mut selector, request).await.unwrap().platform, "web");
}

async fn order_of_the_input_does_not_matter(mut selector: Selector) {
    selector.link("app", "li-wei", &[PHONE, EMAIL]).await;
    let mut request = ask(&["a", "b", "file_upload.max_mb", "c"]);
    request.customer = customer(&[PHONE, EMAIL]);
    request.allowed_platforms = ["web", "app", "branch", "moon"].map(str::to_owned).to_vec();
    request.faces = vec![Face::Digits.into()];
    let work = request.remaining_work.as_mut().unwrap();
    work.requirements.retain(|term| term.feature == "file_upload.max_mb");
    for feature in ["video", "voice", "fax"] {
        work.preferences.push(Preference { weight: 5, requirement: Some(exists(feature)) });
        work.requirements.push(requirement(feature, Operator::NotIn, &["x"]));
    }
    let unnamed = |answer| SelectPlatformResponse { selection_id: String::new(), ..answer };
    let first = unnamed(select(&mut selector, request.clone()).await.unwrap());
    for turn in 0..4 {
        let work = request.remaining_work.as_mut().unwrap();
        work.requirements.rotate_left(turn % 3);
        work.preferences.reverse();
        request.allowed_platforms.rotate_left(1);
        request.customer.as_mut().unwrap().identities.reverse();
        assert_eq!(unnamed(select(&mut selector, request.clone()).await.unwrap()), first);
    }
}

async fn changes_count_at_once(mut selector: Selector) {
    assert_eq!(select(&mut selector, ask(&[])).await.unwrap().platform, "web");
    let disable = |id: &str| UpdatePlatformRequest {
        request_id: request_id(),
        platform: Some(Platform {
            id: id.to_owned(),
            status: PlatformStatus::Disabled.into(),
            ..Platform::default()
        }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["status".to_owned()] }),
    };
    selector.client.update_platform(disable("web")).await.unwrap();
    assert_eq!(select(&mut selector, ask(&[])).await.unwrap().platform, "app");
    // A disabled source is where the customer is.
    selector.client.update_platform(disable("hotline")).await.unwrap();
    assert_eq!(select(&mut selector, ask(&[])).await.unwrap().platform, "app");
    // From Monday 10:00 to Sunday 10:00 in Shanghai.
    selector.clock.advance(std::time::Duration::from_secs(6 * 24 * 3600));
    assert_eq!(select(&mut selector, ask(&[])).await.unwrap().platform, "branch");
    selector.clock.advance(std::time::Duration::from_secs(14 * 3600));
    assert_eq!(select(&mut selector, ask(&[])).await.unwrap().platform, "app");
}

async fn refusals(mut selector: Selector) {
    let target = |id: &str| SelectPlatformRequest { target_platform: id.to_owned(), ..ask(&[]) };
    let qr = vec![Face::Qr.into()];
    let profile = RemainingWork { profile: "unknown".to_owned(), ..RemainingWork::default() };
    let (not_found, face) = (ErrorReason::PlatformNotFound, ErrorReason::FaceNotUsable);
    let none = ErrorReason::NoEligiblePlatform;
    let cases = [
        (
            SelectPlatformRequest { source_platform: "moon".to_owned(), ..ask(&[]) },
            refusal(Code::NotFound, not_found, &["source_platform"]),
        ),
        (target("moon"), refusal(Code::NotFound, not_found, &["target_platform"])),
        (
            target("old"),
            refusal(Code::FailedPrecondition, ErrorReason::PlatformDisabled, &["target_platform"]),
        ),
        (
            target("hotline"),
            refusal(Code::InvalidArgument, ErrorReason::TargetIsSource, &["target_platform"]),
        ),
        (
            SelectPlatformRequest { allowed_platforms: vec!["web".to_owned()], ..target("app") },
            refusal(Code::FailedPrecondition, ErrorReason::AgentNotOnTarget, &["target_platform"]),
        ),
        (
            SelectPlatformRequest { remaining_work: Some(profile), ..ask(&[]) },
            refusal(Code::NotFound, ErrorReason::WorkProfileNotFound, &["remaining_work.profile"]),
        ),
        (
            SelectPlatformRequest { faces: qr.clone(), ..ask(&[]) },
            refusal(Code::InvalidArgument, face, &["faces"]),
        ),
        (
            SelectPlatformRequest { faces: qr, ..target("app") },
            refusal(Code::InvalidArgument, face, &["faces"]),
        ),
        (target("kiosk"), refusal(Code::InvalidArgument, face, &["faces"])),
        (target("branch"), refusal(Code::FailedPrecondition, none, &[])),
        (target("portal"), refusal(Code::FailedPrecondition, none, &[])),
        (ask(&["nonesuch"]), refusal(Code::FailedPrecondition, none, &[])),
        (
            SelectPlatformRequest { fallback_policy: FallbackPolicy::RequireAccount.into(), ..ask(&[]) },
            refusal(Code::FailedPrecondition, none, &[]),
        ),
    ];
    for (request, expected) in cases {
        assert_eq!(refused(select(&mut selector, request).await), expected);
    }
    let status = select(&mut selector, ask(&["paper"])).await.unwrap_err();
    let details = status.get_error_details();
    let metadata: BTreeMap<_, _> = details.error_info().unwrap().metadata.clone().into_iter().collect();
    let expected = [
        ("app", "FEATURE_MISSING"),
        ("branch", "OUT_OF_HOURS"),
        ("hotline", "IS_SOURCE"),
        ("kiosk", "FEATURE_MISSING"),
        ("old", "DISABLED"),
        ("portal", "FEATURE_MISSING"),
        ("web", "FEATURE_MISSING"),
    ];
    assert_eq!(metadata, expected.map(|(id, reason)| (id.to_owned(), reason.to_owned())).into());
}

async fn bad_input(mut selector: Selector) {
    let work = |work| SelectPlatformRequest { remaining_work: Some(work), ..ask(&[]) };
    let none = RemainingWork::default;
    let context = |key: &str, value: String| {
        work(RemainingWork { context: [(key.to_owned(), value)].into(), ..none() })
    };
    let seventeen = Customer { identities: crate::harness::identities(&[PHONE; 17]) };
    let cases = [
        (SelectPlatformRequest::default(), "source_platform"),
        (SelectPlatformRequest { customer: Some(seventeen), ..ask(&[]) }, "customer.identities"),
        (
            SelectPlatformRequest { customer: customer(&[("x", "y")]), ..ask(&[]) },
            "customer.identities[0].kind",
        ),
        (
            SelectPlatformRequest { allowed_platforms: vec![String::new()], ..ask(&[]) },
            "allowed_platforms[0]",
        ),
        (
            SelectPlatformRequest { allowed_platforms: vec!["app".to_owned(); 1001], ..ask(&[]) },
            "allowed_platforms",
        ),
        (SelectPlatformRequest { faces: vec![0], ..ask(&[]) }, "faces[0]"),
        (SelectPlatformRequest { faces: vec![99], ..ask(&[]) }, "faces[0]"),
        (SelectPlatformRequest { target_platform: "A".to_owned(), ..ask(&[]) }, "target_platform"),
        (SelectPlatformRequest { fallback_policy: 9, ..ask(&[]) }, "fallback_policy"),
        (work(RemainingWork { profile: "P P".to_owned(), ..none() }), "remaining_work.profile"),
        (work(RemainingWork { summary: "x".repeat(2001), ..none() }), "remaining_work.summary"),
        (context("", String::new()), "remaining_work.context"),
        (context("k", "x".repeat(2001)), "remaining_work.context"),
        (
            work(RemainingWork { requirements: vec![requirement("a", Operator::Eq, &[])], ..none() }),
            "remaining_work.requirements[0].values",
        ),
        (
            work(RemainingWork {
                preferences: vec![Preference { weight: 101, requirement: Some(exists("a")) }],
                ..none()
            }),
            "remaining_work.preferences[0].weight",
        ),
    ];
    for (request, field) in cases {
        assert_eq!(refused(select(&mut selector, request).await), invalid(&[field]));
    }
}

/// Explanations and refusals stay within what clients read, however many platforms there are.
async fn a_thousand_platforms(mut selector: Selector) {
    selector.create((0..1000).map(|number| platform(&format!("p{number:03}"), &["a"]))).await;
    let long = "x".repeat(50);
    let terms: Vec<_> =
        (0..32).map(|number| requirement(&format!("f{number}.{long}"), Operator::In, &[&long])).collect();
    let mut request = SelectPlatformRequest { source_platform: "p000".to_owned(), ..ask(&[]) };
    request.remaining_work.as_mut().unwrap().requirements = terms.clone();
    let status = select(&mut selector, request.clone()).await.unwrap_err();
    let metadata = status.get_error_details().error_info().unwrap().metadata.clone();
    assert_eq!((metadata.len(), metadata["morePlatforms"].as_str()), (65, "936"));

    let wished = Feature { name: "wished".to_owned(), ..Feature::default() };
    selector.create([Platform { features: vec![wished], ..platform("other", &[]) }]).await;
    let work = request.remaining_work.as_mut().unwrap();
    work.requirements = vec![exists("a")];
    let wish = |term| Preference { weight: 1, requirement: Some(term) };
    work.preferences = (0..32)
        .map(|number| wish(requirement("a", Operator::NotIn, &[&format!("{number}{long}")])))
        .collect();
    let answer = select(&mut selector, request).await.unwrap();
    assert_eq!(answer.platform, "p001");
    assert_eq!(answer.candidates.len(), 1001);
    assert!(answer.candidates.iter().all(|candidate| !candidate.reasons.is_empty()));
    assert_eq!(ids(&answer)[..3], ["p001", "p002", "p003"]);
}
