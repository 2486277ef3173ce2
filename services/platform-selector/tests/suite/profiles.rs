use segue_proto::{
    common::v1::{ErrorReason, Operator, Preference},
    selector::v1::{
        DeleteWorkProfileRequest, GetWorkProfileRequest, ListWorkProfileVersionsRequest,
        ListWorkProfilesRequest, PutWorkProfileRequest, WorkProfile,
    },
};
use segue_testkit::{Refused, refused, request_id};
use tonic::Code;

use crate::harness::{Selector, exists, invalid, refusal, requirement};

segue_testkit::on_every_engine!(crate::harness::with_selector =>
    crud,
    repeated_requests_change_nothing,
    versions_are_kept,
    pages,
    bad_input,
);

fn profile(id: &str) -> WorkProfile {
    WorkProfile {
        id: id.to_owned(),
        display_name: "Supplement claim documents".to_owned(),
        requirements: vec![requirement("file_upload.max_mb", Operator::Gte, &["20"])],
        preferences: vec![Preference { weight: 5, requirement: Some(exists("video")) }],
        ..WorkProfile::default()
    }
}

fn put(profile: WorkProfile) -> PutWorkProfileRequest {
    PutWorkProfileRequest { request_id: request_id(), work_profile: Some(profile), expected_version: None }
}

fn delete(id: &str) -> DeleteWorkProfileRequest {
    DeleteWorkProfileRequest { request_id: request_id(), id: id.to_owned() }
}

fn not_found() -> Refused {
    refusal(Code::NotFound, ErrorReason::WorkProfileNotFound, &["id"])
}

async fn crud(mut selector: Selector) {
    let client = &mut selector.client;
    let asked = WorkProfile { version: 41, ..profile("claims") };
    let first = client.put_work_profile(put(asked)).await.unwrap().into_inner().work_profile.unwrap();
    assert_eq!(first.version, 1);
    assert!(first.update_time.is_some());
    let unstamped = WorkProfile { version: 0, update_time: None, ..first.clone() };
    assert_eq!(unstamped, profile("claims"));

    let renamed = WorkProfile { display_name: "Claims".to_owned(), ..profile("claims") };
    let second = client.put_work_profile(put(renamed)).await.unwrap().into_inner().work_profile.unwrap();
    assert_eq!((second.version, second.display_name.as_str()), (2, "Claims"));
    let get = GetWorkProfileRequest { id: "claims".to_owned(), version: 0 };
    let read = client.get_work_profile(get.clone()).await.unwrap().into_inner().work_profile.unwrap();
    assert_eq!(read, second);

    client.delete_work_profile(delete("claims")).await.unwrap();
    assert_eq!(refused(client.get_work_profile(get).await), not_found());
    assert_eq!(refused(client.delete_work_profile(delete("claims")).await), not_found());
}

async fn versions_are_kept(mut selector: Selector) {
    let client = &mut selector.client;
    let named = |name: &str| WorkProfile { display_name: name.to_owned(), ..profile("claims") };
    let expecting = |name: &str, version: i64| PutWorkProfileRequest {
        expected_version: Some(version),
        ..put(named(name))
    };
    let mismatch = || refusal(Code::Aborted, ErrorReason::EtagMismatch, &["expected_version"]);
    assert_eq!(refused(client.put_work_profile(expecting("1", 3)).await), mismatch());
    client.put_work_profile(expecting("1", 0)).await.unwrap();
    for version in [0, 2] {
        assert_eq!(refused(client.put_work_profile(expecting("2", version)).await), mismatch());
    }
    for version in 1..=104 {
        client.put_work_profile(expecting(&(version + 1).to_string(), version)).await.unwrap();
    }
    let request = ListWorkProfileVersionsRequest { id: "claims".to_owned() };
    let kept = client.list_work_profile_versions(request.clone()).await.unwrap().into_inner().work_profiles;
    let shown: Vec<_> = kept.iter().map(|p| (p.version, p.display_name.parse().unwrap())).collect();
    assert_eq!(shown, (6..=105).rev().map(|version| (version, version)).collect::<Vec<_>>());
    let get = |version| GetWorkProfileRequest { id: "claims".to_owned(), version };
    for (version, name) in [(0, "105"), (105, "105"), (6, "6")] {
        let read = client.get_work_profile(get(version)).await.unwrap().into_inner().work_profile.unwrap();
        assert_eq!(read.display_name, name);
    }
    for version in [5, 106] {
        let gone = refusal(Code::NotFound, ErrorReason::WorkProfileNotFound, &["version"]);
        assert_eq!(refused(client.get_work_profile(get(version)).await), gone);
    }
    assert_eq!(refused(client.get_work_profile(get(-1)).await), invalid(&["version"]));
    assert_eq!(refused(client.put_work_profile(expecting("x", -1)).await), invalid(&["expected_version"]));
    client.delete_work_profile(delete("claims")).await.unwrap();
    assert_eq!(refused(client.list_work_profile_versions(request).await), not_found());
    client.put_work_profile(expecting("again", 0)).await.unwrap();
}

async fn repeated_requests_change_nothing(mut selector: Selector) {
    let client = &mut selector.client;
    let request = put(profile("claims"));
    let first = client.put_work_profile(request.clone()).await.unwrap().into_inner();
    assert_eq!(client.put_work_profile(request.clone()).await.unwrap().into_inner(), first);
    let reused = refusal(Code::AlreadyExists, ErrorReason::RequestIdReused, &["request_id"]);
    let other = PutWorkProfileRequest { work_profile: Some(profile("other")), ..request };
    assert_eq!(refused(client.put_work_profile(other).await), reused);
    let removal = delete("claims");
    client.delete_work_profile(removal.clone()).await.unwrap();
    client.delete_work_profile(removal.clone()).await.unwrap();
    let other = DeleteWorkProfileRequest { id: "other".to_owned(), ..removal };
    assert_eq!(refused(client.delete_work_profile(other).await), reused);
}

async fn pages(mut selector: Selector) {
    let client = &mut selector.client;
    for id in ["c", "a", "b"] {
        client.put_work_profile(put(profile(id))).await.unwrap();
    }
    let request = ListWorkProfilesRequest { page_size: 2, page_token: String::new() };
    let first = client.list_work_profiles(request).await.unwrap().into_inner();
    let request = ListWorkProfilesRequest { page_size: 2, page_token: first.next_page_token };
    let second = client.list_work_profiles(request).await.unwrap().into_inner();
    let ids: Vec<_> =
        first.work_profiles.iter().chain(&second.work_profiles).map(|p| p.id.as_str()).collect();
    assert_eq!((ids, second.next_page_token.as_str()), (vec!["a", "b", "c"], ""));
    let foreign = segue_runtime::page::encode("ListPlatforms", "a");
    let request = ListWorkProfilesRequest { page_size: 2, page_token: foreign };
    let expected = refusal(Code::InvalidArgument, ErrorReason::InvalidPageToken, &["page_token"]);
    assert_eq!(refused(client.list_work_profiles(request).await), expected);
    let request = ListWorkProfilesRequest { page_size: 1001, page_token: String::new() };
    assert_eq!(refused(client.list_work_profiles(request).await), invalid(&["page_size"]));
}

async fn bad_input(mut selector: Selector) {
    let client = &mut selector.client;
    let good = || profile("claims");
    let with = |requirement| WorkProfile { requirements: vec![requirement], ..good() };
    let wish =
        |weight, requirement| WorkProfile { preferences: vec![Preference { weight, requirement }], ..good() };
    let cases = [
        (WorkProfile { id: "1st".to_owned(), ..good() }, "work_profile.id"),
        (WorkProfile { display_name: "x".repeat(129), ..good() }, "work_profile.display_name"),
        (WorkProfile { requirements: vec![exists("a"); 33], ..good() }, "work_profile.requirements"),
        (with(exists("Bad Name")), "work_profile.requirements[0].feature"),
        (with(requirement("a", Operator::Unspecified, &[])), "work_profile.requirements[0].operator"),
        (with(requirement("a", Operator::Gte, &["many"])), "work_profile.requirements[0].values"),
        (with(requirement("a", Operator::In, &[&"x".repeat(65)])), "work_profile.requirements[0].values[0]"),
        (wish(0, Some(exists("a"))), "work_profile.preferences[0].weight"),
        (wish(1, None), "work_profile.preferences[0].requirement"),
        (wish(1, Some(exists(""))), "work_profile.preferences[0].requirement.feature"),
    ];
    for (profile, field) in cases {
        assert_eq!(refused(client.put_work_profile(put(profile)).await), invalid(&[field]));
    }
    let mut unknown = good();
    unknown.requirements[0].operator = 99;
    let answer = client.put_work_profile(put(unknown)).await;
    assert_eq!(refused(answer), invalid(&["work_profile.requirements[0].operator"]));
    let answer = client.put_work_profile(PutWorkProfileRequest::default()).await;
    assert_eq!(refused(answer), invalid(&["request_id", "work_profile", "work_profile.id"]));
    let answer = client.delete_work_profile(DeleteWorkProfileRequest::default()).await;
    assert_eq!(refused(answer), invalid(&["request_id", "id"]));
    let answer = client.get_work_profile(GetWorkProfileRequest::default()).await;
    assert_eq!(refused(answer), invalid(&["id"]));
    let listed = client.list_work_profiles(ListWorkProfilesRequest::default()).await.unwrap().into_inner();
    assert!(listed.work_profiles.is_empty());
}
