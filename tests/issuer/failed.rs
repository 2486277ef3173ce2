//! REDEEMED -> FAILED: the router won't admit the customer, so the old session stays open (I2).

use segue_proto::{
    common::v1::ErrorReason,
    issuer::v1::{GetHandoffRequest, HandoffState},
    router::v1::{ListContactsRequest, ReleaseServiceListEntryRequest},
};
use segue_testkit::{Storage, refused};
use segue_tests::{Fixture, InProcess};

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_admission_fails_the_handoff_and_closes_nothing() {
    let system = InProcess::start(Storage::SqliteFile).await;
    let fixture = Fixture::load(&system.addresses).await;
    let mut issuer = fixture.clients.issuer.clone();
    let issued = fixture.create(Fixture::handoff("call-1")).await;
    let id = issued.handoff.as_ref().unwrap().id.clone();
    // Somebody with access to the router ends the entry behind the issuer's back.
    let release = ReleaseServiceListEntryRequest { handoff_id: id.clone() };
    fixture.clients.router.clone().release_service_list_entry(release).await.unwrap();

    let redemption = Fixture::redemption(&Fixture::digits(&issued), "s");
    let answer = refused(issuer.redeem_code(redemption.clone()).await);
    assert_eq!(answer.reason, ErrorReason::AdmissionFailed);
    let again = refused(issuer.redeem_code(redemption).await);
    assert_eq!(again.reason, ErrorReason::AdmissionFailed, "the same request gets the same answer");

    let request = GetHandoffRequest { id };
    let handoff = issuer.get_handoff(request).await.unwrap().into_inner().handoff.unwrap();
    assert_eq!(handoff.state(), HandoffState::Failed);
    assert!(!handoff.failure.is_empty() && handoff.contact_id.is_empty());
    let contacts =
        fixture.clients.router.clone().list_contacts(ListContactsRequest::default()).await.unwrap();
    assert_eq!(contacts.into_inner().contacts, [], "nobody was admitted");
    system.stop().await;
}
