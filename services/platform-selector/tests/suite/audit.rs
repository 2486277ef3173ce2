//! Each write leaves its record, each repetition and each refusal by the service none that says that something was done.

use segue_proto::{
    audit::v1::{AuditRecord, ListAuditRecordsRequest},
    common::v1::ErrorReason,
    selector::v1::{
        ApproveAdapterChangeRequest, DeleteFeatureDefinitionRequest, DeletePlatformRequest,
        DeleteWorkProfileRequest, FeatureDefinition, FeatureKind, ForgetCustomerRequest,
        ImportAccountsRequest, Platform, PutFeatureDefinitionRequest, PutWorkProfileRequest,
        UnlinkAccountRequest, UpdatePlatformRequest, WorkProfile,
    },
};
use segue_testkit::{refused, request_id, wait_for_some};
use tokio_stream::iter;

use crate::harness::{Selector, create, customer, identities, invalid, link, platform};

const PHONE: &str = "+8613800138000";

segue_testkit::on_every_engine!(crate::harness::with_selector => every_write_is_recorded, bad_input);

async fn every_write_is_recorded(mut selector: Selector) {
    let account = writes(&mut selector).await;
    let records = records(&selector, 12).await;
    let account = format!("account/app/{account}");
    let expected = [
        ("PutFeatureDefinition", "feature/video", "-+"),
        ("CreatePlatform", "platform/app", "-+"),
        ("UpdatePlatform", "platform/app", "++"),
        ("PutWorkProfile", "work_profile/claims", "-+"),
        ("LinkAccount", &account, "-+"),
        ("UnlinkAccount", &account, "--"),
        ("ImportAccounts", "import/nightly", "-+"),
        ("ForgetCustomer", "customer", "+-"),
        ("DeleteWorkProfile", "work_profile/claims", "+-"),
        ("DeletePlatform", "platform/app", "+-"),
        ("DeleteFeatureDefinition", "feature/video", "+-"),
    ];
    let seen: Vec<(&str, &str, String)> = records
        .iter()
        // Rows that came late are committed before the end.
        .filter(|record| record.outcome == "OK" && !record.new_value.contains("begun"))
        .map(|record| {
            let values = [&record.old_value, &record.new_value];
            let values = values.map(|value| if value.is_empty() { '-' } else { '+' });
            (record.method.as_str(), record.resource.as_str(), values.iter().collect())
        })
        .collect();
    let expected = expected.map(|(method, resource, values)| (method, resource, values.to_owned()));
    assert_eq!(seen, expected);
    let update = &records[2];
    assert!(update.old_value.contains(r#""rank":0"#) || !update.old_value.contains("rank"), "{update:?}");
    assert!(update.new_value.contains(r#""rank":7"#), "{update:?}");
    assert!(records.iter().all(|record| record.outcome != "OK"
        || !record.request_id.is_empty()
        || record.method == "ImportAccounts"));
    let refused: Vec<&AuditRecord> = records.iter().filter(|record| record.outcome != "OK").collect();
    assert_eq!((refused.len(), refused[0].outcome.as_str()), (1, "PLATFORM_EXISTS"));
    assert!(!format!("{records:?}").contains("13800138000"), "no account information");
}

/// Each write once, one of them again, and one that is refused.
async fn writes(selector: &mut Selector) -> String {
    let client = &mut selector.client;
    let definition = FeatureDefinition {
        name: "video".to_owned(),
        kind: FeatureKind::Present.into(),
        ..FeatureDefinition::default()
    };
    let put = PutFeatureDefinitionRequest { request_id: request_id(), feature_definition: Some(definition) };
    client.put_feature_definition(put).await.unwrap();
    let made = create(platform("app", &["video"]));
    client.create_platform(made.clone()).await.unwrap();
    client.create_platform(made).await.unwrap();
    let exists = client.create_platform(create(platform("app", &[]))).await;
    assert_eq!(refused(exists).reason, ErrorReason::PlatformExists);
    let update = UpdatePlatformRequest {
        request_id: request_id(),
        platform: Some(Platform { id: "app".to_owned(), rank: 7, ..Platform::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["rank".to_owned()] }),
    };
    client.update_platform(update).await.unwrap();
    let profile = WorkProfile { id: "claims".to_owned(), ..WorkProfile::default() };
    let put = PutWorkProfileRequest {
        request_id: request_id(),
        work_profile: Some(profile),
        expected_version: None,
    };
    client.put_work_profile(put).await.unwrap();
    let linked = client.link_account(link("app", "a", &[("phone", PHONE)])).await.unwrap().into_inner();
    let (platform, account) = ("app".to_owned(), "a".to_owned());
    let unlink = UnlinkAccountRequest { request_id: request_id(), platform, account };
    client.unlink_account(unlink).await.unwrap();
    import(selector).await;
    let client = &mut selector.client;
    let forget = ForgetCustomerRequest {
        request_id: request_id(),
        customer: customer(&[("phone", PHONE)]),
        ..ForgetCustomerRequest::default()
    };
    client.forget_customer(forget).await.unwrap();
    let delete = DeleteWorkProfileRequest { request_id: request_id(), id: "claims".to_owned() };
    client.delete_work_profile(delete).await.unwrap();
    let delete = DeletePlatformRequest { request_id: request_id(), id: "app".to_owned() };
    client.delete_platform(delete).await.unwrap();
    let delete = DeleteFeatureDefinitionRequest { request_id: request_id(), name: "video".to_owned() };
    client.delete_feature_definition(delete).await.unwrap();
    linked.account
}

async fn import(selector: &mut Selector) {
    let row = ImportAccountsRequest {
        import_id: "nightly".to_owned(),
        line: 1,
        platform: "app".to_owned(),
        account: "b".to_owned(),
        identities: identities(&[("phone", PHONE)]),
        ..ImportAccountsRequest::default()
    };
    let mut answers = selector.client.import_accounts(iter([row])).await.unwrap().into_inner();
    while answers.message().await.unwrap().is_some() {}
}

async fn records(selector: &Selector, least: usize) -> Vec<AuditRecord> {
    wait_for_some("the records", async || {
        let request = ListAuditRecordsRequest::default();
        let found = selector.log.clone().list_audit_records(request).await.unwrap().into_inner().records;
        (found.len() >= least).then_some(found)
    })
    .await
}

async fn bad_input(selector: Selector) {
    let mut log = selector.log.clone();
    let asked = ListAuditRecordsRequest {
        page_size: -1,
        after_sequence: -1,
        subject: "x".repeat(513),
        ..ListAuditRecordsRequest::default()
    };
    let refusal = refused(log.list_audit_records(asked).await);
    assert_eq!(refusal, invalid(&["page_size", "after_sequence", "subject"]));
    let asked =
        ListAuditRecordsRequest { page_token: "nonsense".to_owned(), ..ListAuditRecordsRequest::default() };
    let refusal = refused(log.list_audit_records(asked).await);
    assert_eq!(refusal.reason, ErrorReason::InvalidPageToken);
    let approve = ApproveAdapterChangeRequest { request_id: "x".to_owned(), ..Default::default() };
    let refusal = refused(selector.client.clone().approve_adapter_change(approve).await);
    assert_eq!(refusal, invalid(&["request_id", "platform"]));
}
