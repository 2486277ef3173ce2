//! The first contacts of the queues that an agent could serve, in the order of service.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, btree_set},
    iter::Peekable,
};

use super::{
    ContactId, Place, State,
    agents::{Slot, abilities},
    names::{AgentId, QueueId},
};

/// The first contact of a queue, as seen by an agent who could serve it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Head {
    pub place: Place,
    pub contact: ContactId,
    pub queue: QueueId,
    /// What it would take of the agent.
    pub units: i64,
}

/// The queues are listed in order under each of the agent's abilities: the first of all is the first of one of these lists.
pub(super) struct Heads<'s> {
    state: &'s State,
    slot: &'s Slot,
    agent: AgentId,
    lists: Vec<Peekable<btree_set::Iter<'s, (Place, QueueId)>>>,
    /// Of queues whose first contact the agent has just declined.
    later: BinaryHeap<Reverse<Head>>,
}

impl State {
    pub(super) fn heads<'s>(&'s self, slot: &'s Slot, agent: AgentId) -> Heads<'s> {
        let platforms = slot.counted.platforms.iter();
        let abilities = platforms.flat_map(|(platform, _)| abilities(*platform, &slot.counted.skills));
        let lists =
            abilities.filter_map(|ability| Some(self.queues.heads(ability)?.iter().peekable())).collect();
        Heads { state: self, slot, agent, lists, later: BinaryHeap::new() }
    }
}

impl Iterator for Heads<'_> {
    type Item = Head;

    fn next(&mut self) -> Option<Head> {
        loop {
            let lists = self.lists.iter_mut();
            let first = lists.filter_map(|list| Some((*list.peek()?, list))).min_by_key(|(first, _)| **first);
            let Some(((place, queue), list)) = first else { return self.later.pop().map(|head| head.0) };
            if self.later.peek().is_some_and(|later| later.0.place < *place) {
                return self.later.pop().map(|head| head.0);
            }
            let (place, queue) = (*place, *queue);
            list.next();
            match self.head(queue) {
                Some(head) if head.place == place => return Some(head),
                Some(head) => self.later.push(Reverse(head)),
                None => {}
            }
        }
    }
}

impl Heads<'_> {
    /// The first of a queue that the agent could take, if it has the skills.
    fn head(&self, id: QueueId) -> Option<Head> {
        let queue = self.state.queues.get(id).filter(|queue| self.slot.has_skills(&queue.skills))?;
        let units = self.slot.units_on(queue.platform)?;
        let (place, contact) = queue.first(|contact| !self.state.is_backed_off(contact, self.agent))?;
        Some(Head { place, contact, queue: id, units })
    }
}
