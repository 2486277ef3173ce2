use segue_proto::{
    common::v1::ErrorReason,
    router::v1::{
        AbandonContactRequest, AdmitHandoffRequest, Agent, Contact, GetAgentRequest,
        GetSessionContactRequest, PutServiceListEntryRequest, ReleaseServiceListEntryRequest,
    },
};
use segue_runtime::{peer, reason_of};
use tonic::{Code, Status};

use super::Clients;
use crate::{domain::handoff::Conversation, errors};

const NAME: &str = "priority-router";

impl Clients {
    /// An agent.
    pub(crate) async fn agent(&self, id: &str) -> Result<Agent, Status> {
        let request = GetAgentRequest { id: id.to_owned() };
        match self.router.clone().get_agent(request).await {
            Ok(answer) => Ok(answer.into_inner().agent.ok_or_else(|| peer::unavailable(NAME))?),
            Err(status) if status.code() == Code::NotFound => Err(errors::agent_not_found(id).into()),
            Err(status) => Err(peer::relay(status, NAME, &[])),
        }
    }

    /// What the router knows of a conversation; none for one that it has never seen.
    pub(crate) async fn session_contact(&self, source: &Conversation) -> Result<Option<Contact>, Status> {
        let Conversation { platform, session } = source.clone();
        let request = GetSessionContactRequest { platform, session };
        match self.router.clone().get_session_contact(request).await {
            Ok(answer) => Ok(answer.into_inner().contact),
            Err(status) if reason_of(&status) == Some(ErrorReason::ContactNotFound) => Ok(None),
            Err(status) => Err(peer::relay(status, NAME, &[])),
        }
    }

    /// Records a handoff in the service list.
    pub(crate) async fn put_entry(&self, request: PutServiceListEntryRequest) -> Result<(), Status> {
        self.router.clone().put_service_list_entry(request).await.map(drop)
    }

    /// Releases a handoff's entry of the service list.
    pub(crate) async fn release_entry(&self, handoff: &str) -> Result<(), Status> {
        let request = ReleaseServiceListEntryRequest { handoff_id: handoff.to_owned() };
        self.router.clone().release_service_list_entry(request).await.map(drop)
    }

    /// Has the customer of a handoff admitted.
    pub(crate) async fn admit(&self, request: AdmitHandoffRequest) -> Result<Contact, Status> {
        let answer = self.router.clone().admit_handoff(request).await?.into_inner();
        Ok(answer.contact.ok_or_else(|| peer::unavailable(NAME))?)
    }

    /// Ends a contact.
    pub(crate) async fn abandon(&self, request: AbandonContactRequest) -> Result<(), Status> {
        self.router.clone().abandon_contact(request).await.map(drop)
    }
}
