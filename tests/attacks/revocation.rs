//! 18.8: a platform that had nothing to do with a handoff spent the request id by which its revocation would end the contact; the router
//! refused to end it 221 times in 16 minutes, while the thief was with the agent.

use segue_core::canonical_uuid;
use segue_proto::{
    issuer::v1::{GetHandoffRequest, HandoffState, RevokeHandoffRequest},
    router::v1::{ContactState, GetContactRequest, SubmitContactRequest},
};
use segue_testkit::{Storage, request_id, wait_for};
use segue_tests::{Clients, Fixture, Processes};

segue_testkit::on_durable_engines!(nobody_keeps_a_revocation_from_its_end);

async fn nobody_keeps_a_revocation_from_its_end(storage: Storage) {
    let system = Processes::start_secured(storage, &[]).await;
    let fixture = Fixture::load_secured(&system).await;
    let rogue = Clients::secured(&system, "spiffe://segue.local/platform/rogue").router;
    let issued = fixture.create(Fixture::handoff("call-1")).await;
    let id = issued.handoff.as_ref().unwrap().id.clone();
    // The id that a handoff's own id has in it, and which others can read.
    let named = canonical_uuid(id.rsplit('_').next().unwrap()).unwrap();
    let spent = SubmitContactRequest {
        request_id: named,
        platform: "rogue".to_owned(),
        session: "elsewhere".to_owned(),
        ..SubmitContactRequest::default()
    };
    rogue.clone().submit_contact(spent).await.unwrap();
    let mut issuer = fixture.clients.issuer.clone();
    let thief = Fixture::redemption(&Fixture::digits(&issued), "app-1");
    let contact = issuer.redeem_code(thief).await.unwrap().into_inner().contact_id;
    issuer.revoke_handoff(RevokeHandoffRequest { request_id: request_id(), id: id.clone() }).await.unwrap();
    wait_for("the end of the contact", async || {
        let request = GetContactRequest { id: contact.clone() };
        let found = fixture.clients.router.clone().get_contact(request).await.unwrap().into_inner().contact;
        found.unwrap().state() == ContactState::Abandoned
    })
    .await;
    let handoff = issuer.get_handoff(GetHandoffRequest { id }).await.unwrap().into_inner().handoff.unwrap();
    assert_eq!((handoff.state(), handoff.failure.as_str()), (HandoffState::Revoked, ""));
    let refused = system.metrics("code-issuer").await.sum("segue_owed_calls_refused_total", &[]);
    assert!(refused < 0.5, "{refused} owed calls were refused");
}
