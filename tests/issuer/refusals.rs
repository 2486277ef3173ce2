//! Each bad request gets its documented reason and the offending field, and changes nothing.

use segue_proto::{
    common::v1::{ErrorReason, Face, Identity, Operator, Preference, RemainingWork, Requirement},
    issuer::v1::{
        CancelHandoffRequest, CreateHandoffRequest, GetHandoffRequest, ListHandoffsRequest,
        ReissueCodeRequest, WatchHandoffRequest,
    },
    router::v1::{ListServiceListRequest, Presence},
    selector::v1::{Platform, PlatformStatus, UpdatePlatformRequest},
};
use segue_testkit::{Refused, Storage, refused, request_id};
use segue_tests::{Fixture, InProcess};
use tonic::Code;

fn reason(code: Code, reason: ErrorReason, fields: &[&str]) -> Refused {
    Refused { code, reason, fields: fields.iter().map(|field| (*field).to_owned()).collect() }
}

fn invalid(fields: &[&str]) -> Refused {
    reason(Code::InvalidArgument, ErrorReason::InvalidField, fields)
}

type Case = (&'static str, fn(&mut CreateHandoffRequest), Refused);

/// What is wrong with the form.
fn malformed() -> Vec<Case> {
    vec![
        ("no request id", |r| r.request_id.clear(), invalid(&["request_id"])),
        ("not a UUID", |r| r.request_id = "7".into(), invalid(&["request_id"])),
        ("no work order", |r| r.work_order.clear(), invalid(&["work_order"])),
        ("a long work order", |r| r.work_order = "W".repeat(65), invalid(&["work_order"])),
        ("no agent", |r| r.agent.clear(), invalid(&["agent"])),
        ("no source", |r| r.source = None, invalid(&["source"])),
        (
            "a long session",
            |r| r.source.as_mut().unwrap().session = "s".repeat(129),
            invalid(&["source.session"]),
        ),
        ("no customer", |r| r.customer = None, invalid(&["customer.identities"])),
        (
            "an unknown identity",
            |r| r.customer.as_mut().unwrap().identities[0].kind = "shoe_size".into(),
            invalid(&["customer.identities[0].kind"]),
        ),
        (
            "a bad phone number",
            |r| r.customer.as_mut().unwrap().identities[0].value = "12".into(),
            invalid(&["customer.identities[0].value"]),
        ),
        (
            "too many identities",
            |r| {
                let one = Identity { kind: "member_id".into(), value: "M1".into(), unverified: false };
                r.customer.as_mut().unwrap().identities = vec![one; 17];
            },
            invalid(&["customer.identities"]),
        ),
        ("no remaining work", |r| r.remaining_work = None, invalid(&["remaining_work"])),
        (
            "a long summary",
            |r| r.remaining_work.as_mut().unwrap().summary = "x".repeat(2001),
            invalid(&["remaining_work.summary"]),
        ),
        (
            "a long summary of the conversation",
            |r| r.remaining_work.as_mut().unwrap().conversation_summary = "x".repeat(4001),
            invalid(&["remaining_work.conversation_summary"]),
        ),
        (
            "a wish without a term",
            |r| {
                let wish = Preference { weight: 1, requirement: None };
                r.remaining_work.as_mut().unwrap().preferences = vec![wish];
            },
            invalid(&["remaining_work.preferences[0].requirement"]),
        ),
        ("an unknown face", |r| r.faces = vec![99], invalid(&["faces[0]"])),
        ("a face without a name", |r| r.faces = vec![0], invalid(&["faces[0]"])),
        ("an unknown policy", |r| r.agent_policy = 9, invalid(&["agent_policy"])),
        ("an unknown fallback", |r| r.fallback_policy = 9, invalid(&["fallback_policy"])),
        ("no language", |r| r.locale = "English, please".into(), invalid(&["locale"])),
        (
            "a short life",
            |r| r.ttl = Some(prost_types::Duration { seconds: 59, nanos: 0 }),
            invalid(&["ttl"]),
        ),
        (
            "a long life",
            |r| r.ttl = Some(prost_types::Duration { seconds: 3601, nanos: 0 }),
            invalid(&["ttl"]),
        ),
        (
            "everything at once",
            |r| *r = CreateHandoffRequest::default(),
            invalid(&[
                "request_id",
                "work_order",
                "agent",
                "source",
                "customer.identities",
                "remaining_work",
            ]),
        ),
    ]
}

/// What can't be done.
fn impossible() -> Vec<Case> {
    use ErrorReason as R;
    vec![
        (
            "an unknown agent",
            |r| r.agent = "A9999".into(),
            reason(Code::NotFound, R::AgentNotFound, &["agent"]),
        ),
        (
            "an agent who is signed out",
            |r| r.agent = "A1002".into(),
            reason(Code::FailedPrecondition, R::AgentOffline, &["agent"]),
        ),
        (
            "an unknown source",
            |r| r.source.as_mut().unwrap().platform = "fax".into(),
            reason(Code::NotFound, R::PlatformNotFound, &["source.platform"]),
        ),
        (
            "an unknown target",
            |r| r.target_platform = "fax".into(),
            reason(Code::NotFound, R::PlatformNotFound, &["target_platform"]),
        ),
        (
            "the source as target",
            |r| r.target_platform = "hotline".into(),
            reason(Code::InvalidArgument, R::TargetIsSource, &["target_platform"]),
        ),
        (
            "a target that the agent does not serve",
            |r| r.target_platform = "sms".into(),
            reason(Code::FailedPrecondition, R::AgentNotOnTarget, &["target_platform"]),
        ),
        (
            "an unknown work profile",
            |r| r.remaining_work.as_mut().unwrap().profile = "paint_a_house".into(),
            reason(Code::NotFound, R::WorkProfileNotFound, &["remaining_work.profile"]),
        ),
        (
            "a face that the source can't deliver",
            |r| r.faces = vec![Face::Qr.into()],
            reason(Code::InvalidArgument, R::FaceNotUsable, &["faces"]),
        ),
        (
            "a face that neither side takes",
            |r| r.faces = vec![Face::Words.into()],
            reason(Code::InvalidArgument, R::FaceNotUsable, &["faces"]),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_request_is_refused_and_changes_nothing() {
    let system = InProcess::start(Storage::SqliteMemory).await;
    let fixture = Fixture::load(&system.addresses).await;
    let mut issuer = fixture.clients.issuer.clone();
    for (what, spoil, expected) in malformed().into_iter().chain(impossible()) {
        let mut request = Fixture::handoff("call-1");
        spoil(&mut request);
        assert_eq!(refused(issuer.create_handoff(request).await), expected, "{what}");
    }
    let handoffs = issuer.list_handoffs(ListHandoffsRequest::default()).await.unwrap().into_inner();
    assert_eq!(handoffs.handoffs, [], "nothing was recorded");
    let entries =
        fixture.clients.router.clone().list_service_list(ListServiceListRequest::default()).await.unwrap();
    assert_eq!(entries.into_inner().entries, [], "nothing was registered");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_platform_can_do_is_refused_with_the_reasons() {
    let system = InProcess::start(Storage::SqliteMemory).await;
    let fixture = Fixture::load(&system.addresses).await;
    let mut issuer = fixture.clients.issuer.clone();
    let mut request = Fixture::handoff("call-1");
    let term = Requirement { feature: "scanner".into(), operator: Operator::Exists.into(), values: vec![] };
    request.remaining_work = Some(RemainingWork { requirements: vec![term], ..RemainingWork::default() });
    let status = issuer.create_handoff(request).await.unwrap_err();
    let details = tonic_types::StatusExt::get_error_details(&status);
    let why = details.error_info().unwrap().metadata.clone();
    assert_eq!(why.get("app").map(String::as_str), Some("FEATURE_MISSING"), "{why:?}");
    assert_eq!(refused::<()>(Err(status)).reason, ErrorReason::NoEligiblePlatform);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_target_is_refused() {
    let system = InProcess::start(Storage::SqliteMemory).await;
    let fixture = Fixture::load(&system.addresses).await;
    let disable = UpdatePlatformRequest {
        request_id: request_id(),
        platform: Some(Platform {
            id: "app".into(),
            status: PlatformStatus::Disabled.into(),
            ..Platform::default()
        }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["status".into()] }),
    };
    fixture.clients.selector.clone().update_platform(disable).await.unwrap();
    let mut request = Fixture::handoff("call-1");
    request.target_platform = "app".into();
    let expected = reason(Code::FailedPrecondition, ErrorReason::PlatformDisabled, &["target_platform"]);
    assert_eq!(refused(fixture.clients.issuer.clone().create_handoff(request).await), expected);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_tokens_and_repetitions_that_are_not_ours_are_refused() {
    use ErrorReason as R;
    let system = InProcess::start(Storage::SqliteMemory).await;
    let fixture = Fixture::load(&system.addresses).await;
    let mut issuer = fixture.clients.issuer.clone();
    let missing = reason(Code::NotFound, R::HandoffNotFound, &["id"]);
    let id = || "handoff_0".to_owned();
    assert_eq!(refused(issuer.get_handoff(GetHandoffRequest { id: id() }).await), missing);
    assert_eq!(refused(issuer.watch_handoff(WatchHandoffRequest { id: id() }).await), missing);
    let cancel = CancelHandoffRequest { request_id: request_id(), id: id() };
    assert_eq!(refused(issuer.cancel_handoff(cancel).await), missing);
    let reissue = ReissueCodeRequest { request_id: request_id(), id: id(), ttl: None };
    assert_eq!(refused(issuer.reissue_code(reissue).await), missing);
    let empty = GetHandoffRequest::default();
    assert_eq!(refused(issuer.get_handoff(empty).await), invalid(&["id"]));

    let list = ListHandoffsRequest { page_token: "bm90IG91cnM".into(), ..ListHandoffsRequest::default() };
    let foreign = reason(Code::InvalidArgument, R::InvalidPageToken, &["page_token"]);
    assert_eq!(refused(issuer.list_handoffs(list).await), foreign);
    let list = ListHandoffsRequest { page_size: 1001, state: 77, ..ListHandoffsRequest::default() };
    assert_eq!(refused(issuer.list_handoffs(list).await), invalid(&["page_size", "state"]));

    let request = Fixture::handoff("call-1");
    fixture.create(request.clone()).await;
    let other = CreateHandoffRequest { work_order: "WO-2".into(), ..request.clone() };
    let reused = reason(Code::AlreadyExists, R::RequestIdReused, &["request_id"]);
    assert_eq!(refused(issuer.create_handoff(other).await), reused);
    let again = CreateHandoffRequest { request_id: request_id(), ..request };
    let busy = reason(Code::AlreadyExists, R::HandoffInProgress, &["source.session"]);
    assert_eq!(refused(issuer.create_handoff(again).await), busy);
    fixture.set_presence(segue::demo_data::DEMO_AGENT, Presence::Offline).await;
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_neighbour_that_is_away_is_named_and_a_retry_is_asked_for() {
    let lonely = code_issuer_alone().await;
    let mut issuer = segue_tests::Clients::of(&lonely.addresses).issuer;
    let status = issuer.create_handoff(Fixture::handoff("call-1")).await.unwrap_err();
    let details = tonic_types::StatusExt::get_error_details(&status);
    assert!(details.retry_info().is_some());
    let expected = reason(Code::Unavailable, ErrorReason::DependencyUnavailable, &[]);
    assert_eq!(refused::<()>(Err(status)), expected);
}

/// The issuer with nobody where its neighbours should be.
async fn code_issuer_alone() -> segue_tests::Processes {
    let mut processes = segue_tests::Processes::start(Storage::SqliteFile).await;
    for neighbour in ["platform-selector", "priority-router"] {
        assert!(processes.terminate(neighbour));
    }
    processes
}
