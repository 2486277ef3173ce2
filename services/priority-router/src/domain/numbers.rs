//! Numbers of what is open, for estimates, statistics and metrics.

use std::collections::BTreeMap;

use super::{Abilities, Agent, ContactId, Name, Presence, Priority, State};

/// Most agents that are counted for a contact, so that an estimate costs the same however large the team.
const MOST_AGENTS: usize = 1000;

/// A platform and class, as it waits now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// Contacts that wait.
    pub count: i64,
    /// Of these, those that no agent could ever take: none serves the platform, or none there has the skills.
    pub unserved: i64,
    /// When the oldest of them came.
    pub oldest_at: i64,
}

impl State {
    /// What waits, by platform and class.
    pub fn waiting(&self) -> BTreeMap<(Name, Priority), Waiting> {
        let mut lines: BTreeMap<(Name, Priority), Waiting> = BTreeMap::new();
        for (_, queue) in self.queues.all() {
            let platform = self.platforms.name(queue.platform.0);
            let is_served = self.is_served(queue).1;
            let open = queue.shortly();
            let reserved = queue.reserved.iter().filter_map(|(place, id)| {
                let class = self.contacts.get(id)?.class;
                Some((class, *place, 1))
            });
            // A reserved contact has its agent, so it is served.
            let counted = open.map(|line| (line, !is_served)).chain(reserved.map(|line| (line, false)));
            for ((class, first, count), is_unserved) in counted {
                let line = lines.entry((platform.clone(), class)).or_insert(Waiting {
                    count: 0,
                    unserved: 0,
                    oldest_at: i64::MAX,
                });
                line.count += count;
                line.unserved += if is_unserved { count } else { 0 };
                line.oldest_at = line.oldest_at.min(first.created_at(class));
            }
        }
        lines
    }

    /// Units that are held for handoffs under way, of all agents.
    pub fn held_units(&self) -> i64 {
        self.agents.all().map(|(_, slot)| slot.counted.held).sum()
    }

    /// How many agents are available who could take a contact that waits, counted up to a bound.
    pub fn serving(&self, id: ContactId) -> usize {
        let Some(queue) = self.queue_of(id) else { return 0 };
        let able = self.agents.able(self.agents.rarest(queue.platform, &queue.skills));
        let serves = |slot: &super::agents::Slot| {
            slot.presence() == Presence::Available && slot.has_skills(&queue.skills)
        };
        let agents = able.into_iter().flatten().filter_map(|agent| self.agents.get(*agent));
        agents.filter(|slot| serves(slot)).take(MOST_AGENTS).count()
    }

    /// The first agents after a name who are wanted, in the order of their names.
    pub fn agents_after(
        &self,
        after: &str,
        most: usize,
        is_wanted: impl Fn(&Abilities, Presence) -> bool,
    ) -> Vec<Name> {
        let wanted = self.agents.all().filter(|(_, slot)| {
            let wants = |row: &Agent<_>| is_wanted(&row.abilities, row.presence);
            *slot.name > *after && slot.row.as_ref().is_some_and(wants)
        });
        let mut names: Vec<Name> = wanted.map(|(_, slot)| slot.name.clone()).collect();
        if most < names.len() {
            names.select_nth_unstable(most);
            names.truncate(most);
        }
        names.sort_unstable();
        names
    }
}
