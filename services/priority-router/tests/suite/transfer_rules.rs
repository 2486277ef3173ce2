//! What is refused of transfers, and that a transfer is done once.

use segue_proto::{
    common::v1::ErrorReason as Reason,
    router::v1::{
        Contact, ContactEventKind as Kind, ContactState as State, Presence, Priority, TransferContactRequest,
    },
};
use segue_testkit::{Refused, refused};
use tonic::Code;

use crate::{
    statistics::events,
    transfers::{to_agent, to_line, to_skills, transfer},
    world::{World, request},
};

segue_testkit::on_every_engine!(crate::engines::on =>
    fields_of_transfers_are_checked,
    only_who_has_a_contact_gives_it_away,
    an_agent_who_can_not_take_it_is_not_given_it,
    the_class_of_a_handoff_is_not_changed,
    a_transfer_is_done_once,
);

const CHAT: &[(&str, i32)] = &[("chat", 33)];
const CHAT_AND_VIDEO: &[(&str, i32)] = &[("chat", 33), ("video", 100)];

async fn refusal(world: &World, request: TransferContactRequest) -> Refused {
    refused(world.try_transfer(request).await)
}

/// A contact that is with `a1`.
async fn with_a1(world: &World) -> Contact {
    world.agent("a1", &[], CHAT).await;
    world.assigned(request("chat", "s1")).await
}

async fn fields_of_transfers_are_checked(world: World) {
    let none = refusal(&world, TransferContactRequest::default()).await;
    assert_eq!((none.code, none.reason), (Code::InvalidArgument, Reason::InvalidField));
    assert_eq!(none.fields, ["request_id", "id", "to", "reason"]);
    let contact = world.submit(request("chat", "s1")).await;
    let wrong = TransferContactRequest {
        agent: "no spaces".to_owned(),
        priority: Priority::Handoff.into(),
        reason: "x".repeat(257),
        ..transfer(&contact, "", to_agent("neither here"))
    };
    assert_eq!(refusal(&world, wrong).await.fields, ["agent", "to_agent", "priority", "reason"]);
    let skills = transfer(&contact, "", to_skills(&["claims", ""]));
    assert_eq!(refusal(&world, skills).await.fields, ["to_skills.skills[1]"]);
    let skills = transfer(&contact, "", to_skills(&["s"; 17]));
    assert_eq!(refusal(&world, skills).await.fields, ["to_skills.skills"]);
    let unknown = TransferContactRequest { priority: 9, ..transfer(&contact, "", to_line()) };
    assert_eq!(refusal(&world, unknown).await.fields, ["priority"]);
    assert_eq!(world.contact(&contact.id).await, contact);
}

async fn only_who_has_a_contact_gives_it_away(world: World) {
    let contact = with_a1(&world).await;
    world.agent("a2", &[], CHAT).await;
    let foreign = refusal(&world, transfer(&contact, "a2", to_line())).await;
    assert_eq!((foreign.code, foreign.reason), (Code::PermissionDenied, Reason::ContactNotYours));
    assert_eq!(foreign.fields, ["agent"]);
    let offered = world.submit(request("chat", "s2")).await;
    assert_eq!(offered.state(), State::Offered);
    let state = Reason::ContactState;
    let ringing = refusal(&world, transfer(&offered, &offered.agent, to_line())).await;
    assert_eq!(ringing.reason, state, "it is not taken yet");
    let waiting = world.submit(request("voice", "s3")).await;
    assert_eq!(refusal(&world, transfer(&waiting, "a1", to_line())).await.reason, state);
    assert_eq!(world.contact(&contact.id).await, contact);
    world.complete(&contact.id, "a1").await;
    for agent in ["a1", ""] {
        let over = refusal(&world, transfer(&contact, agent, to_line())).await;
        assert_eq!((over.code, over.reason), (Code::FailedPrecondition, state));
    }
    let nobodys = Contact { id: "contact_of_nobody".to_owned(), ..contact };
    for agent in ["a1", ""] {
        let none = refusal(&world, transfer(&nobodys, agent, to_line())).await;
        assert_eq!((none.code, none.reason), (Code::NotFound, Reason::ContactNotFound));
    }
}

async fn an_agent_who_can_not_take_it_is_not_given_it(world: World) {
    let contact = with_a1(&world).await;
    world.put_agent("offline", &[], CHAT).await;
    world.agent("elsewhere", &[], &[("voice", 100)]).await;
    for (by, to) in [("a1", "offline"), ("a1", "elsewhere"), ("a1", "a1"), ("", "a1"), ("", "offline")] {
        let unavailable = refusal(&world, transfer(&contact, by, to_agent(to))).await;
        assert_eq!(
            (unavailable.code, unavailable.reason),
            (Code::FailedPrecondition, Reason::AgentUnavailable)
        );
        assert_eq!(unavailable.fields, ["to_agent"], "{by:?} to {to}");
    }
    let nobody = refusal(&world, transfer(&contact, "a1", to_agent("nobody"))).await;
    assert_eq!((nobody.code, nobody.reason), (Code::NotFound, Reason::AgentNotFound));
    assert_eq!(nobody.fields, ["to_agent"]);
    assert_eq!(world.contact(&contact.id).await, contact, "nothing has changed");
    assert_eq!(events(&world, &contact.id, 0).await.len(), 3);
    // Who is away is there: it is asked.
    world.put_agent("away", &[], CHAT).await;
    world.set_presence("away", Presence::Away).await;
    let given = world.transfer(transfer(&contact, "a1", to_agent("away"))).await;
    assert_eq!((given.state(), given.agent.as_str()), (State::Offered, "away"));
    world.accept(&contact.id, "away").await;
}

async fn the_class_of_a_handoff_is_not_changed(world: World) {
    world.agent("a1", &[], CHAT_AND_VIDEO).await;
    world.put_entry(world.entry("h1", "a1", "unknown")).await;
    let handoff = world.admit("h1").await;
    world.agent("a2", &[], CHAT_AND_VIDEO).await;
    for agent in ["a1", ""] {
        let raised = TransferContactRequest {
            priority: Priority::Urgent.into(),
            ..transfer(&handoff, agent, to_agent("a2"))
        };
        let fixed = refusal(&world, raised).await;
        assert_eq!((fixed.code, fixed.reason), (Code::FailedPrecondition, Reason::ContactIsHandoff));
        assert_eq!(fixed.fields, ["id"]);
    }
    assert_eq!(world.contact(&handoff.id).await, handoff);
}

async fn a_transfer_is_done_once(world: World) {
    let contact = with_a1(&world).await;
    world.agent("a2", &[], CHAT).await;
    let given = transfer(&contact, "a1", to_agent("a2"));
    let first = world.transfer(given.clone()).await;
    world.accept(&contact.id, "a2").await;
    let again = world.replica().await.transfer(given.clone()).await;
    assert_eq!(first, again, "the same answer, whatever has happened since");
    assert_eq!(world.contact(&contact.id).await.agent, "a2");
    for other in [
        TransferContactRequest { reason: "another".to_owned(), ..given.clone() },
        TransferContactRequest { to: Some(to_line()), ..given.clone() },
    ] {
        let reused = refusal(&world, other).await;
        assert_eq!((reused.reason, reused.fields), (Reason::RequestIdReused, vec!["request_id".to_owned()]));
    }
    let log = events(&world, &contact.id, 0).await;
    assert_eq!(log.iter().filter(|event| event.kind() == Kind::Transferred).count(), 1);
    // Back to the first agent, by a new request: who is asked for has no back-off.
    assert_eq!(world.transfer(transfer(&contact, "a2", to_agent("a1"))).await.agent, "a1");
}
