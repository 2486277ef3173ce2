//! A read of the router, and contacts: submitted, accepted, completed.

use std::sync::Arc;

use segue_proto::router::v1::{
    AcceptContactRequest, CompleteContactRequest, Contact, GetAgentRequest, SubmitContactRequest,
};
use segue_testkit::request_id;
use tonic::Status;

use crate::system::{SOURCE, System};

/// Reads one agent.
pub async fn read(system: Arc<System>, caller: usize) -> Result<(), Status> {
    let request = GetAgentRequest { id: system.agent_for(caller) };
    system.clients(caller).router.get_agent(request).await.map(drop)
}

/// A contact, from its submission to its completion by the agent that it is offered to.
pub async fn whole(system: Arc<System>, caller: usize) -> Result<(), Status> {
    whole_on(system, caller, SOURCE).await
}

/// The same among the agents of a platform.
pub async fn whole_on(system: Arc<System>, caller: usize, platform: &str) -> Result<(), Status> {
    let contact = begin(&system, caller, platform, &format!("session-{}", system.number())).await?;
    complete(&system, caller, contact.id, contact.agent).await
}

/// A contact that an agent has accepted.
pub async fn begin(system: &System, caller: usize, platform: &str, session: &str) -> Result<Contact, Status> {
    let contact = submit(system, caller, platform, session).await?;
    if contact.agent.is_empty() {
        return Err(Status::unavailable("no agent is free: there are too few for this load"));
    }
    accept(system, caller, contact.id.clone(), contact.agent.clone()).await?;
    Ok(contact)
}

pub async fn submit(
    system: &System,
    caller: usize,
    platform: &str,
    session: &str,
) -> Result<Contact, Status> {
    let request = SubmitContactRequest {
        request_id: request_id(),
        platform: platform.to_owned(),
        session: session.to_owned(),
        ..Default::default()
    };
    let submitted = system.clients(caller).router.submit_contact(request).await?;
    submitted.into_inner().contact.ok_or_else(|| Status::internal("no contact in the answer"))
}

pub async fn accept(system: &System, caller: usize, id: String, agent: String) -> Result<(), Status> {
    let request = AcceptContactRequest { request_id: request_id(), id, agent };
    system.clients(caller).router.accept_contact(request).await.map(drop)
}

pub async fn complete(system: &System, caller: usize, id: String, agent: String) -> Result<(), Status> {
    let request = CompleteContactRequest { request_id: request_id(), id, agent };
    system.clients(caller).router.complete_contact(request).await.map(drop)
}
