use segue_proto::router::v1::{Assignment, AssignmentChange, WatchAssignmentsResponse};
use segue_runtime::Refusal;
use segue_store::Conn;
use tokio::sync::mpsc;
use tonic::Status;

use super::{
    find,
    token::{self, StartAt},
};
use crate::{
    convert,
    decider::{Listener, News, Router},
    domain::{ContactState, Name, Presence, PresenceReason},
    errors::agent_not_found,
    store::{
        contacts,
        events::{self, Told},
    },
};

/// Events read at a time.
const BATCH: i64 = 32;

type Sender = mpsc::Sender<Result<WatchAssignmentsResponse, Status>>;

/// A stream and what it has sent.
pub(super) struct Desk {
    router: Router,
    agent: Name,
    messages: Sender,
    news: Listener,
    /// What the desk was told last.
    presence: Option<(Presence, PresenceReason)>,
    /// The last event that was sent, and its mark.
    sent: (i64, Option<String>),
}

/// Why a stream ends before its time.
pub(super) enum End {
    /// Nobody reads it any more.
    Gone,
    Refused(Refusal),
}

impl Desk {
    pub(super) fn new(router: Router, agent: Name, messages: Sender, news: Listener) -> Self {
        Self { router, agent, messages, news, presence: None, sent: (0, None) }
    }

    pub(super) async fn run(mut self, start: StartAt, last_seq: i64) -> End {
        match self.follow(start, last_seq).await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn follow(&mut self, start: StartAt, last_seq: i64) -> Result<std::convert::Infallible, End> {
        let agent = find(&self.router, &self.agent).await?.view.agent;
        self.presence = Some((agent.presence, agent.presence_reason));
        match start {
            StartAt::OpenContacts => self.send_open_contacts().await?,
            StartAt::After(seq) => {
                self.sent = (seq, token::event_mark(&self.router, &self.agent, seq).await?);
            }
        }
        self.send_events(last_seq).await?;
        loop {
            match self.news.next().await {
                News::Told(told) => self.send_told(&told).await?,
                News::Presence(presence, reason) => self.send_presence((presence, reason)).await?,
                News::Changed => self.send_events(0).await?,
                News::Gone => return Err(End::Refused(agent_not_found("agent", &self.agent))),
                News::Anew => self.start_anew().await?,
            }
        }
    }

    /// Sends an event of this replica. One that does not follow the last was overtaken by it, or those between are in the table.
    async fn send_told(&mut self, told: &Told) -> Result<(), End> {
        if told.seq <= self.sent.0 {
            return Ok(());
        }
        if told.seq == self.sent.0 + 1 {
            return self.send_event(told).await;
        }
        self.send_events(told.seq).await
    }

    /// Sends the agent's presence, if it has changed.
    async fn send_presence(&mut self, presence: (Presence, PresenceReason)) -> Result<(), End> {
        if self.presence.replace(presence) == Some(presence) {
            return Ok(());
        }
        self.send(None, self.token()).await
    }

    /// What was sent may be of a history that was lost, or something was missed.
    async fn start_anew(&mut self) -> Result<(), End> {
        let agent = find(&self.router, &self.agent).await?.view.agent;
        self.presence = Some((agent.presence, agent.presence_reason));
        self.send_open_contacts().await
    }

    /// Sends what the agent has, and then the token to go on after that.
    async fn send_open_contacts(&mut self) -> Result<(), End> {
        // The number first: what happens in between is sent again as an event rather than missed.
        let view = find(&self.router, &self.agent).await?.view;
        let seq = view.agent.last_seq;
        let mark = token::event_mark(&self.router, &self.agent, seq).await?;
        let open = async |conn: &mut Conn| contacts::of_ids(conn, view.contacts.into_iter()).await;
        let mut open = self.router.database.read(open).await.map_err(Refusal::from)?;
        open.sort_unstable_by_key(|stored| stored.id);
        for stored in open {
            let change = match stored.contact.state() {
                ContactState::Offered => AssignmentChange::Offered,
                ContactState::Assigned => AssignmentChange::Assigned,
                // It has ended since, which is sent as an event.
                _ => continue,
            };
            if stored.contact.agent() != Some(&self.agent) {
                continue;
            }
            let token = token::from_the_start(&self.agent);
            self.send(Some(convert::open(&stored, change)), token).await?;
        }
        self.sent = (seq, mark);
        self.send(None, self.token()).await
    }

    /// Sends what came after the last event, when it's known that there were events up to `least`.
    async fn send_events(&mut self, least: i64) -> Result<(), End> {
        loop {
            let after = self.sent.0;
            let found = async |conn: &mut Conn| events::of_agent(conn, &self.agent, after, BATCH).await;
            let found = self.router.database.read(found).await.map_err(Refusal::from)?;
            let is_all = i64::try_from(found.len()).unwrap_or(BATCH) < BATCH;
            let has_gap = found.iter().zip(after + 1..).any(|(told, expected)| told.seq != expected)
                || (found.is_empty() && after < least);
            if has_gap {
                // What came in between is forgotten by now; what is open tells the desk where things stand.
                return self.send_open_contacts().await;
            }
            for told in found {
                self.send_event(&told).await?;
            }
            if is_all {
                return Ok(());
            }
        }
    }

    async fn send_event(&mut self, told: &Told) -> Result<(), End> {
        self.sent = (told.seq, Some(token::mark(told.stored.id, told.at)));
        match convert::assignment(told, &self.agent) {
            Some(assignment) => self.send(Some(assignment), self.token()).await,
            None => Ok(()),
        }
    }

    fn token(&self) -> String {
        token::of_event(&self.agent, self.sent.0, self.sent.1.as_deref())
    }

    async fn send(&self, assignment: Option<Assignment>, resume_token: String) -> Result<(), End> {
        let message = WatchAssignmentsResponse {
            assignment,
            resume_token,
            presence: self.presence.map_or(0, |(presence, _)| convert::small(presence.code())),
            presence_reason: self.presence.map_or(0, |(_, reason)| convert::small(reason.code())),
        };
        self.messages.send(Ok(message)).await.map_err(|_| End::Gone)
    }
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
