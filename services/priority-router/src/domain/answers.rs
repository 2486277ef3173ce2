//! What callers see of agents and contacts.

use std::collections::HashMap;

use super::{
    Agent, Contact, ContactId, Desk, Held, Named, Others, Place, Presence, State, WaitsFor, names::QueueId,
};

/// Most places that are counted, so that an answer costs the same however long the line is.
const MOST_PLACES: usize = 1000;

/// A contact as it is seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactView {
    /// Its row.
    pub contact: Contact,
    /// Its place in the line of its queue, 1 is next; 0 when it doesn't wait.
    pub position: usize,
    /// What it waits for.
    pub waits_for: WaitsFor,
    /// When others than its named agent may take it, while they may not yet.
    pub overflow_at: Option<i64>,
}

/// An agent as it is seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentView {
    /// Its row.
    pub agent: Agent,
    /// Units of its contacts and wrap-ups.
    pub used_units: i64,
    /// Those of wrap-ups alone.
    pub wrap_up_units: i64,
    /// Units held for handoffs under way.
    pub held_units: i64,
    /// Its offered and assigned contacts, oldest first.
    pub contacts: Vec<ContactId>,
}

impl AgentView {
    /// Whether its desk has a stream open.
    pub fn is_connected(&self) -> bool {
        self.agent.desk == Desk::Connected
    }
}

impl State {
    /// An open contact.
    pub fn contact(&self, id: ContactId) -> Option<ContactView> {
        let held = self.contacts.get(&id)?;
        Some(self.view(held, self.position(held)))
    }

    /// The row of an open contact: all that a count needs, without the walk along its line.
    pub fn contact_row(&self, id: ContactId) -> Option<Contact> {
        Some(self.row_of_contact(self.contacts.get(&id)?.clone()))
    }

    /// Those of some contacts that are open. Each of their lines is walked along once, not once for each of them.
    pub fn contacts(&self, ids: &[ContactId]) -> HashMap<ContactId, ContactView> {
        let mut lines: HashMap<QueueId, Vec<Place>> = HashMap::new();
        let held = ids.iter().filter_map(|id| Some((*id, self.contacts.get(id)?)));
        let views = held.map(|(id, held)| {
            let queue = self.queues.get(held.queue).filter(|_| held.is_waiting());
            let position = queue.map_or(0, |queue| {
                let line = lines.entry(held.queue).or_insert_with(|| queue.first_places(MOST_PLACES));
                1 + line.partition_point(|place| *place < held.place())
            });
            (id, self.view(held, position))
        });
        views.collect()
    }

    /// An agent.
    pub fn agent(&self, name: &str) -> Option<AgentView> {
        let slot = self.agents.get(self.agents.find(name)?)?;
        Some(AgentView {
            agent: self.row_of_agent(slot.row.clone()?),
            used_units: slot.counted.used,
            wrap_up_units: slot.counted.wrap_up,
            held_units: slot.counted.held,
            contacts: slot.counted.contacts.iter().copied().collect(),
        })
    }

    /// When time brings something next.
    pub fn next_due(&self) -> Option<i64> {
        self.due.first()
    }

    /// The last decision's number and time.
    pub fn clock(&self) -> (i64, i64) {
        (self.turn, self.now_ms)
    }

    fn view(&self, held: &Held, position: usize) -> ContactView {
        ContactView {
            contact: self.row_of_contact(held.clone()),
            position,
            waits_for: self.waits_for(held),
            overflow_at: self.overflow_at(held),
        }
    }

    fn position(&self, held: &Held) -> usize {
        let queue = self.queues.get(held.queue).filter(|_| held.is_waiting());
        queue.map_or(0, |queue| 1 + queue.before(held.place(), MOST_PLACES))
    }

    fn overflow_at(&self, held: &Held) -> Option<i64> {
        match held.named.as_ref().filter(|_| held.is_waiting())?.others {
            Others::From(at) => Some(at),
            Others::Since(_) | Others::Never => None,
        }
    }

    fn waits_for(&self, held: &Held) -> WaitsFor {
        let Some(queue) = self.queues.get(held.queue).filter(|_| held.is_waiting()) else {
            return WaitsFor::Nothing;
        };
        match held.named.as_ref().filter(|_| !held.is_open()) {
            Some(Named { agent, .. }) => {
                let slot = self.agents.get(*agent);
                match slot.map(|slot| (slot.units_on(queue.platform), slot.presence())) {
                    None | Some((None, _)) => WaitsFor::AgentElsewhere,
                    Some((Some(_), Presence::Offline)) => WaitsFor::AbsentAgent,
                    Some(_) => WaitsFor::BusyAgent,
                }
            }
            None => match self.is_served(queue) {
                (false, _) => WaitsFor::AnyAgentOnPlatform,
                (true, false) => WaitsFor::AnyAgentWithSkills,
                (true, true) => WaitsFor::AnyAgent,
            },
        }
    }
}
