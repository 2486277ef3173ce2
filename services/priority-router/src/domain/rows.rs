//! What is stored of the open state. The same types, with numbers in place of names, are what the state keeps in memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{ContactId, ContactState, Name, Presence, PresenceReason, Priority, ReplicaId, StreamId};

/// What an agent can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abilities {
    /// What people call it.
    pub display_name: Name,
    /// Attention that the agent has.
    pub capacity_units: i64,
    /// Its skills, in the form in which they are compared.
    pub skills: BTreeSet<Name>,
    /// The platforms that it serves.
    pub platforms: BTreeMap<Name, Served>,
}

/// How an agent serves a platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// Units that a contact on it takes.
    pub cost_units: i64,
    /// For how long they stay taken after it.
    pub wrap_up_seconds: i64,
}

/// An agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent<Q = QueueName> {
    /// What it can do.
    pub abilities: Arc<Abilities>,
    /// Whether it takes contacts.
    pub presence: Presence,
    /// Why.
    pub presence_reason: PresenceReason,
    /// When that was set, if it ever was.
    pub presence_at: Option<i64>,
    /// Its desk's streams.
    pub desk: Desk,
    /// While it is absent and its contacts are kept for it.
    pub gone: Option<Gone>,
    /// The queue that it is kept for.
    pub kept_for: Option<Q>,
    /// Offers in a row that it did not answer.
    pub missed_offers: i64,
    /// The turn in which it was last given work or freed of it: the smallest has been idle the longest.
    pub idle_turn: i64,
    /// Its last event.
    pub last_seq: i64,
    /// The last one that its desk acknowledged; 0 for none.
    pub acknowledged_seq: i64,
}

/// Whether an agent's desk is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Desk {
    /// It has no stream, and is not watched.
    Unwatched,
    /// It has a stream open.
    Connected,
    /// Its last stream has ended; it may come back until then.
    Leased {
        /// When the lease ends.
        until: i64,
    },
}

/// An absent agent whose contacts are kept for it until the grace is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gone {
    /// Since when.
    pub since: i64,
    /// Why.
    pub why: Absence,
}

/// Why an agent is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Absence {
    /// Its desk was lost; with it the presence to come back to.
    DeskLost {
        /// What it was.
        before: Presence,
    },
    /// It signed out.
    SignedOut,
}

/// What an agent must have to take a contact: the platform and all skills.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct QueueName {
    /// The platform.
    pub platform: Name,
    /// The skills.
    pub skills: BTreeSet<Name>,
}

/// A contact as far as routing decides by it; its texts stay in its row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact<A = Name, Q = QueueName> {
    /// Where it stands.
    pub stage: Stage<A>,
    /// Its class.
    pub class: Priority,
    /// What its agent must have.
    pub queue: Q,
    /// The conversation on the platform.
    pub session: Name,
    /// The agent whose it is before all others.
    pub named: Option<Named<A>>,
    /// The handoff that brought it.
    pub handoff: Option<Name>,
    /// The turn in which it arrived.
    pub arrival: i64,
    /// When it was submitted or admitted.
    pub created_at: i64,
    /// When it changed last.
    pub updated_at: i64,
    /// When the waiting ended, if it has.
    pub waited_until: Option<i64>,
    /// When an agent had it first.
    pub answered_at: Option<i64>,
    /// For how long it may wait for an agent.
    pub ttl_ms: i64,
    /// When that time is over.
    pub expires_at: i64,
    /// Its last event.
    pub last_seq: i64,
}

/// Where a contact stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage<A = Name> {
    /// It waits for an agent.
    Waiting,
    /// It is offered to an agent who has not answered yet.
    Offered {
        /// The agent.
        agent: A,
        /// What it takes of the agent.
        units: i64,
        /// Until when the agent may answer.
        until: i64,
    },
    /// It is with an agent.
    Assigned {
        /// The agent.
        agent: A,
        /// What it takes of the agent.
        units: i64,
    },
    /// It is over, and with it its part in the state: only a row tells of it.
    Over {
        /// How it ended.
        ending: Ending,
        /// With whom it was, or for whom it waited.
        agent: Option<A>,
    },
}

/// How a contact ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// Finished by the agent.
    Completed,
    /// Given up by the customer.
    Abandoned,
    /// Went on as a handoff on another platform.
    HandedOff,
    /// Waited for longer than it may.
    Expired,
}

/// The agent whose a contact is before all others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named<A = Name> {
    /// The agent.
    pub agent: A,
    /// Whether others may take it.
    pub others: Others,
    /// Whether the agent asked for it, and so need not be asked.
    pub asked: bool,
}

/// Whether others than the named agent may take a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Others {
    /// They may, since this time.
    Since(i64),
    /// They may from this time on.
    From(i64),
    /// They may not.
    Never,
}

/// A row of the customer-service list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryRow {
    /// Its code can be entered.
    Live(Entry),
    /// The customer came.
    Admitted {
        /// The contact.
        contact: ContactId,
        /// When.
        at: i64,
    },
    /// It ended without the customer. Without a live entry before, the row is a tombstone.
    Released {
        /// When.
        at: i64,
    },
}

/// A handoff whose code can be entered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts the code's reissues.
    pub generation: i64,
    /// The agent who asked for the handoff.
    pub agent: Name,
    /// The platform that the customer comes from.
    pub source_platform: Name,
    /// The conversation there.
    pub source_session: Name,
    /// The contact there, the last time that one was seen.
    pub source: Option<ContactId>,
    /// The skills that it asked for.
    pub source_skills: Option<BTreeSet<Name>>,
    /// The platform that the customer goes to.
    pub target_platform: Name,
    /// Units that the contact will take there.
    pub cost_units: i64,
    /// What is held of the agent.
    pub hold: Option<Hold>,
    /// Whether no other agent may take over.
    pub same_agent_only: bool,
    /// Until when the code can be entered.
    pub expires_at: i64,
    /// What admits to it.
    pub codes: Vec<CodeHash>,
}

/// Units of an agent that are held for a handoff.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// How many.
    pub units: i64,
    /// Until when.
    pub until: i64,
}

/// The keyed hash of a code's face.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CodeHash(pub Name);

/// Units that stay taken after a contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrapUp<A = Name> {
    /// Whose.
    pub agent: A,
    /// How many.
    pub units: i64,
    /// Until when.
    pub until: i64,
}

/// A desk's stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream<A = Name> {
    /// Whose desk.
    pub agent: A,
    /// The replica that has it open.
    pub replica: ReplicaId,
}

/// A row after a change; none where it was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Row {
    /// Of agents, with skills and platforms.
    Agent(Name, Option<Agent>),
    /// Of contacts.
    Contact(ContactId, Contact),
    /// Of the customer-service list, with the hashes of its codes.
    Entry(Name, EntryRow),
    /// Of back-offs: until when an agent is not offered a contact again.
    BackOff(ContactId, Name, Option<i64>),
    /// Of wrap-ups, by the contact.
    WrapUp(ContactId, Option<WrapUp>),
    /// Of desks' streams.
    Stream(StreamId, Option<Stream>),
    /// Of replicas: until when it is alive.
    Replica(ReplicaId, Option<i64>),
}

/// Rows, and the lock row that they were written under.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows {
    /// The number of the last decision.
    pub turn: i64,
    /// Its time.
    pub now_ms: i64,
    /// The rows; the later of two for the same key is the one that counts.
    pub rows: Vec<Row>,
}

impl fmt::Debug for CodeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeHash")
    }
}

impl<A> Stage<A> {
    /// The agent that the contact is with or offered to, and what it takes of it.
    pub fn holder(&self) -> Option<(&A, i64)> {
        match self {
            Self::Offered { agent, units, .. } | Self::Assigned { agent, units } => Some((agent, *units)),
            Self::Waiting | Self::Over { .. } => None,
        }
    }

    pub(super) fn map<B>(self, mut to: impl FnMut(A) -> B) -> Stage<B> {
        match self {
            Self::Waiting => Stage::Waiting,
            Self::Offered { agent, units, until } => Stage::Offered { agent: to(agent), units, until },
            Self::Assigned { agent, units } => Stage::Assigned { agent: to(agent), units },
            Self::Over { ending, agent } => Stage::Over { ending, agent: agent.map(to) },
        }
    }
}

impl<A, Q> Contact<A, Q> {
    /// With whom it is, to whom it is offered, or for whom it waits.
    pub fn agent(&self) -> Option<&A> {
        match &self.stage {
            Stage::Waiting => self.named.as_ref().map(|named| &named.agent),
            Stage::Offered { agent, .. } | Stage::Assigned { agent, .. } => Some(agent),
            Stage::Over { agent, .. } => agent.as_ref(),
        }
    }

    /// Where it stands, without who has it.
    pub fn state(&self) -> ContactState {
        match &self.stage {
            Stage::Waiting => ContactState::Queued,
            Stage::Offered { .. } => ContactState::Offered,
            Stage::Assigned { .. } => ContactState::Assigned,
            Stage::Over { ending, .. } => ending.state(),
        }
    }

    /// Whether it came with a code.
    pub fn is_handoff(&self) -> bool {
        self.class == Priority::Handoff
    }

    /// Whether any agent may take it.
    pub fn is_open(&self) -> bool {
        self.named.as_ref().is_none_or(|named| matches!(named.others, Others::Since(_)))
    }

    pub(super) fn map<B, R>(
        self,
        mut agent: impl FnMut(A) -> B,
        queue: impl FnOnce(Q) -> R,
    ) -> Contact<B, R> {
        Contact {
            stage: self.stage.map(&mut agent),
            class: self.class,
            queue: queue(self.queue),
            session: self.session,
            named: self.named.map(|named| Named {
                agent: agent(named.agent),
                others: named.others,
                asked: named.asked,
            }),
            handoff: self.handoff,
            arrival: self.arrival,
            created_at: self.created_at,
            updated_at: self.updated_at,
            waited_until: self.waited_until,
            answered_at: self.answered_at,
            ttl_ms: self.ttl_ms,
            expires_at: self.expires_at,
            last_seq: self.last_seq,
        }
    }
}

impl<Q> Agent<Q> {
    pub(super) fn map<R>(self, queue: impl FnOnce(Q) -> R) -> Agent<R> {
        Agent {
            abilities: self.abilities,
            presence: self.presence,
            presence_reason: self.presence_reason,
            presence_at: self.presence_at,
            desk: self.desk,
            gone: self.gone,
            kept_for: self.kept_for.map(queue),
            missed_offers: self.missed_offers,
            idle_turn: self.idle_turn,
            last_seq: self.last_seq,
            acknowledged_seq: self.acknowledged_seq,
        }
    }
}
