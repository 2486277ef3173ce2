//! What people's own files and programs make of a request: other line ends, other spellings, numbers without a country.

use segue_proto::{
    common::v1::{Customer, ErrorReason, Identity, Session},
    issuer::v1::CreateHandoffRequest,
    router::v1::WatchAssignmentsRequest,
};
use segue_testkit::{Storage, refused};
use segue_tests::Fixture;
use tonic_types::StatusExt as _;

use crate::replicas::Replicas;

/// The demo customer's number as people in China write it.
fn by_national_number(session: &str) -> CreateHandoffRequest {
    let mut request = Fixture::handoff(session);
    let phone = request.customer.as_ref().unwrap().identities[0].value.clone();
    let national = phone.strip_prefix("+86").expect("a number in China").to_owned();
    request.customer = Some(Customer {
        identities: vec![Identity { kind: "phone".to_owned(), value: national, unverified: false }],
    });
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_without_its_country_is_one_of_the_default_region() {
    let system = Replicas::start(Storage::SqliteMemory, &[("SEGUE_DEFAULT_REGION", "CN")]).await;
    let issued = system.fixture.create(by_national_number("call-1")).await;
    let with_country = system.fixture.create(Fixture::handoff("call-2")).await;
    let account = |issued: segue_proto::issuer::v1::CreateHandoffResponse| {
        issued.handoff.unwrap().target.unwrap().account
    };
    let bound = account(issued);
    assert!(!bound.is_empty());
    assert_eq!(bound, account(with_country));
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_default_region_it_is_refused_with_a_hint() {
    let system = Replicas::start(Storage::SqliteMemory, &[]).await;
    let request = by_national_number("call-1");
    let number = request.customer.as_ref().unwrap().identities[0].value.clone();
    let status = system.first().create_handoff(request).await.unwrap_err();
    let violations = status.get_error_details().bad_request().unwrap().field_violations.clone();
    assert_eq!(violations[0].field, "customer.identities[0].value");
    assert!(violations[0].description.contains("default-region"), "{violations:?}");
    assert!(!format!("{status:?}").contains(&number), "the number is not repeated");
    let mut odd = Fixture::handoff("call-2");
    odd.customer.as_mut().unwrap().identities[0].value = "call me".to_owned();
    let refusal = refused(system.first().create_handoff(odd).await);
    assert_eq!(
        (refusal.reason, refusal.fields),
        (ErrorReason::InvalidField, vec!["customer.identities[0].value".to_owned()])
    );
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_ends_of_windows_are_line_feeds_for_the_agent() {
    let system = Replicas::start(Storage::SqliteMemory, &[]).await;
    let mut request = Fixture::handoff("call-1");
    let work = request.remaining_work.as_mut().unwrap();
    work.summary = "upload the invoice\r\nand the receipt".to_owned();
    work.conversation_summary = "one\r\ntwo\rthree".to_owned();
    work.context.insert("done".to_owned(), "identity\r\nchecked".to_owned());
    let issued = system.fixture.create(request).await;
    // A code as it's copied from a message with such line ends.
    let message = issued.access_info.unwrap().message.replace('\n', "\r\n");
    let redeemed =
        system.first().redeem_code(Fixture::redemption(&message, "app-1")).await.unwrap().into_inner();
    let watch = WatchAssignmentsRequest { agent: redeemed.agent, ..Default::default() };
    let mut desk = system.fixture.clients.router.clone().watch_assignments(watch).await.unwrap().into_inner();
    let work = loop {
        let event = desk.message().await.unwrap().expect("the stream goes on");
        let assignment = event.assignment.unwrap_or_default();
        if assignment.contact.is_some_and(|contact| contact.id == redeemed.contact_id) {
            break assignment.remaining_work.unwrap();
        }
    };
    assert_eq!(work.summary, "upload the invoice\nand the receipt");
    assert_eq!(work.conversation_summary, "one\ntwo\nthree");
    assert_eq!(work.context["done"], "identity\nchecked");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_id_is_the_same_in_all_spellings() {
    let system = Replicas::start(Storage::SqliteMemory, &[]).await;
    let request = Fixture::handoff("call-1");
    let first = system.fixture.create(request.clone()).await;
    let capitals = request.request_id.to_uppercase();
    let bare = request.request_id.replace('-', "");
    for request_id in [capitals.clone(), bare, format!("{{{capitals}}}")] {
        let again = system.fixture.create(CreateHandoffRequest { request_id, ..request.clone() }).await;
        assert_eq!(again.handoff.as_ref().unwrap().id, first.handoff.as_ref().unwrap().id);
    }
    let other = CreateHandoffRequest {
        request_id: capitals,
        source: Some(Session { platform: "hotline".to_owned(), session: "call-2".to_owned() }),
        ..request
    };
    assert_eq!(refused(system.first().create_handoff(other).await).reason, ErrorReason::RequestIdReused);
    system.stop().await;
}
