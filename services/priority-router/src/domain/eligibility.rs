//! Who can take what. An ordinary contact goes to an agent who is available, serves its platform, has all its skills, has the
//! units free beside what is held, has not just declined it, and has no more offers to answer than it may have. A contact
//! that waits for the agent itself needs its platform and its units only: what is held for others that may never come
//! doesn't stand in its way.

use super::{
    ContactId, Held, Presence, Stage, State,
    agents::{MAX_OPEN_CONTACTS, Slot},
    names::{AgentId, PlatformId},
    queues::Queue,
};

impl State {
    /// The platforms on which an agent has room for one more contact that any agent may take.
    pub(super) fn platforms_with_room(&self, agent: AgentId) -> Vec<PlatformId> {
        let Some(slot) = self.agents.get(agent) else { return vec![] };
        if slot.presence() != Presence::Available || !self.may_ring(slot) {
            return vec![];
        }
        let free = slot.free();
        let platforms = slot.counted.platforms.iter().filter(|(_, units)| *units <= free);
        platforms.map(|(platform, _)| *platform).collect()
    }

    /// Whether one more contact of so many units fits beside what the agent has.
    pub(super) fn fits_own(&self, slot: &Slot, units: i64) -> bool {
        slot.counted.contacts.len() < MAX_OPEN_CONTACTS && slot.counted.used + units <= slot.capacity()
    }

    /// Whether the agent may be offered one more contact.
    pub(super) fn may_ring(&self, slot: &Slot) -> bool {
        let counted = &slot.counted;
        counted.contacts.len() < MAX_OPEN_CONTACTS && counted.ringing < self.rules.most_ringing_offers
    }

    /// The first of the contacts that wait for an agent and that it could serve: it has not just declined it.
    pub(super) fn first_own(&self, agent: AgentId) -> Option<ContactId> {
        let slot = self.agents.get(agent)?;
        let could_serve = |id: &ContactId| {
            let platform = self.queue_of(*id).map(|queue| queue.platform);
            platform.is_some_and(|platform| slot.units_on(platform).is_some())
                && !self.is_backed_off(*id, agent)
        };
        slot.counted.own.iter().map(|(_, id)| *id).find(could_serve)
    }

    pub(super) fn is_backed_off(&self, id: ContactId, agent: AgentId) -> bool {
        !self.back_offs.is_empty() && self.back_offs.contains_key(&(id, agent))
    }

    /// Whether an offer still has its ground. A contact of the agent's own needs the platform, any other the skills too, and
    /// an agent who is available.
    pub(super) fn stands(&self, contact: &Held, agent: AgentId) -> bool {
        let (Some(slot), Some(queue)) = (self.agents.get(agent), self.queues.get(contact.queue)) else {
            return false;
        };
        if slot.units_on(queue.platform).is_none() {
            return false;
        }
        match slot.presence() {
            Presence::Offline => false,
            _ if contact.is_named_for(agent) => true,
            Presence::Away => false,
            Presence::Available => slot.has_skills(&queue.skills),
        }
    }

    /// Whether there is an agent, signed in or not, who serves the platform, and one who has the skills too.
    pub(super) fn is_served(&self, queue: &Queue) -> (bool, bool) {
        let on_platform = self.agents.able((queue.platform, None)).is_some();
        let fewest = self.agents.able(self.agents.rarest(queue.platform, &queue.skills));
        let has_skills =
            |agent: &AgentId| self.agents.get(*agent).is_some_and(|slot| slot.has_skills(&queue.skills));
        (on_platform, fewest.is_some_and(|agents| agents.iter().any(has_skills)))
    }

    pub(super) fn queue_of(&self, id: ContactId) -> Option<&Queue> {
        self.queues.get(self.contacts.get(&id)?.queue)
    }
}

impl Held {
    /// Whether it waits for, or was first this agent's.
    pub(super) fn is_named_for(&self, agent: AgentId) -> bool {
        self.named.as_ref().is_some_and(|named| named.agent == agent)
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.stage == Stage::Waiting
    }
}
