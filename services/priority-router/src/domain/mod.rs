//! The rules of routing (docs/routing.md) as plain data and synchronous functions: no transport, no database, no runtime.
//!
//! [`State`] holds what is open: agents, contacts that wait or are with agents, handoffs under way. [`State::decide`] makes
//! one decision and says which rows it changed. [`State::apply`] takes over rows that another replica changed,
//! [`State::load`] builds the state from all of them, [`State::undo`] takes back what was not committed. All four go through
//! the same few functions (`tables`), so the three ways to a state end in the same one.
//!
//! Each rule of docs/routing.md has one file: `order`, `eligibility`, `offers`, `handoffs`, `holds`, `sessions`, `contacts`, `transfer`,
//! `presence`, `keeping`, `settle`, `desks`, `time`. To add a command, add it to `command` and to `decide`, put its
//! rule beside its like, and teach the reference model (tests/model/reference) first.

mod agents;
mod answers;
mod canonical;
mod command;
mod contacts;
mod decide;
mod desks;
mod due;
mod eligibility;
mod event;
mod handoffs;
mod heads;
mod holds;
mod journal;
mod keeping;
mod kinds;
mod load;
mod names;
mod numbers;
mod offers;
mod order;
mod presence;
mod priority;
mod queues;
mod rows;
mod rules;
mod sessions;
mod settle;
mod table;
mod tables;
mod time;
mod transfer;
mod turn;

use std::collections::{BTreeMap, BTreeSet, HashMap};

pub use answers::{AgentView, ContactView};
pub use command::{
    Answer, By, Command, Count, Decision, Event, Given, Leaving, Need, Past, PastContact, PastEntry,
    PutEntry, Refused, Submit, To,
};
pub use event::EventKind;
pub use journal::Mark;
pub use kinds::{ContactState, EntryState, Presence, PresenceReason, WaitsFor};
pub use names::{ContactId, Name, NotAnId, ReplicaId, StreamId};
pub use numbers::Waiting;
pub use order::Place;
pub use priority::Priority;
pub use rows::{
    Abilities, Absence, Agent, CodeHash, Contact, Desk, Ending, Entry, EntryRow, Gone, Hold, Named, Others,
    QueueName, Row, Rows, Served, Stage, Stream, WrapUp,
};
pub(crate) use rules::DAY_MS;
pub use rules::Rules;

use agents::Agents;
use due::Due;
use journal::Journal;
use names::{AgentId, Names, PlatformId, QueueId};
use queues::Queues;
use table::Table;

/// A contact in memory.
type Held = Contact<AgentId, QueueId>;

/// What is open, and everything that decisions are looked up by. The first part equals the rows; the rest follows from it
/// and is changed with it, by the functions of `tables` alone.
#[derive(Debug)]
pub struct State {
    rules: Rules,
    turn: i64,
    now_ms: i64,

    agents: Agents,
    contacts: Table<ContactId, Held>,
    entries: HashMap<Name, Entry>,
    /// Until when an agent is not offered a contact again.
    back_offs: HashMap<(ContactId, AgentId), i64>,
    wrap_ups: HashMap<ContactId, WrapUp<AgentId>>,
    streams: HashMap<StreamId, Stream<AgentId>>,
    /// Until when each replica is alive.
    replicas: HashMap<ReplicaId, i64>,

    platforms: Names,
    skills: Names,
    queues: Queues,
    /// Open contacts by their conversation.
    sessions: BTreeSet<(PlatformId, Name, ContactId)>,
    /// The live entry that a code admits to.
    codes: HashMap<CodeHash, Name>,
    streams_of: BTreeMap<ReplicaId, BTreeSet<StreamId>>,
    due: Due,
    journal: Journal,
}

impl State {
    /// Nothing yet.
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            turn: 0,
            now_ms: 0,
            agents: Agents::default(),
            contacts: Table::new(),
            entries: HashMap::new(),
            back_offs: HashMap::new(),
            wrap_ups: HashMap::new(),
            streams: HashMap::new(),
            replicas: HashMap::new(),
            platforms: Names::default(),
            skills: Names::default(),
            queues: Queues::default(),
            sessions: BTreeSet::new(),
            codes: HashMap::new(),
            streams_of: BTreeMap::new(),
            due: Due::default(),
            journal: Journal::default(),
        }
    }
}
