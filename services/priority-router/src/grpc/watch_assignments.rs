//! A desk's stream. While it is open it is the agent's lease (`decider::desks`). What this replica decides comes from memory; what
//! others decided, and what a stream has missed, is read from the table of events.

mod desk;
mod token;

use segue_proto::router::v1::{
    AcknowledgeAssignmentsRequest, AcknowledgeAssignmentsResponse, WatchAssignmentsRequest,
    WatchAssignmentsResponse,
};
use segue_runtime::{Fields, Refusal, StreamEnd};
use segue_store::StoreError;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use self::{
    desk::{Desk, End},
    token::StartAt,
};
use super::Service;
use crate::{
    decider::{Answer, Command, Router, ShownAgent, Topic},
    domain::{self, Name},
    errors::agent_not_found,
};

/// Messages made ahead of a reader; a slow one costs no more memory than this.
const AHEAD: usize = 16;

pub(super) async fn open(
    service: &Service,
    request: WatchAssignmentsRequest,
) -> Result<ReceiverStream<Result<WatchAssignmentsResponse, Status>>, Refusal> {
    let mut fields = Fields::new();
    let id: Name = fields.number("agent", &request.agent).into();
    fields.finish()?;
    let router = service.router.clone();
    let agent = find(&router, &id).await?.view.agent;
    let start = match token::read(&router, &id, &request.resume_token, agent.last_seq).await? {
        None if request.after_acknowledged && agent.acknowledged_seq > 0 => {
            StartAt::After(agent.acknowledged_seq)
        }
        None => StartAt::OpenContacts,
        Some(start) => start,
    };
    let lease = service.desks.connect(&id).await?;
    let (messages, stream) = mpsc::channel(AHEAD);
    let news = router.notifier.listen(Topic::Agent(id.clone()));
    let desk = Desk::new(router, id, messages.clone(), news);
    let (stream_end, desks, stop) = (service.stream_end.clone(), service.desks.clone(), service.stop.clone());
    tokio::spawn(async move {
        tokio::select! {
            end = desk.run(start, agent.last_seq) => if let End::Refused(refusal) = end {
                drop(messages.send(Err(refusal.into())).await);
            },
            status = stream_end.due() => StreamEnd::tell(&messages, status).await,
            () = messages.closed() => {}
        }
        // A replica that stops leaves all its desks at once.
        if !stop.is_told() {
            desks.disconnect(lease).await;
        }
    });
    Ok(ReceiverStream::new(stream))
}

pub(super) async fn acknowledge(
    router: &Router,
    request: AcknowledgeAssignmentsRequest,
) -> Result<AcknowledgeAssignmentsResponse, Refusal> {
    let mut fields = Fields::new();
    let agent: Name = fields.number("agent", &request.agent).into();
    fields.require(!request.resume_token.is_empty(), "resume_token", "must be given");
    fields.finish()?;
    let last_seq = find(router, &agent).await?.view.agent.last_seq;
    let seq = match token::read(router, &agent, &request.resume_token, last_seq).await? {
        Some(StartAt::After(seq)) => seq,
        // Among the open contacts no event is dealt with yet.
        Some(StartAt::OpenContacts) | None => 0,
    };
    let acknowledge = domain::Command::Acknowledge { agent, seq };
    let Answer::Unacknowledged(left) = router.decide(Command::new(acknowledge)).await? else {
        return Err(StoreError::Failed.into());
    };
    Ok(AcknowledgeAssignmentsResponse { unacknowledged_events: i32::try_from(left).unwrap_or(i32::MAX) })
}

async fn find(router: &Router, id: &Name) -> Result<ShownAgent, Refusal> {
    router.agent(id).await?.ok_or_else(|| agent_not_found("agent", id))
}
