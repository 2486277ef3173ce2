//! Agents who are deleted.

use segue_proto::{
    common::v1::ErrorReason as Reason,
    router::v1::{
        AgentPolicy, AssignmentChange as Change, ContactState as State, DeleteAgentRequest, GetAgentRequest,
        ListAgentsRequest, Presence, PutAgentRequest,
    },
};
use segue_testkit::{refused, request_id};
use tonic::Code;

use crate::{
    streams::{caught_up, event, watch},
    world::{World, request},
};

segue_testkit::on_every_engine!(crate::engines::on =>
    an_agent_whom_nothing_needs_is_deleted,
    who_has_the_number_next_begins_anew_in_the_same_turn,
    who_has_the_number_next_is_told_its_own_events,
    an_agent_with_a_contact_is_not_deleted,
    an_agent_whom_a_handoff_names_is_not_deleted,
    a_deletion_names_an_agent,
);

const CHAT_AND_VIDEO: &[(&str, i32)] = &[("chat", 33), ("video", 100)];

async fn is_in_use(world: &World, agent: &str) {
    let refusal = refused(world.try_delete_agent(agent).await);
    assert_eq!((refusal.code, refusal.reason), (Code::FailedPrecondition, Reason::AgentInUse));
    assert_eq!(refusal.fields, ["id"]);
    assert_eq!(world.get_agent(agent).await.id, agent);
}

async fn is_gone(world: &World, agent: &str) {
    let read = world.rpc().get_agent(GetAgentRequest { id: agent.to_owned() }).await;
    assert_eq!(refused(read).reason, Reason::AgentNotFound);
    let refusal = refused(world.try_delete_agent(agent).await);
    assert_eq!((refusal.code, refusal.reason), (Code::NotFound, Reason::AgentNotFound));
    assert_eq!(refusal.fields, ["id"]);
}

async fn an_agent_whom_nothing_needs_is_deleted(world: World) {
    let mut agent = world.agent("a1", &["claims"], CHAT_AND_VIDEO).await;
    agent.platforms[0].wrap_up_seconds = 60;
    let put = PutAgentRequest { request_id: request_id(), agent: Some(agent) };
    world.rpc().put_agent(put).await.unwrap();
    world.put_agent("a2", &[], CHAT_AND_VIDEO).await;
    let over = world.assigned(request("chat", "s1")).await;
    world.complete(&over.id, "a1").await;
    assert_eq!(world.get_agent("a1").await.wrap_up_units, 33);
    // Signed in, and with notes to write: neither needs it.
    world.try_delete_agent("a1").await.unwrap();
    is_gone(&world, "a1").await;
    let listed = world.rpc().list_agents(ListAgentsRequest::default()).await.unwrap().into_inner().agents;
    assert_eq!(listed.iter().map(|agent| agent.id.as_str()).collect::<Vec<_>>(), ["a2"]);
    assert_eq!(world.submit(request("chat", "s2")).await.state(), State::Queued);
    assert_eq!(world.contact(&over.id).await.agent, "a1", "what it has done is history");
    // Who has the number next begins anew.
    let next = world.put_agent("a1", &[], CHAT_AND_VIDEO).await;
    assert_eq!((next.presence(), next.used_units), (Presence::Offline, 0));
    assert!(next.skills.is_empty());
}

/// What the agent before was told is not for who has the number next, and the streams of the one before end.
async fn who_has_the_number_next_is_told_its_own_events(world: World) {
    world.agent("a1", &[], CHAT_AND_VIDEO).await;
    let over = world.assigned(request("chat", "s1")).await;
    world.complete(&over.id, "a1").await;
    let mut before = watch(&world, "a1", "").await;
    caught_up(&mut before).await;
    world.try_delete_agent("a1").await.unwrap();
    let ended = tokio::time::timeout(segue_testkit::WAIT, before.message()).await.unwrap();
    assert_eq!(refused(ended).reason, Reason::AgentNotFound);
    world.agent("a1", &[], CHAT_AND_VIDEO).await;
    let mut desk = watch(&world, "a1", "").await;
    caught_up(&mut desk).await;
    let own = world.submit(request("chat", "s2")).await;
    let (change, id, ..) = event(&mut desk).await;
    assert_eq!((change, id), (Change::Offered, own.id));
}

/// The same when the last contact, the deletion and who is put next come in one turn: all are asked at once.
async fn who_has_the_number_next_begins_anew_in_the_same_turn(world: World) {
    const TIMES: usize = 20;
    for number in 0..TIMES {
        let agent = world.agent("a1", &[], CHAT_AND_VIDEO).await;
        let contact = world.assigned(request("chat", &format!("s{number}"))).await;
        let put = PutAgentRequest { request_id: request_id(), agent: Some(agent) };
        let mut rpc = world.rpc();
        let (completed, deleted, put) = tokio::join!(
            world.try_complete(&contact.id, "a1"),
            world.try_delete_agent("a1"),
            rpc.put_agent(put)
        );
        put.unwrap();
        drop((completed, deleted));
        if world.contact(&contact.id).await.state() != State::Completed {
            world.complete(&contact.id, "a1").await;
        }
        // The deletion may have come last, and then it is gone.
        drop(world.try_delete_agent("a1").await);
        is_gone(&world, "a1").await;
    }
    world.agent("a1", &[], CHAT_AND_VIDEO).await;
    let mut desk = watch(&world, "a1", "").await;
    caught_up(&mut desk).await;
    let own = world.submit(request("chat", "own")).await;
    let (change, id, ..) = event(&mut desk).await;
    assert_eq!((change, id), (Change::Offered, own.id));
}

async fn an_agent_with_a_contact_is_not_deleted(world: World) {
    world.agent("a1", &[], CHAT_AND_VIDEO).await;
    let contact = world.submit(request("chat", "s1")).await;
    assert_eq!(contact.state(), State::Offered);
    is_in_use(&world, "a1").await;
    world.accept(&contact.id, "a1").await;
    is_in_use(&world, "a1").await;
    world.set_presence("a1", Presence::Offline).await;
    is_in_use(&world, "a1").await;
    assert_eq!(world.contact(&contact.id).await.state(), State::Assigned, "nothing has changed");
    world.complete(&contact.id, "a1").await;
    world.try_delete_agent("a1").await.unwrap();
    is_gone(&world, "a1").await;
}

async fn an_agent_whom_a_handoff_names_is_not_deleted(world: World) {
    world.agent("a1", &[], CHAT_AND_VIDEO).await;
    let mut entry = world.entry("h1", "a1", "unknown");
    entry.agent_policy = AgentPolicy::SameAgentOnly.into();
    world.put_entry(entry).await;
    world.put_entry(world.entry("h2", "a1", "unknown")).await;
    world.set_presence("a1", Presence::Offline).await;
    is_in_use(&world, "a1").await;
    world.release("h2").await;
    is_in_use(&world, "a1").await;
    // The code is entered: the customer waits for this agent.
    let waiting = world.admit("h1").await;
    assert_eq!((waiting.state(), waiting.agent.as_str()), (State::Queued, "a1"));
    is_in_use(&world, "a1").await;
    world.abandon(&waiting.id).await;
    world.try_delete_agent("a1").await.unwrap();
    is_gone(&world, "a1").await;
}

async fn a_deletion_names_an_agent(world: World) {
    let refusal = refused(world.rpc().delete_agent(DeleteAgentRequest::default()).await);
    assert_eq!((refusal.code, refusal.reason), (Code::InvalidArgument, Reason::InvalidField));
    assert_eq!(refusal.fields, ["request_id", "id"]);
    is_gone(&world, "nobody").await;
}
