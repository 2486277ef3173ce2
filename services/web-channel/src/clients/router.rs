use segue_proto::router::v1::{
    AbandonContactRequest, AcceptContactRequest, Agent, CompleteContactRequest, Contact,
    DeclineContactRequest, GetContactRequest, ListContactsRequest, SetPresenceRequest, SubmitContactRequest,
    WatchAssignmentsRequest, WatchAssignmentsResponse,
};
use tonic::{Status, Streaming};

use super::Clients;

impl Clients {
    /// Puts a customer in line.
    pub(crate) async fn submit_contact(&self, request: SubmitContactRequest) -> Result<Contact, Status> {
        Ok(self.router.clone().submit_contact(request).await?.into_inner().contact.unwrap_or_default())
    }

    /// A contact; none if the answer has none.
    pub(crate) async fn contact(&self, id: &str) -> Result<Option<Contact>, Status> {
        let request = GetContactRequest { id: id.to_owned() };
        Ok(self.router.clone().get_contact(request).await?.into_inner().contact)
    }

    /// Contacts of an agent, the newest first.
    pub(crate) async fn contacts_of(&self, agent: &str, most: i32) -> Result<Vec<Contact>, Status> {
        let request = ListContactsRequest {
            page_size: most,
            agent: agent.to_owned(),
            ..ListContactsRequest::default()
        };
        Ok(self.router.clone().list_contacts(request).await?.into_inner().contacts)
    }

    /// Has an agent accept a contact.
    pub(crate) async fn accept_contact(&self, request: AcceptContactRequest) -> Result<(), Status> {
        self.router.clone().accept_contact(request).await.map(drop)
    }

    /// Has an agent decline a contact.
    pub(crate) async fn decline_contact(&self, request: DeclineContactRequest) -> Result<(), Status> {
        self.router.clone().decline_contact(request).await.map(drop)
    }

    /// Has an agent finish a contact.
    pub(crate) async fn complete_contact(&self, request: CompleteContactRequest) -> Result<Contact, Status> {
        Ok(self.router.clone().complete_contact(request).await?.into_inner().contact.unwrap_or_default())
    }

    /// Has a customer give a contact up.
    pub(crate) async fn abandon_contact(&self, request: AbandonContactRequest) -> Result<(), Status> {
        self.router.clone().abandon_contact(request).await.map(drop)
    }

    /// Sets an agent's presence.
    pub(crate) async fn set_presence(&self, request: SetPresenceRequest) -> Result<Agent, Status> {
        Ok(self.router.clone().set_presence(request).await?.into_inner().agent.unwrap_or_default())
    }

    /// Watches an agent's assignments.
    pub(crate) async fn watch_assignments(
        &self,
        request: WatchAssignmentsRequest,
    ) -> Result<Streaming<WatchAssignmentsResponse>, Status> {
        Ok(self.router_streams.clone().watch_assignments(request).await?.into_inner())
    }
}
