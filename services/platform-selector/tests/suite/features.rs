use segue_proto::{
    common::v1::{ErrorReason, Operator, Preference, RemainingWork},
    selector::v1::{
        DeleteFeatureDefinitionRequest, Feature, FeatureDefinition, FeatureKind,
        ListFeatureDefinitionsRequest, Platform, PlatformStatus, PutFeatureDefinitionRequest,
        PutWorkProfileRequest, SelectPlatformRequest, UpdatePlatformRequest, WorkProfile,
    },
};
use segue_testkit::{Databases, Refused, Storage, refused, request_id};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::harness::{Selector, create, exists, invalid, platform, refusal, requirement};

segue_testkit::on_every_engine!(crate::harness::with_selector =>
    crud,
    a_late_catalogue_leaves_what_is_there,
    bad_input,
);
segue_testkit::on_every_engine!(super::with_catalogue => what_is_misspelt_is_refused, what_is_used_stays);

async fn with_catalogue(storage: Storage, case: impl AsyncFnOnce(Selector)) {
    case(catalogued(&Databases::start(storage)).await).await;
}

fn define(name: &str, kind: FeatureKind, words: &[&str]) -> PutFeatureDefinitionRequest {
    PutFeatureDefinitionRequest {
        request_id: request_id(),
        feature_definition: Some(FeatureDefinition {
            name: name.to_owned(),
            kind: kind.into(),
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            ..FeatureDefinition::default()
        }),
    }
}

fn delete(name: &str) -> DeleteFeatureDefinitionRequest {
    DeleteFeatureDefinitionRequest { request_id: request_id(), name: name.to_owned() }
}

async fn catalogued(databases: &Databases) -> Selector {
    let mut selector = Selector::start(databases).await;
    for definition in [
        define("video", FeatureKind::Present, &[]),
        define("file_upload.max_mb", FeatureKind::Number, &[]),
        define("language", FeatureKind::Words, &["zh", "en", "yue"]),
    ] {
        selector.client.put_feature_definition(definition).await.unwrap();
    }
    selector
}

/// The first violation.
fn said(status: &Status) -> (String, String) {
    let details = status.get_error_details();
    let violation = &details.bad_request().unwrap().field_violations[0];
    (violation.field.clone(), violation.description.clone())
}

async fn crud(mut selector: Selector) {
    let client = &mut selector.client;
    let repeated = define("video", FeatureKind::Present, &[]);
    let first = client.put_feature_definition(repeated.clone()).await.unwrap().into_inner();
    assert_eq!(client.put_feature_definition(repeated).await.unwrap().into_inner(), first);
    assert!(first.feature_definition.unwrap().update_time.is_some());
    for name in ["language", "a"] {
        client.put_feature_definition(define(name, FeatureKind::Words, &["zh"])).await.unwrap();
    }
    // A definition that nobody uses may become another.
    client.put_feature_definition(define("a", FeatureKind::Number, &[])).await.unwrap();
    let (mut names, mut page_token) = (vec![], String::new());
    loop {
        let request = ListFeatureDefinitionsRequest { page_size: 2, page_token };
        let page = client.list_feature_definitions(request).await.unwrap().into_inner();
        names.extend(page.feature_definitions.into_iter().map(|d| (d.name.clone(), d.kind())));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let expected =
        [("a", FeatureKind::Number), ("language", FeatureKind::Words), ("video", FeatureKind::Present)];
    assert_eq!(names, expected.map(|(name, kind)| (name.to_owned(), kind)));
    client.delete_feature_definition(delete("a")).await.unwrap();
    let gone = refusal(Code::NotFound, ErrorReason::FeatureNotFound, &["name"]);
    assert_eq!(refused(client.delete_feature_definition(delete("a")).await), gone);
}

async fn what_is_misspelt_is_refused(mut selector: Selector) {
    let unknown = "is not in the catalogue of features; did you mean file_upload.max_mb?";
    let work = WorkProfile {
        id: "w".to_owned(),
        preferences: vec![Preference { weight: 1, requirement: Some(exists("file_upload.maxmb")) }],
        ..WorkProfile::default()
    };
    let (preferences, put) = (
        work.preferences.clone(),
        PutWorkProfileRequest { request_id: request_id(), work_profile: Some(work), expected_version: None },
    );
    let status = selector.client.put_work_profile(put).await.unwrap_err();
    assert_eq!(said(&status), ("work_profile.preferences[0].requirement.feature".into(), unknown.into()));

    let bad = platform("app", &["video", "file_upload.mb_max"]);
    let status = selector.client.create_platform(create(bad.clone())).await.unwrap_err();
    assert_eq!(said(&status), ("platform.features[1].name".into(), unknown.into()));
    selector.create([platform("app", &["video"]), platform("hotline", &[])]).await;
    let update = UpdatePlatformRequest {
        request_id: request_id(),
        platform: Some(Platform { status: PlatformStatus::Active.into(), ..bad }),
        ..UpdatePlatformRequest::default()
    };
    let status = selector.client.update_platform(update).await.unwrap_err();
    assert_eq!(said(&status), ("platform.features[1].name".into(), unknown.into()));

    let ask = |work| SelectPlatformRequest {
        source_platform: "hotline".to_owned(),
        remaining_work: Some(work),
        ..SelectPlatformRequest::default()
    };
    let status = selector
        .client
        .select_platform(ask(RemainingWork { preferences, ..RemainingWork::default() }))
        .await
        .unwrap_err();
    assert_eq!(said(&status), ("remaining_work.preferences[0].requirement.feature".into(), unknown.into()));
    for (term, part) in [
        (requirement("language", Operator::In, &["zh", "yeu"]), "values"),
        (requirement("video", Operator::Gte, &["1"]), "operator"),
        (requirement("file_upload.max_mb", Operator::Eq, &["large"]), "values"),
    ] {
        let work = RemainingWork { requirements: vec![exists("video"), term], ..RemainingWork::default() };
        let field = format!("remaining_work.requirements[1].{part}");
        assert_eq!(refused(selector.client.select_platform(ask(work)).await), invalid(&[&field]));
    }
    let work = RemainingWork { requirements: vec![exists("video")], ..RemainingWork::default() };
    assert_eq!(selector.client.select_platform(ask(work)).await.unwrap().into_inner().platform, "app");
}

async fn what_is_used_stays(mut selector: Selector) {
    let in_use = |status: &Status| {
        let info = status.get_error_details().error_info().unwrap().clone();
        (status.code(), info.reason, info.metadata.into_iter().collect::<Vec<_>>())
    };
    let speaks = Feature { words: vec!["zh".to_owned()], name: "language".to_owned(), number: None };
    selector.create([Platform { features: vec![speaks], ..platform("app", &[]) }]).await;
    let profile = WorkProfile {
        id: "large".to_owned(),
        requirements: vec![requirement("file_upload.max_mb", Operator::Gte, &["20"])],
        ..WorkProfile::default()
    };
    let put = PutWorkProfileRequest {
        request_id: request_id(),
        work_profile: Some(profile),
        expected_version: None,
    };
    let client = &mut selector.client;
    client.put_work_profile(put).await.unwrap();
    let expect = |id: &str, what: &str| {
        let metadata = vec![(id.to_owned(), what.to_owned())];
        (Code::FailedPrecondition, "FEATURE_IN_USE".to_owned(), metadata)
    };
    for (name, expected) in
        [("language", expect("app", "platform")), ("file_upload.max_mb", expect("large", "work profile"))]
    {
        let status = client.delete_feature_definition(delete(name)).await.unwrap_err();
        assert_eq!(in_use(&status), expected);
        let other = client.put_feature_definition(define(name, FeatureKind::Present, &[])).await;
        assert_eq!(in_use(&other.unwrap_err()), expected);
    }
    // What still suits may change.
    client.put_feature_definition(define("language", FeatureKind::Words, &["zh"])).await.unwrap();
    let other = client.put_feature_definition(define("language", FeatureKind::Words, &["en"])).await;
    assert_eq!(in_use(&other.unwrap_err()), expect("app", "platform"));
    client.delete_feature_definition(delete("video")).await.unwrap();
}

/// The catalogue may come after the platforms, and need not have all that they say.
async fn a_late_catalogue_leaves_what_is_there(mut selector: Selector) {
    let active =
        |features: &[&str]| Platform { status: PlatformStatus::Active.into(), ..platform("app", features) };
    selector.create([active(&["fax"]), platform("hotline", &[])]).await;
    selector.client.put_feature_definition(define("video", FeatureKind::Present, &[])).await.unwrap();
    let mut update = UpdatePlatformRequest {
        request_id: request_id(),
        platform: Some(Platform { rank: 7, ..active(&["fax"]) }),
        ..UpdatePlatformRequest::default()
    };
    selector.client.update_platform(update.clone()).await.unwrap();
    update.request_id = request_id();
    update.platform = Some(active(&["fax", "video"]));
    let answer = selector.client.update_platform(update).await;
    assert_eq!(refused(answer), invalid(&["platform.features[0].name"]));
    let request =
        SelectPlatformRequest { source_platform: "hotline".to_owned(), ..SelectPlatformRequest::default() };
    assert_eq!(selector.client.select_platform(request).await.unwrap().into_inner().platform, "app");
}

async fn bad_input(mut selector: Selector) {
    let client = &mut selector.client;
    let with = |change: fn(&mut FeatureDefinition)| {
        let mut request = define("x", FeatureKind::Number, &[]);
        change(request.feature_definition.as_mut().unwrap());
        request
    };
    let cases = [
        (with(|d| d.name = "X".to_owned()), "feature_definition.name"),
        (with(|d| d.kind = 0), "feature_definition.kind"),
        (with(|d| d.kind = 9), "feature_definition.kind"),
        (with(|d| d.words = vec!["w".to_owned()]), "feature_definition.words"),
        (with(|d| d.unit = "u".repeat(33)), "feature_definition.unit"),
        (with(|d| d.display_name = "u".repeat(129)), "feature_definition.display_name"),
        (define("x", FeatureKind::Words, &["w", ""]), "feature_definition.words[1]"),
    ];
    for (request, field) in cases {
        let answer: Refused = refused(client.put_feature_definition(request).await);
        assert_eq!(answer, invalid(&[field]));
    }
    let unit = PutFeatureDefinitionRequest {
        feature_definition: Some(FeatureDefinition {
            unit: "MB".to_owned(),
            ..define("x", FeatureKind::Present, &[]).feature_definition.unwrap()
        }),
        ..define("x", FeatureKind::Present, &[])
    };
    assert_eq!(refused(client.put_feature_definition(unit).await), invalid(&["feature_definition.unit"]));
    let nothing = refused(client.put_feature_definition(PutFeatureDefinitionRequest::default()).await);
    assert_eq!(nothing.fields[..2], ["request_id", "feature_definition"]);
    let nothing = refused(client.delete_feature_definition(DeleteFeatureDefinitionRequest::default()).await);
    assert_eq!(nothing, invalid(&["request_id", "name"]));
    let request = ListFeatureDefinitionsRequest { page_size: 1001, page_token: String::new() };
    assert_eq!(refused(client.list_feature_definitions(request).await), invalid(&["page_size"]));
}
