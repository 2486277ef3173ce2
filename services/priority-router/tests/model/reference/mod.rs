//! The router, as one would explain it: all state in plain values, every rule spelled out once.

mod commands;
mod handoffs;
mod settle;
mod time;

pub use handoffs::TTL_MS;

use std::collections::{BTreeMap, BTreeSet};

use priority_router::Rules;
use segue_proto::router::v1::{
    ContactEventKind as Kind, ContactState as State, Presence, PresenceReason, Priority, WaitReason,
};

pub use commands::Refused;

#[derive(Clone)]
pub struct Model {
    pub rules: Rules,
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
    /// Handoffs that wait for their agent since this command.
    pub expected: BTreeSet<usize>,
    /// How often a class was answered, answered in time, and given up in line.
    pub served: BTreeMap<(usize, Priority), [i32; 3]>,
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
    pub lost_at: Option<i64>,
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
    pub skills: BTreeSet<usize>,
    /// With whom it is or for whom it waits.
    pub agent: Option<usize>,
    pub units: i64,
    pub arrival: i64,
    pub created_at: i64,
    pub answered_at: Option<i64>,
    pub due_at: Option<i64>,
    /// Whether any agent may take it.
    pub open: bool,
    pub handoff: Option<Handoff>,
    pub log: Vec<(Kind, Option<usize>)>,
}

#[derive(Debug, Clone)]
pub struct Handoff {
    pub named: usize,
    pub same_agent_only: bool,
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
    /// A release that came before the entry leaves no code to find it by.
    pub has_code: bool,
    pub agent: usize,
    pub source: Option<usize>,
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
        matches!(self.state, State::Completed | State::Abandoned | State::HandedOff)
    }

    pub fn is_waiting(&self) -> bool {
        self.state == State::Queued
    }

    pub fn has_agent(&self) -> bool {
        self.is_offered() || self.is_assigned()
    }

    pub fn queue(&self) -> Queue {
        (self.platform, self.skills.clone())
    }

    pub fn place(&self) -> Place {
        let minutes = match self.priority {
            Priority::Urgent => 15,
            Priority::High => 5,
            Priority::Low => -10,
            _ => 0,
        };
        (self.handoff.is_none(), self.created_at - minutes * 60_000, self.arrival)
    }
}

impl Model {
    pub fn new(rules: Rules, now: i64) -> Self {
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
        };
        Self {
            rules,
            now,
            turn: 0,
            agents: vec![agent; crate::command::AGENTS],
            contacts: vec![],
            entries: BTreeMap::new(),
            back_offs: BTreeMap::new(),
            wrap_ups: BTreeMap::new(),
            expected: BTreeSet::new(),
            served: BTreeMap::new(),
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

    /// What a contact on a platform takes of an agent, if the agent serves it.
    pub fn units(&self, agent: usize, platform: usize) -> Option<i64> {
        let agent = &self.agents[agent];
        agent.platforms.get(&platform).map(|served| served.cost.min(agent.capacity))
    }

    /// The handoffs that wait for an agent who can serve them.
    pub fn own_handoffs(&self, agent: usize) -> Vec<usize> {
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
        if !self.contacts[contact].is_waiting() {
            return 0;
        }
        let queue = self.contacts[contact].queue();
        let same = self.line().into_iter().filter(|other| self.contacts[*other].queue() == queue);
        1 + same.take_while(|other| *other != contact).count() as i32
    }

    pub fn wait_reason(&self, contact: usize) -> WaitReason {
        let contact = &self.contacts[contact];
        match contact.agent {
            _ if !contact.is_waiting() => WaitReason::Unspecified,
            _ if contact.open => WaitReason::AnyAgent,
            Some(agent) if self.units(agent, contact.platform).is_none() => {
                WaitReason::NamedAgentNotOnPlatform
            }
            Some(agent) if self.agents[agent].presence == Presence::Offline => WaitReason::NamedAgentOffline,
            _ => WaitReason::NamedAgentBusy,
        }
    }
}
