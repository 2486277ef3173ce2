//! What can be asked of the state, and what comes of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    Abilities, CodeHash, ContactId, ContactState, Ending, EventKind, Name, Presence, Priority, ReplicaId,
    Row, StreamId,
};

/// What is to be decided.
#[derive(Debug, Clone)]
pub enum Command {
    /// Creates or changes an agent; presence is kept.
    PutAgent {
        /// The agent.
        agent: Name,
        /// What it can do.
        abilities: Arc<Abilities>,
    },
    /// Forgets an agent whom nothing needs.
    DeleteAgent {
        /// The agent.
        agent: Name,
    },
    /// Signs an agent in or out.
    SetPresence {
        /// The agent.
        agent: Name,
        /// The new presence.
        presence: Presence,
        /// What becomes of its contacts, if it signs out.
        leaving: Leaving,
    },
    /// An agent has finished the notes on a contact.
    FinishWrapUp {
        /// The contact.
        contact: ContactId,
        /// The agent.
        agent: Name,
    },
    /// A desk has dealt with its events up to one.
    Acknowledge {
        /// The agent.
        agent: Name,
        /// The number of the event.
        seq: i64,
    },
    /// Queues a customer's request.
    Submit(Submit),
    /// Changes the class of a contact that waits or is offered.
    SetPriority {
        /// The contact.
        contact: ContactId,
        /// The new class.
        class: Priority,
    },
    /// An agent takes an offer.
    Accept {
        /// The contact.
        contact: ContactId,
        /// The agent.
        agent: Name,
    },
    /// An agent refuses an offer.
    Decline {
        /// The contact.
        contact: ContactId,
        /// The agent.
        agent: Name,
    },
    /// An agent has finished.
    Complete {
        /// The contact.
        contact: ContactId,
        /// The agent.
        agent: Name,
    },
    /// The customer has gone.
    Abandon {
        /// The contact.
        contact: ContactId,
    },
    /// A contact goes to another agent, to other skills or back to the line.
    Transfer {
        /// The contact.
        contact: ContactId,
        /// Who transfers it.
        by: By,
        /// Where it goes.
        to: To,
        /// Its new class, if it gets one.
        class: Option<Priority>,
    },
    /// Records a handoff under way, or the codes of a reissue.
    PutEntry(PutEntry),
    /// Admits the customer who entered the code.
    Admit {
        /// The handoff.
        handoff: Name,
        /// The keyed hash of what was entered.
        code: CodeHash,
        /// Where it was entered.
        platform: Name,
        /// The conversation there.
        session: Name,
    },
    /// Ends an entry without admission.
    Release {
        /// The handoff.
        handoff: Name,
    },
    /// A desk opens a stream.
    Connect {
        /// The replica.
        replica: ReplicaId,
        /// The stream.
        stream: StreamId,
        /// The agent.
        agent: Name,
    },
    /// A stream has ended.
    Disconnect {
        /// The stream.
        stream: StreamId,
    },
    /// A replica is alive, with the streams that it has open and those that it knows to have ended.
    Renew {
        /// The replica.
        replica: ReplicaId,
        /// For how long from now on it counts as alive.
        for_ms: i64,
        /// Those that it has open, and whose they are.
        streams: Vec<(StreamId, Name)>,
        /// Those that it knows to have ended.
        closed: Vec<StreamId>,
    },
    /// A replica stops in order.
    Leave {
        /// The replica.
        replica: ReplicaId,
    },
    /// What time has brought, at most so much of it.
    Due {
        /// So much.
        most: usize,
    },
}

/// A customer's request.
#[derive(Debug, Clone)]
pub struct Submit {
    /// The platform.
    pub platform: Name,
    /// The conversation there.
    pub session: Name,
    /// Skills that the agent must have, in the form in which they are compared.
    pub skills: BTreeSet<Name>,
    /// The class, not a handoff's.
    pub class: Priority,
    /// For how long it may wait; the setting's when none is given.
    pub ttl_ms: Option<i64>,
    /// The open contact of the same customer, by the platform's word.
    pub rejoins: Option<ContactId>,
}

/// A handoff under way.
#[derive(Debug, Clone)]
pub struct PutEntry {
    /// The handoff.
    pub handoff: Name,
    /// Counts the code's reissues.
    pub generation: i64,
    /// The agent who asked for it.
    pub agent: Name,
    /// The platform that the customer comes from.
    pub source_platform: Name,
    /// The conversation there.
    pub source_session: Name,
    /// The platform that the customer goes to.
    pub target_platform: Name,
    /// Units that the contact will take there, if the agent's record doesn't say.
    pub cost_units: i64,
    /// Whether no other agent may take over.
    pub same_agent_only: bool,
    /// Until when the code can be entered.
    pub expires_at: i64,
    /// What admits to it.
    pub codes: Vec<CodeHash>,
}

/// What becomes of the contacts of an agent who signs out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    /// They go on to others at once.
    AtOnce,
    /// They are kept for the reconnect grace, should the agent come back.
    AfterGrace,
}

/// Who transfers a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// The agent that it is with.
    Agent(Name),
    /// A supervisor: any contact.
    Supervisor,
}

/// Where a contact is transferred to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum To {
    /// An agent, before all others with the same skills.
    Agent(Name),
    /// Whoever has these skills.
    Skills(BTreeSet<Name>),
    /// Back to its place in the line.
    Line,
}

/// What is given to a decision from outside.
#[derive(Debug, Clone)]
pub struct Given {
    /// For the contact, if one is made.
    pub id: ContactId,
    /// What the tables say of what the state doesn't hold (`State::needs`).
    pub past: Past,
}

/// What the tables say of things that are over. Nothing changes about them any more.
#[derive(Debug, Clone, Default)]
pub struct Past {
    /// The contact that the command names.
    pub contact: Option<PastContact>,
    /// The entry that the command names.
    pub entry: Option<PastEntry>,
    /// The newest contact of the source's conversation that the agent had.
    pub source: Option<(ContactId, BTreeSet<Name>)>,
}

/// A contact that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastContact {
    /// How it ended.
    pub ending: Ending,
    /// With whom it was.
    pub agent: Option<Name>,
    /// Whether it came with a code.
    pub is_handoff: bool,
}

/// An entry that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastEntry {
    /// The contact of one that was admitted.
    pub contact: Option<ContactId>,
    /// Its target, when it has the code that was entered.
    pub admits_to: Option<Name>,
}

/// A row that is to be looked for among those that are over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// A contact.
    Contact(ContactId),
    /// An entry, and whether it has the code.
    Entry(Name, Option<CodeHash>),
    /// The newest contact of a conversation (platform, session) that an agent had.
    Source(Name, Name, Name),
}

/// What was decided.
#[derive(Debug, Clone)]
pub struct Decision {
    /// For the caller.
    pub answer: Answer,
    /// The rows that changed.
    pub changes: Vec<Row>,
    /// What happened to contacts, in order.
    pub events: Vec<Event>,
    /// For the statistics.
    pub counts: BTreeMap<(Name, Priority), Count>,
}

/// An answer. What it shows of a contact or agent is read from the state (`State::contact`, `State::agent`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The contact as it is now.
    Contact(ContactId),
    /// The agent as it is now.
    Agent(Name),
    /// The agent as it is now, and the contacts that it had when it signed out.
    SignedOut(Name, Vec<ContactId>),
    /// The entry as it is now; none for one that is over.
    Entry(Name),
    /// So many events are not acknowledged yet.
    Unacknowledged(i64),
    /// Whether more is due.
    More(bool),
    /// It is done.
    Done,
}

/// Why a command is refused. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// There is no such contact.
    ContactNotFound,
    /// The contact's state doesn't allow it.
    ContactState(ContactState),
    /// The contact is with another agent.
    ContactNotYours,
    /// The contact came with a code, so its class can't be changed.
    ContactIsHandoff,
    /// The offer has lost its ground: the agent's skills, platform, presence or capacity.
    OfferFell,
    /// There is no such agent.
    AgentNotFound,
    /// Something that is open needs the agent.
    AgentInUse,
    /// The agent to transfer to is signed out, doesn't serve the platform, or has the contact already.
    AgentUnavailable,
    /// No entry has this code.
    EntryNotFound,
    /// The entry is released.
    EntryClosed,
    /// The code at this place belongs to another handoff.
    CodeTaken(usize),
    /// The entry is for another platform.
    WrongPlatform,
}

/// Something that happened to a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The contact.
    pub contact: ContactId,
    /// Counts the contact's events from 1.
    pub seq: i64,
    /// What.
    pub kind: EventKind,
    /// Its state after it.
    pub state: ContactState,
    /// Its class after it.
    pub class: Priority,
    /// The agent who is told, and the number in its stream.
    pub told: Option<(Name, i64)>,
}

/// What is added to the statistics of a platform and class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Contacts that an agent took.
    pub answered: i64,
    /// Of these, those taken in time.
    pub answered_in_time: i64,
    /// How long they had waited.
    pub waited_ms: i64,
    /// Contacts that were given up while they waited, by the customer or as their time was over.
    pub abandoned: i64,
    /// Contacts that ended with an agent.
    pub handled: i64,
    /// How long agents had them.
    pub handled_ms: i64,
}

impl Ending {
    /// The state of a contact that has ended so.
    pub fn state(self) -> ContactState {
        match self {
            Self::Completed => ContactState::Completed,
            Self::Abandoned => ContactState::Abandoned,
            Self::HandedOff => ContactState::HandedOff,
            Self::Expired => ContactState::Expired,
        }
    }

    pub(super) fn event(self) -> EventKind {
        match self {
            Self::Completed => EventKind::Completed,
            Self::Abandoned => EventKind::Abandoned,
            Self::HandedOff => EventKind::HandedOff,
            Self::Expired => EventKind::Expired,
        }
    }
}
