//! A desk's stream. Each message carries a token to go on with; the database is the only memory, so the token works on
//! every replica. While it is open it is the agent's lease (`routing::desks`).

use std::time::Duration;

use segue_proto::router::v1::{
    AcknowledgeAssignmentsRequest, AcknowledgeAssignmentsResponse, AssignmentChange, WatchAssignmentsRequest,
    WatchAssignmentsResponse,
};
use segue_runtime::{Fields, Refusal, StreamEnd, page};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::{
    Service,
    news::{Listener, Topic},
    wire,
};
use crate::{
    domain::{Agent, Contact, Presence, PresenceReason, State},
    error::{agent_not_found, invalid_resume_token},
    routing::{Acknowledge, Router},
    store::{agents, contacts, events},
};

/// Messages made ahead of a reader; a slow one costs no more memory than this.
const AHEAD: usize = 16;
/// Events read at a time.
const BATCH: i64 = 32;
/// How soon an event is seen of which no news came.
const POLL: Duration = Duration::from_secs(30);
/// A token that starts with the open contacts again: a stream cut among them must not go on after them.
const FROM_THE_START: &str = "start";

type Sender = mpsc::Sender<Result<WatchAssignmentsResponse, Status>>;

/// Where a stream goes on.
#[derive(Debug, Clone, Copy)]
enum StartAt {
    OpenContacts,
    After(i64),
}

struct Desk {
    router: Router,
    agent: String,
    scope: String,
    messages: Sender,
    news: Listener,
    /// What the desk was told last.
    presence: Option<(Presence, PresenceReason)>,
}

/// Why a stream ends before its time.
enum End {
    /// Nobody reads it any more.
    Gone,
    Refused(Refusal),
}

pub(super) async fn open(
    service: &Service,
    request: WatchAssignmentsRequest,
) -> Result<ReceiverStream<Result<WatchAssignmentsResponse, Status>>, Refusal> {
    let mut fields = Fields::new();
    let id = fields.number("agent", &request.agent);
    fields.finish()?;
    let scope = scope(&id);
    let agent = find(&service.router, &id).await?;
    let start = match read_token(&scope, &request.resume_token, agent.last_seq)? {
        None if request.after_acknowledged && agent.acknowledged_seq > 0 => {
            StartAt::After(agent.acknowledged_seq)
        }
        None => StartAt::OpenContacts,
        Some(start) => start,
    };
    let lease = service.desks.connect(&id).await?;
    let (messages, stream) = mpsc::channel(AHEAD);
    let news = service.news.listen(Topic::Agent(id.clone()));
    let desk = Desk { router: service.router.clone(), agent: id, scope, messages, news, presence: None };
    let (stream_end, desks, stop) = (service.stream_end.clone(), service.desks.clone(), service.stop.clone());
    tokio::spawn(async move {
        let messages = desk.messages.clone();
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
    let id = fields.number("agent", &request.agent);
    fields.require(!request.resume_token.is_empty(), "resume_token", "must be given");
    fields.finish()?;
    let agent = find(router, &id).await?;
    let seq = match read_token(&scope(&id), &request.resume_token, agent.last_seq)? {
        Some(StartAt::After(seq)) => seq,
        // Among the open contacts no event is dealt with yet.
        Some(StartAt::OpenContacts) | None => 0,
    };
    let left = router.decide(Acknowledge { agent: id, seq }).await?;
    Ok(AcknowledgeAssignmentsResponse { unacknowledged_events: i32::try_from(left).unwrap_or(i32::MAX) })
}

async fn find(router: &Router, id: &str) -> Result<Agent, Refusal> {
    let mut conn = router.database.read().await?;
    agents::get(&mut conn, id).await?.ok_or_else(|| agent_not_found("agent", id))
}

fn scope(agent: &str) -> String {
    format!("WatchAssignments|{agent}")
}

/// None for an empty token.
fn read_token(scope: &str, token: &str, last_seq: i64) -> Result<Option<StartAt>, Refusal> {
    if token.is_empty() {
        return Ok(None);
    }
    let after = page::decode(scope, token).ok_or_else(invalid_resume_token)?;
    if after == FROM_THE_START {
        return Ok(Some(StartAt::OpenContacts));
    }
    let seq = after.parse().ok().filter(|seq| (0..=last_seq).contains(seq));
    seq.map(|seq| Some(StartAt::After(seq))).ok_or_else(invalid_resume_token)
}

impl Desk {
    async fn run(mut self, start: StartAt, last_seq: i64) -> End {
        match self.follow(start, last_seq).await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn follow(&mut self, start: StartAt, last_seq: i64) -> Result<std::convert::Infallible, End> {
        let agent = find(&self.router, &self.agent).await?;
        self.presence = Some((agent.presence, agent.presence_reason));
        let mut seq = match start {
            StartAt::OpenContacts => self.send_open_contacts().await?,
            StartAt::After(seq) => seq,
        };
        loop {
            seq = self.send_events(seq, last_seq).await?;
            self.news.wait(POLL).await;
            self.send_presence(seq).await?;
        }
    }

    /// Sends the agent's presence, if it has changed.
    async fn send_presence(&mut self, seq: i64) -> Result<(), End> {
        let agent = find(&self.router, &self.agent).await?;
        let presence = Some((agent.presence, agent.presence_reason));
        if self.presence == presence {
            return Ok(());
        }
        self.presence = presence;
        self.send(None, &seq.to_string()).await
    }

    /// Sends what the agent has, and then the token to go on after that.
    async fn send_open_contacts(&self) -> Result<i64, End> {
        // The number first: what happens in between is sent again as an event rather than missed.
        let seq = find(&self.router, &self.agent).await?.last_seq;
        let open = {
            let mut conn = self.router.database.read().await.map_err(Refusal::from)?;
            contacts::open_of(&mut conn, &self.agent).await.map_err(Refusal::from)?
        };
        for contact in open {
            let change = match contact.state {
                State::Offered => AssignmentChange::Offered,
                _ => AssignmentChange::Assigned,
            };
            self.send(Some((contact, change)), FROM_THE_START).await?;
        }
        self.send(None, &seq.to_string()).await?;
        Ok(seq)
    }

    /// Sends what came after an event, when it's known that there were events up to `least`.
    async fn send_events(&self, mut seq: i64, least: i64) -> Result<i64, End> {
        loop {
            let found = {
                let mut conn = self.router.database.read().await.map_err(Refusal::from)?;
                events::of_agent(&mut conn, &self.agent, seq, BATCH).await.map_err(Refusal::from)?
            };
            let is_all = i64::try_from(found.len()).unwrap_or(BATCH) < BATCH;
            let has_gap = found.iter().zip(seq + 1..).any(|(event, expected)| event.seq != expected)
                || (found.is_empty() && seq < least);
            if has_gap {
                // What came in between is forgotten by now; what is open tells the desk where things stand.
                return self.send_open_contacts().await;
            }
            for event in found {
                seq = event.seq;
                let Some(change) = event.kind.change() else { continue };
                let change = AssignmentChange::try_from(change as i32).unwrap_or_default();
                self.send(Some((event.contact, change)), &seq.to_string()).await?;
            }
            if is_all {
                return Ok(seq);
            }
        }
    }

    async fn send(&self, what: Option<(Contact, AssignmentChange)>, after: &str) -> Result<(), End> {
        let message = WatchAssignmentsResponse {
            assignment: what.map(|(contact, change)| wire::assignment(contact, change)),
            resume_token: page::encode(&self.scope, after),
            presence: self.presence.map_or(0, |(presence, _)| wire::small(presence.code())),
            presence_reason: self.presence.map_or(0, |(_, reason)| wire::small(reason.code())),
        };
        self.messages.send(Ok(message)).await.map_err(|_| End::Gone)
    }
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
