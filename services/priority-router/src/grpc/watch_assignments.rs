//! A desk's stream. Each message carries a token to go on with; the database is the only memory, so the token works on
//! every replica.

use segue_proto::router::v1::{AssignmentChange, WatchAssignmentsRequest, WatchAssignmentsResponse};
use segue_runtime::{Fields, Refusal, page};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::{Service, wire};
use crate::{
    domain::{Contact, State},
    error::{agent_not_found, invalid_resume_token},
    routing::Router,
    store::{agents, contacts, events},
};

/// Messages made ahead of a reader; a slow one costs no more memory than this.
const AHEAD: usize = 16;
/// Events read at a time.
const BATCH: i64 = 32;
/// How soon other replicas' commits are seen.
const POLL: std::time::Duration = std::time::Duration::from_millis(500);
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
    let agent = fields.number("agent", &request.agent);
    fields.finish()?;
    let scope = format!("WatchAssignments|{agent}");
    let start = read_token(&scope, &request.resume_token)?;
    let (messages, stream) = mpsc::channel(AHEAD);
    let desk = Desk { router: service.router.clone(), agent, scope, messages };
    let last_seq = desk.last_seq().await?;
    if matches!(start, StartAt::After(seq) if seq > last_seq) {
        return Err(invalid_resume_token());
    }
    let stream_end = service.stream_end.clone();
    tokio::spawn(async move {
        let messages = desk.messages.clone();
        tokio::select! {
            end = desk.run(start, last_seq) => if let End::Refused(refusal) = end {
                drop(messages.send(Err(refusal.into())).await);
            },
            status = stream_end.due() => drop(messages.send(Err(status)).await),
            () = messages.closed() => {}
        }
    });
    Ok(ReceiverStream::new(stream))
}

fn read_token(scope: &str, token: &str) -> Result<StartAt, Refusal> {
    if token.is_empty() {
        return Ok(StartAt::OpenContacts);
    }
    let after = page::decode(scope, token).ok_or_else(invalid_resume_token)?;
    if after == FROM_THE_START {
        return Ok(StartAt::OpenContacts);
    }
    after.parse().map(StartAt::After).map_err(|_| invalid_resume_token())
}

impl Desk {
    async fn run(self, start: StartAt, last_seq: i64) -> End {
        match self.follow(start, last_seq).await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn follow(&self, start: StartAt, last_seq: i64) -> Result<std::convert::Infallible, End> {
        let mut changes = self.router.database.changes();
        let mut seq = match start {
            StartAt::OpenContacts => self.send_open_contacts().await?,
            StartAt::After(seq) => seq,
        };
        loop {
            seq = self.send_events(seq, last_seq).await?;
            changes.wait(POLL).await;
        }
    }

    /// Sends what the agent has, and then the token to go on after that.
    async fn send_open_contacts(&self) -> Result<i64, End> {
        // The number first: what happens in between is sent again as an event rather than missed.
        let seq = self.last_seq().await?;
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
                events::after(&mut conn, &self.agent, seq, BATCH).await.map_err(Refusal::from)?
            };
            let has_gap = found.first().map_or(seq < least, |first| first.seq != seq + 1);
            if has_gap {
                // What came in between is forgotten by now; what is open tells the desk where things stand.
                seq = self.send_open_contacts().await?;
                continue;
            }
            let is_all = i64::try_from(found.len()).unwrap_or(BATCH) < BATCH;
            for event in found {
                let change = i32::try_from(event.change).unwrap_or_default();
                let change = AssignmentChange::try_from(change).unwrap_or_default();
                self.send(Some((event.contact, change)), &event.seq.to_string()).await?;
                seq = event.seq;
            }
            if is_all {
                return Ok(seq);
            }
        }
    }

    async fn last_seq(&self) -> Result<i64, Refusal> {
        let mut conn = self.router.database.read().await?;
        let agent = agents::get(&mut conn, &self.agent, self.router.clock.now_ms()).await?;
        agent.map(|agent| agent.last_seq).ok_or_else(|| agent_not_found("agent", &self.agent))
    }

    async fn send(&self, what: Option<(Contact, AssignmentChange)>, after: &str) -> Result<(), End> {
        let message = WatchAssignmentsResponse {
            assignment: what.map(|(contact, change)| wire::assignment(contact, change)),
            resume_token: page::encode(&self.scope, after),
        };
        self.messages.send(Ok(message)).await.map_err(|_| End::Gone)
    }
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
