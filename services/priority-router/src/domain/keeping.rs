//! Nobody is passed for ever. A contact that no agent has room for is passed by smaller ones that fit. Handoffs at once, and
//! others after a while, insist: the next agent with room for somebody behind them, but not for them, takes nobody and is kept
//! for their queue. A kept agent takes what comes before that queue's first, nothing after it, until it has room for the
//! first. Whom nobody needs any more is let go.

use super::{
    Place, State,
    names::{AgentId, QueueId},
    order::insists,
    turn::Turn,
};

/// Most agents that are kept for one queue at a time: those who come behind wait for one of them.
const MAX_KEPT: usize = 5;

impl State {
    /// Of the queues whose heads an agent has no room for, the one whose first insisting contact before a place comes first
    /// and lacks an agent that is kept for it. That contact need not be a head: a new one of a higher class may stand before
    /// one that has waited for long.
    pub(super) fn not_to_be_passed(
        &self,
        agent: AgentId,
        passed: &[QueueId],
        before: Place,
    ) -> Option<QueueId> {
        let insisting =
            passed.iter().filter_map(|queue| Some((self.first_insisting(*queue, agent)?, *queue)));
        let lacking = insisting.filter(|(place, queue)| *place < before && self.lacks_keepers(*queue));
        lacking.min().map(|(_, queue)| queue)
    }

    fn lacks_keepers(&self, queue: QueueId) -> bool {
        self.keepers(queue).is_some_and(|(kept, insisting)| kept < insisting)
    }

    fn first_insisting(&self, queue: QueueId, agent: AgentId) -> Option<Place> {
        let firsts = self.queues.get(queue)?.firsts(|contact| !self.is_backed_off(contact, agent));
        let (now, patience) = (self.now_ms, self.rules.patience_ms);
        let insisting =
            firsts.filter(|(class, place)| insists(*class, place.created_at(*class), now, patience));
        insisting.map(|(_, place)| place).min()
    }

    fn keepers(&self, queue: QueueId) -> Option<(usize, usize)> {
        let queue = self.queues.get(queue)?;
        let (now, patience) = (self.now_ms, self.rules.patience_ms);
        let insisting = queue
            .count_firsts(MAX_KEPT, |class, place| insists(class, place.created_at(class), now, patience));
        Some((queue.kept.len(), insisting))
    }

    /// Whether an agent is kept for a queue that has nobody for it, or more agents than it needs.
    fn is_kept_for_nothing(&self, agent: AgentId) -> bool {
        let Some(slot) = self.agents.get(agent) else { return false };
        let Some(id) = slot.row.as_ref().and_then(|row| row.kept_for) else { return false };
        let Some(queue) = self.queues.get(id) else { return true };
        let could_serve = slot.units_on(queue.platform).is_some() && slot.has_skills(&queue.skills);
        let is_there = could_serve && queue.first(|contact| !self.is_backed_off(contact, agent)).is_some();
        !is_there || self.keepers(id).is_some_and(|(kept, insisting)| kept > insisting)
    }
}

impl Turn<'_> {
    /// Lets go whom nobody needs any more, the longest idle first.
    pub fn let_go_of_kept(&mut self) {
        let agents = &self.state.agents;
        let kept = self.freed.iter().filter_map(|id| Some((agents.get(*id)?, *id)));
        let kept = kept.filter(|(slot, _)| slot.row.as_ref().is_some_and(|row| row.kept_for.is_some()));
        let mut kept: Vec<_> = kept.map(|(slot, id)| slot.idle(id)).collect();
        kept.sort_unstable();
        for idle in kept {
            if self.state.is_kept_for_nothing(idle.agent) {
                self.keep(idle.agent, None);
            }
        }
    }

    /// Keeps an agent for a queue, or for none any more.
    pub fn keep(&mut self, agent: AgentId, queue: Option<QueueId>) {
        self.change_agent(agent, |row| row.kept_for = queue);
    }
}
