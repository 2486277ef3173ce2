//! A desk can't hand off another desk's conversations, as was seen: its code was shown to the other's customer, and whoever had the
//! code took that customer's place.

use segue_proto::{
    common::v1::{ErrorReason, Session},
    issuer::v1::CreateHandoffRequest,
    router::v1::{Presence, SetPresenceRequest, SubmitContactRequest},
};
use segue_testkit::{Storage, refused, request_id};
use segue_tests::{Clients, Fixture, Processes};

const WEST: &str = "A1001";
const EAST: &str = "A1002";

#[tokio::test(flavor = "multi_thread")]
async fn a_desk_hands_off_conversations_of_its_own_agents_only() {
    let system = Processes::start_secured(Storage::SqliteFile, &[("SEGUE_UNKNOWN_SESSIONS", "")]).await;
    let fixture = Fixture::load_secured(&system).await;
    let desk = |agent: &str| Clients::secured(&system, &format!("spiffe://segue.local/desk/{agent}"));
    let (west, east) = (desk(WEST), desk(EAST));
    let contact = SubmitContactRequest {
        request_id: request_id(),
        platform: "web_chat".to_owned(),
        session: "wests".to_owned(),
        ..SubmitContactRequest::default()
    };
    fixture.clients.router.clone().submit_contact(contact).await.unwrap();
    fixture.take_contact("web_chat", "wests").await;
    let presence = SetPresenceRequest {
        request_id: request_id(),
        agent: EAST.to_owned(),
        presence: Presence::Available.into(),
        ..Default::default()
    };
    east.router.clone().set_presence(presence).await.unwrap();
    let handoff = |agent: &str, session: &str| CreateHandoffRequest {
        agent: agent.to_owned(),
        source: Some(Session { platform: "web_chat".to_owned(), session: session.to_owned() }),
        ..Fixture::handoff(session)
    };
    for session in ["wests", "never-seen"] {
        let refusal = refused(east.issuer.clone().create_handoff(handoff(EAST, session)).await);
        assert_eq!(refusal.reason, ErrorReason::SessionNotOfAgent, "{session}");
    }
    let as_west = refused(east.issuer.clone().create_handoff(handoff(WEST, "wests")).await);
    assert_eq!(as_west.reason, ErrorReason::CallerNotOwner);
    west.issuer.clone().create_handoff(handoff(WEST, "wests")).await.unwrap();
}
