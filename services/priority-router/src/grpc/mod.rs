//! The contract: parse, decide or read, answer. Each area has its file, named after the resource.

mod agents;
mod contacts;
mod parse;
mod queue_stats;
mod service_list;
mod watch_assignments;
mod watch_contact;

use segue_proto::router::v1::{priority_router_service_server::PriorityRouterService, *};
use segue_runtime::{Refusal, Stop, StreamEnd, access::Owner};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::{
    decider::{Desks, Router},
    domain::{Contact, ContactId},
    store,
};

/// The service, as the server library wants it.
#[derive(Debug)]
pub(crate) struct Service {
    pub router: Router,
    pub desks: Desks,
    pub stream_end: StreamEnd,
    pub stop: Stop,
}

/// To whom a contact belongs: the agent that it is with or meant for, and its platform. It is asked for as it is now: an agent may be
/// told of an offer at one replica, and take it at another.
pub(crate) async fn owner_of_contact(router: Router, id: String) -> Result<Option<Owner>, Refusal> {
    let Ok(id) = id.parse::<ContactId>() else { return Ok(None) };
    let open = router.look(move |state| state.contact(id)).await?;
    if let Some(view) = open {
        return Ok(Some(owner(&view.contact)));
    }
    let stored = router.database.read(async |conn| store::contacts::get(conn, id).await).await?;
    Ok(stored.map(|stored| owner(&stored.contact)))
}

fn owner(contact: &Contact) -> Owner {
    let named = contact.named.as_ref().map(|named| named.agent.to_string());
    let agents = contact.agent().map(ToString::to_string).into_iter().chain(named).collect();
    Owner { agents, platforms: vec![contact.queue.platform.to_string()] }
}

macro_rules! answers {
    ($($method:ident: $request:ident -> $response:ident by $handler:path;)*) => {
        #[tonic::async_trait]
        impl PriorityRouterService for Service {
            $(
                async fn $method(&self, request: Request<$request>) -> Result<Response<$response>, Status> {
                    Ok(Response::new($handler(&self.router, request.into_inner()).await?))
                }
            )*

            type WatchAssignmentsStream = ReceiverStream<Result<WatchAssignmentsResponse, Status>>;

            async fn watch_assignments(
                &self,
                request: Request<WatchAssignmentsRequest>,
            ) -> Result<Response<Self::WatchAssignmentsStream>, Status> {
                let stream = watch_assignments::open(self, request.into_inner()).await?;
                Ok(Response::new(stream))
            }

            type WatchContactStream = ReceiverStream<Result<WatchContactResponse, Status>>;

            async fn watch_contact(
                &self,
                request: Request<WatchContactRequest>,
            ) -> Result<Response<Self::WatchContactStream>, Status> {
                let stream = watch_contact::open(self, request.into_inner()).await?;
                Ok(Response::new(stream))
            }
        }
    };
}

answers! {
    put_agent: PutAgentRequest -> PutAgentResponse by agents::put;
    delete_agent: DeleteAgentRequest -> DeleteAgentResponse by agents::delete;
    get_agent: GetAgentRequest -> GetAgentResponse by agents::get;
    list_agents: ListAgentsRequest -> ListAgentsResponse by agents::list;
    set_presence: SetPresenceRequest -> SetPresenceResponse by agents::set_presence;
    submit_contact: SubmitContactRequest -> SubmitContactResponse by contacts::submit;
    get_contact: GetContactRequest -> GetContactResponse by contacts::get;
    get_session_contact: GetSessionContactRequest -> GetSessionContactResponse by contacts::of_session;
    list_contacts: ListContactsRequest -> ListContactsResponse by contacts::list;
    accept_contact: AcceptContactRequest -> AcceptContactResponse by contacts::accept;
    decline_contact: DeclineContactRequest -> DeclineContactResponse by contacts::decline;
    complete_contact: CompleteContactRequest -> CompleteContactResponse by contacts::complete;
    abandon_contact: AbandonContactRequest -> AbandonContactResponse by contacts::abandon;
    set_contact_priority: SetContactPriorityRequest -> SetContactPriorityResponse by contacts::set_priority;
    transfer_contact: TransferContactRequest -> TransferContactResponse by contacts::transfer;
    list_contact_events: ListContactEventsRequest -> ListContactEventsResponse by contacts::list_events;
    finish_wrap_up: FinishWrapUpRequest -> FinishWrapUpResponse by agents::finish_wrap_up;
    acknowledge_assignments: AcknowledgeAssignmentsRequest -> AcknowledgeAssignmentsResponse
        by watch_assignments::acknowledge;
    get_queue_stats: GetQueueStatsRequest -> GetQueueStatsResponse by queue_stats::get;
    put_service_list_entry: PutServiceListEntryRequest -> PutServiceListEntryResponse by service_list::put;
    admit_handoff: AdmitHandoffRequest -> AdmitHandoffResponse by service_list::admit;
    release_service_list_entry: ReleaseServiceListEntryRequest -> ReleaseServiceListEntryResponse
        by service_list::release;
    list_service_list: ListServiceListRequest -> ListServiceListResponse by service_list::list;
}
