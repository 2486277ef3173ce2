//! One open contact for each conversation. A second submission is answered with the first. A customer who comes back in a new
//! conversation goes on with the open contact, by the platform's word, and stays with its agent.

use super::{
    Answer, ContactId, EventKind, Held, Named, Priority, Stage, State, Submit,
    names::{AgentId, Name, PlatformId, QueueId},
    turn::Turn,
};

/// A contact that is to be queued.
pub(super) struct NewContact {
    pub id: ContactId,
    pub class: Priority,
    pub queue: QueueId,
    pub session: Name,
    pub named: Option<Named<AgentId>>,
    pub handoff: Option<Name>,
    pub ttl_ms: i64,
}

impl State {
    /// The open contact of a conversation. Rows of before this rule may have several: the oldest counts.
    pub(super) fn open_in(&self, platform: &str, session: &Name) -> Option<ContactId> {
        let platform = PlatformId(self.platforms.find(platform)?);
        let all =
            (platform, session.clone(), ContactId(0))..=(platform, session.clone(), ContactId(u128::MAX));
        self.sessions.range(all).next().map(|(.., id)| *id)
    }
}

impl State {
    /// The open contact of a conversation, for callers.
    pub fn open_contact(&self, platform: &str, session: &str) -> Option<ContactId> {
        self.open_in(platform, &session.into())
    }
}

impl Turn<'_> {
    pub fn submit(&mut self, submit: &Submit) -> Answer {
        if let Some(id) = self.state.open_in(&submit.platform, &submit.session) {
            return Answer::Contact(id);
        }
        if let Some(id) = submit.rejoins.filter(|id| self.is_open_on(*id, &submit.platform)) {
            self.rejoin(id, &submit.session);
            return Answer::Contact(id);
        }
        let queue = self.state.queue(&submit.platform, &submit.skills);
        self.enqueue(NewContact {
            id: self.given.id,
            class: submit.class,
            queue,
            session: submit.session.clone(),
            named: None,
            handoff: None,
            ttl_ms: submit.ttl_ms.unwrap_or(self.state.rules.contact_ttl_ms),
        });
        Answer::Contact(self.given.id)
    }

    fn is_open_on(&self, id: ContactId, platform: &str) -> bool {
        let platform = self.state.platforms.find(platform).map(PlatformId);
        self.state.queue_of(id).is_some_and(|queue| Some(queue.platform) == platform)
    }

    fn rejoin(&mut self, id: ContactId, session: &Name) {
        let Some(before) = self.state.contacts.get(&id).cloned() else { return };
        let holder = before.stage.holder().map(|(agent, _)| *agent);
        if let Some(agent) = holder {
            self.source_moves(&before, agent, session);
        }
        let after = Held { session: session.clone(), ..before };
        self.record(id, after, EventKind::Rejoined, holder);
    }

    /// Puts a new contact into the line.
    pub fn enqueue(&mut self, new: NewContact) {
        let contact = Held {
            stage: Stage::Waiting,
            class: new.class,
            queue: new.queue,
            session: new.session,
            named: new.named,
            handoff: new.handoff,
            arrival: self.number,
            created_at: self.now,
            updated_at: self.now,
            waited_until: None,
            answered_at: None,
            ttl_ms: new.ttl_ms,
            expires_at: self.now.saturating_add(new.ttl_ms),
            last_seq: 0,
        };
        self.record(new.id, contact, EventKind::Queued, None);
        self.waits(new.id);
    }
}
