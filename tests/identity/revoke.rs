//! What the services owe each other, they may do.

use segue_proto::{
    issuer::v1::RevokeHandoffRequest,
    router::v1::{ContactState, GetContactRequest},
};
use segue_testkit::{Storage, request_id, wait_for};
use segue_tests::{Fixture, Processes};

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_switch_ends_with_the_router_too() {
    let system = Processes::start_secured(Storage::SqliteFile, &[]).await;
    let fixture = Fixture::load_secured(&system).await;
    let issued = fixture.create(Fixture::handoff("call-1")).await;
    let id = issued.handoff.as_ref().unwrap().id.clone();
    let mut issuer = fixture.clients.issuer.clone();
    let redemption = Fixture::redemption(&Fixture::digits(&issued), "app-1");
    let contact = issuer.redeem_code(redemption).await.unwrap().into_inner().contact_id;
    issuer.revoke_handoff(RevokeHandoffRequest { request_id: request_id(), id }).await.unwrap();
    wait_for("the end of the contact", || async {
        let request = GetContactRequest { id: contact.clone() };
        let found = fixture.clients.router.clone().get_contact(request).await.unwrap().into_inner().contact;
        found.unwrap().state() == ContactState::Abandoned
    })
    .await;
    for service in segue_tests::SERVICES {
        assert!(!system.log(service).contains("CALLER_"), "{service} was refused by another");
    }
}
