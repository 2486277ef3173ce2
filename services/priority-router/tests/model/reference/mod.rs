//! The router, as one would explain it: all state in plain values, every rule spelled out once.

mod agents;
mod commands;
mod handoffs;
mod settle;
mod time;
mod transfer;

pub use handoffs::TTL_MS;

use std::collections::{BTreeMap, BTreeSet};

use priority_router::{
    Rules,
    domain::{
        ContactState as State, EventKind as Kind, Presence, PresenceReason, Priority, Refused as Reason,
        WaitsFor,
    },
};

/// Why a command is refused.
pub type Refused = Result<(), Reason>;

#[derive(Clone)]
pub struct Model {
    pub rules: Rules,
    /// How much of what is due there may be in one decision, to choose from.
    pub bounds: &'static [usize],
    pub now: i64,
    /// Counts decisions, which order arrivals and idleness.
    pub turn: i64,
    pub agents: Vec<Agent>,
    pub contacts: Vec<Contact>,
    pub entries: BTreeMap<usize, Entry>,
    /// Until when an agent is not offered a contact again.
    pub back_offs: BTreeMap<(usize, usize), i64>,
    /// Units that stay taken after a contact, and until when.
    pub wrap_ups: BTreeMap<usize, (usize, i64, i64)>,
    /// Contacts that wait for their agent since this command.
    pub expected: BTreeSet<usize>,
    /// How often a class was answered, answered in time, and given up in line.
    pub served: BTreeMap<(usize, Priority), [i32; 3]>,
    /// The contact, or the contacts, that the last command was answered with.
    pub answer: Vec<usize>,
}

#[derive(Debug, Clone)]
pub struct Agent {
    pub exists: bool,
    pub capacity: i64,
    pub skills: BTreeSet<usize>,
    pub platforms: BTreeMap<usize, Served>,
    pub presence: Presence,
    pub reason: PresenceReason,
    pub presence_before: Presence,
    pub idle_since: i64,
    pub missed: i64,
    pub kept_for: Option<Queue>,
    pub connected: bool,
    pub lease_until: Option<i64>,
    /// Since when its contacts are kept for it, as it is absent.
    pub lost_at: Option<i64>,
    /// Whether it signed out itself, and so doesn't come back with its desk.
    pub signed_out: bool,
}

#[derive(Debug, Clone, Copy)]
pub struct Served {
    pub cost: i64,
    pub wrap_up_ms: i64,
}

/// What an agent must have to take a contact.
pub type Queue = (usize, BTreeSet<usize>);

#[derive(Debug, Clone)]
pub struct Contact {
    pub state: State,
    pub priority: Priority,
    pub platform: usize,
    pub session: usize,
    pub skills: BTreeSet<usize>,
    /// With whom it is or for whom it waits.
    pub agent: Option<usize>,
    pub units: i64,
    pub arrival: i64,
    pub created_at: i64,
    pub answered_at: Option<i64>,
    /// When an offer times out, or others may take a contact that waits for its agent.
    pub due_at: Option<i64>,
    pub ttl_ms: i64,
    pub expires_at: i64,
    /// Whether any agent may take it.
    pub open: bool,
    pub named: Option<Named>,
    pub log: Vec<(Kind, Option<usize>)>,
}

/// Whose a contact is before all others.
#[derive(Debug, Clone)]
pub struct Named {
    pub agent: usize,
    /// Whether it may never go to another.
    pub only: bool,
    /// Whether the agent asked for it, and so need not be asked.
    pub asked: bool,
    pub overflow_at: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryState {
    Live,
    Admitted(usize),
    Released,
}

#[derive(Debug, Clone)]
pub struct Entry {
    pub state: EntryState,
    pub generation: i64,
    /// A release that came before the entry leaves no code to find it by.
    pub has_code: bool,
    pub agent: usize,
    /// Platform and session.
    pub source: Option<(usize, usize)>,
    /// What the source asked for when it was last with the agent.
    pub skills: Option<BTreeSet<usize>>,
    pub target: usize,
    pub same_agent_only: bool,
    pub cost: i64,
    pub held: i64,
    pub hold_until: i64,
}

/// The order of service: handoffs, then the others by their arrival less the head start of their class.
pub type Place = (bool, i64, i64);

impl Contact {
    pub fn is_offered(&self) -> bool {
        self.state == State::Offered
    }

    pub fn is_assigned(&self) -> bool {
        self.state == State::Assigned
    }

    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Completed | State::Abandoned | State::HandedOff | State::Expired)
    }

    pub fn is_waiting(&self) -> bool {
        self.state == State::Queued
    }

    pub fn has_agent(&self) -> bool {
        self.is_offered() || self.is_assigned()
    }

    pub fn is_handoff(&self) -> bool {
        self.priority == Priority::Handoff
    }

    pub fn is_named_for(&self, agent: usize) -> bool {
        self.named.as_ref().is_some_and(|named| named.agent == agent)
    }

    pub fn queue(&self) -> Queue {
        (self.platform, self.skills.clone())
    }

    pub fn place(&self) -> Place {
        let minutes = match self.priority {
            Priority::Urgent => 15,
            Priority::High => 5,
            Priority::Low => -10,
            Priority::Normal | Priority::Handoff => 0,
        };
        (!self.is_handoff(), self.created_at - minutes * 60_000, self.arrival)
    }
}

impl Model {
    pub fn new(rules: Rules, bounds: &'static [usize], now: i64) -> Self {
        let agent = Agent {
            exists: false,
            capacity: 0,
            skills: BTreeSet::new(),
            platforms: BTreeMap::new(),
            presence: Presence::Offline,
            reason: PresenceReason::Set,
            presence_before: Presence::Offline,
            idle_since: 0,
            missed: 0,
            kept_for: None,
            connected: false,
            lease_until: None,
            lost_at: None,
            signed_out: false,
        };
        Self {
            rules,
            bounds,
            now,
            turn: 0,
            agents: vec![agent; crate::command::AGENTS],
            contacts: vec![],
            entries: BTreeMap::new(),
            back_offs: BTreeMap::new(),
            wrap_ups: BTreeMap::new(),
            expected: BTreeSet::new(),
            served: BTreeMap::new(),
            answer: vec![],
        }
    }

    pub fn wrap_up(&self, agent: usize) -> i64 {
        self.wrap_ups.values().filter(|(of, ..)| *of == agent).map(|(_, units, _)| units).sum()
    }

    pub fn used(&self, agent: usize) -> i64 {
        let has = self.contacts.iter().filter(|contact| contact.has_agent() && contact.agent == Some(agent));
        has.map(|contact| contact.units).sum::<i64>() + self.wrap_up(agent)
    }

    pub fn held(&self, agent: usize) -> i64 {
        let live = self.entries.values().filter(|entry| entry.state == EntryState::Live);
        live.filter(|entry| entry.agent == agent).map(|entry| entry.held).sum()
    }

    /// Whether an agent may be offered one more contact.
    pub fn may_ring(&self, agent: usize) -> bool {
        let rings =
            self.contacts.iter().filter(|contact| contact.is_offered() && contact.agent == Some(agent));
        (rings.count() as i64) < self.rules.most_ringing_offers
    }

    /// What a contact on a platform takes of an agent, if the agent serves it.
    pub fn units(&self, agent: usize, platform: usize) -> Option<i64> {
        let agent = &self.agents[agent];
        agent.platforms.get(&platform).map(|served| served.cost.min(agent.capacity))
    }

    /// The contacts that wait for an agent who can serve them.
    pub fn own(&self, agent: usize) -> Vec<usize> {
        let mut own: Vec<_> = (0..self.contacts.len())
            .filter(|index| {
                let contact = &self.contacts[*index];
                contact.is_waiting()
                    && contact.agent == Some(agent)
                    && self.units(agent, contact.platform).is_some()
                    && !self.back_offs.contains_key(&(*index, agent))
            })
            .collect();
        own.sort_by_key(|index| self.contacts[*index].place());
        own
    }

    /// Waiting contacts in the order of service.
    pub fn line(&self) -> Vec<usize> {
        let mut line: Vec<_> =
            (0..self.contacts.len()).filter(|index| self.contacts[*index].is_waiting()).collect();
        line.sort_by_key(|index| self.contacts[*index].place());
        line
    }

    pub fn position(&self, contact: usize) -> i32 {
        let this = &self.contacts[contact];
        if !this.is_waiting() {
            return 0;
        }
        let same = |other: &&Contact| {
            other.is_waiting() && other.platform == this.platform && other.skills == this.skills
        };
        1 + self.contacts.iter().filter(same).filter(|other| other.place() < this.place()).count() as i32
    }

    pub fn waits_for(&self, contact: usize) -> WaitsFor {
        let contact = &self.contacts[contact];
        match contact.agent {
            _ if !contact.is_waiting() => WaitsFor::Nothing,
            _ if contact.open => self.waits_for_any(contact),
            Some(agent) if self.units(agent, contact.platform).is_none() => WaitsFor::AgentElsewhere,
            Some(agent) if self.agents[agent].presence == Presence::Offline => WaitsFor::AbsentAgent,
            _ => WaitsFor::BusyAgent,
        }
    }

    fn waits_for_any(&self, contact: &Contact) -> WaitsFor {
        let mut on_platform =
            self.agents.iter().filter(|agent| agent.platforms.contains_key(&contact.platform));
        match on_platform.clone().count() {
            0 => WaitsFor::AnyAgentOnPlatform,
            _ if on_platform.any(|agent| contact.skills.is_subset(&agent.skills)) => WaitsFor::AnyAgent,
            _ => WaitsFor::AnyAgentWithSkills,
        }
    }
}
