//! The lines. Contacts that ask for the same platform and skills stand in the same queue, so an agent's next contact is among
//! the heads of queues. A queue is listed under one of its skills, the one that fewest agents had when it was made: an agent
//! looks at the queues listed under its own skills only, however many odd sets of skills others wait for.

use std::collections::{BTreeSet, HashMap};

use super::{
    AgentId, ContactId, Place, Priority,
    names::{PlatformId, QueueId, SkillId},
};

/// A platform, and a skill or none.
pub(super) type Ability = (PlatformId, Option<SkillId>);

#[derive(Debug, Clone)]
pub(super) struct Queue {
    pub platform: PlatformId,
    /// Sorted by number.
    pub skills: Box<[SkillId]>,
    /// What it is listed under.
    listed: Ability,
    /// Waiting contacts that any agent may take, by class, each in its order.
    lines: [BTreeSet<(Place, ContactId)>; Priority::ALL.len()],
    /// Waiting contacts that only their named agents may take yet.
    pub reserved: BTreeSet<(Place, ContactId)>,
    /// Agents who are kept for it.
    pub kept: BTreeSet<AgentId>,
    /// Open contacts that ask for it, and agents that are kept for it.
    references: usize,
}

#[derive(Debug, Default)]
pub(super) struct Queues {
    slots: Vec<Option<Queue>>,
    free: Vec<QueueId>,
    numbers: HashMap<(PlatformId, Box<[SkillId]>), QueueId>,
    /// The heads of those in which somebody waits whom any agent may take.
    heads: HashMap<Ability, BTreeSet<(Place, QueueId)>>,
    /// Those that lost their last reference since they were looked at; a rollback may need them again.
    unused: BTreeSet<QueueId>,
}

impl Queue {
    fn line(&self, class: Priority) -> usize {
        Priority::ALL.iter().position(|other| *other == class).unwrap_or_default()
    }

    /// The first that any agent may take and that is wanted.
    pub fn first(&self, is_wanted: impl Fn(ContactId) -> bool) -> Option<(Place, ContactId)> {
        let firsts = self.lines.iter().filter_map(|line| line.iter().find(|(_, id)| is_wanted(*id)));
        firsts.min().copied()
    }

    /// The first of each class that any agent may take and that is wanted.
    pub fn firsts(&self, is_wanted: impl Fn(ContactId) -> bool) -> impl Iterator<Item = (Priority, Place)> {
        let lines = Priority::ALL.into_iter().zip(&self.lines);
        lines.filter_map(move |(class, line)| {
            let first = line.iter().find(|(_, id)| is_wanted(*id))?;
            Some((class, first.0))
        })
    }

    /// How many contacts that any agent may take have the quality that, in each class, the first ones have; counted up to a
    /// bound.
    pub fn count_firsts(&self, bound: usize, has: impl Fn(Priority, Place) -> bool) -> usize {
        let lines = Priority::ALL.iter().zip(&self.lines);
        let counted = lines.map(|(class, line)| {
            line.iter().take_while(|(place, _)| has(*class, *place)).take(bound).count()
        });
        counted.sum::<usize>().min(bound)
    }

    /// How many wait before a place, counted up to a bound.
    pub fn before(&self, place: Place, bound: usize) -> usize {
        let lines = self.lines.iter().chain([&self.reserved]);
        let counted =
            lines.map(|line| line.iter().take_while(|(other, _)| *other < place).take(bound).count());
        counted.sum::<usize>().min(bound)
    }

    /// The places of the first that wait, in order.
    pub fn first_places(&self, most: usize) -> Vec<Place> {
        let lines = self.lines.iter().chain([&self.reserved]);
        let mut places: Vec<Place> = lines.flat_map(|line| line.iter().take(most)).map(|key| key.0).collect();
        places.sort_unstable();
        places.truncate(most);
        places
    }

    /// Of each class that any agent may take: its first, and how many there are.
    pub fn shortly(&self) -> impl Iterator<Item = (Priority, Place, i64)> {
        let lines = Priority::ALL.into_iter().zip(&self.lines);
        lines.filter_map(|(class, line)| {
            let first = line.first()?.0;
            Some((class, first, i64::try_from(line.len()).unwrap_or(i64::MAX)))
        })
    }

    /// All that wait and that any agent may take.
    pub fn open(&self) -> impl Iterator<Item = &(Place, ContactId)> {
        self.lines.iter().flatten()
    }
}

impl Queues {
    /// The queue of a platform and skills that are sorted by number.
    pub fn ensure(&mut self, platform: PlatformId, skills: Box<[SkillId]>, listed: Ability) -> QueueId {
        if let Some(id) = self.numbers.get(&(platform, skills.clone())) {
            return *id;
        }
        let queue = Queue {
            platform,
            skills: skills.clone(),
            listed,
            lines: Default::default(),
            reserved: BTreeSet::new(),
            kept: BTreeSet::new(),
            references: 0,
        };
        let id = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            QueueId(u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX))
        });
        if let Some(slot) = self.slots.get_mut(id.0 as usize) {
            *slot = Some(queue);
        }
        self.numbers.insert((platform, skills), id);
        self.unused.insert(id);
        id
    }

    pub fn get(&self, id: QueueId) -> Option<&Queue> {
        self.slots.get(id.0 as usize)?.as_ref()
    }

    pub fn get_mut(&mut self, id: QueueId) -> Option<&mut Queue> {
        self.slots.get_mut(id.0 as usize)?.as_mut()
    }

    /// All that something refers to.
    pub fn all(&self) -> impl Iterator<Item = (QueueId, &Queue)> {
        let known = (0..).map(QueueId).zip(&self.slots);
        known.filter_map(|(id, slot)| Some((id, slot.as_ref()?))).filter(|(_, queue)| queue.references > 0)
    }

    /// Whether the heads say of a queue what its lines say.
    pub fn is_listed(&self, id: QueueId) -> bool {
        let Some(queue) = self.get(id) else { return false };
        let heads = self.heads(queue.listed).into_iter().flatten();
        let listed: Vec<Place> = heads.filter(|(_, other)| *other == id).map(|(place, _)| *place).collect();
        listed == queue.first(|_| true).map(|(place, _)| place).into_iter().collect::<Vec<_>>()
    }

    /// The heads of the queues that are listed under an ability, in order.
    pub fn heads(&self, ability: Ability) -> Option<&BTreeSet<(Place, QueueId)>> {
        self.heads.get(&ability)
    }

    /// Adds a waiting contact that any agent may take, or takes it out.
    pub fn list(&mut self, id: QueueId, class: Priority, key: (Place, ContactId), add: bool) {
        let Some(queue) = self.slots.get_mut(id.0 as usize).and_then(Option::as_mut) else { return };
        let before = queue.first(|_| true);
        let line = queue.line(class);
        if let Some(line) = queue.lines.get_mut(line) {
            toggle(line, key, add);
        }
        let after = queue.first(|_| true);
        if before == after {
            return;
        }
        let heads = self.heads.entry(queue.listed).or_default();
        if let Some((place, _)) = before {
            heads.remove(&(place, id));
        }
        match after {
            Some((place, _)) => drop(heads.insert((place, id))),
            None if heads.is_empty() => drop(self.heads.remove(&queue.listed)),
            None => {}
        }
    }

    /// Counts one more reference, or one less.
    pub fn refer(&mut self, id: QueueId, add: bool) {
        let Some(queue) = self.get_mut(id) else { return };
        queue.references = if add { queue.references + 1 } else { queue.references.saturating_sub(1) };
        if queue.references == 0 {
            self.unused.insert(id);
        }
    }

    /// Forgets those that nothing refers to.
    pub fn forget_unused(&mut self) {
        for id in std::mem::take(&mut self.unused) {
            let slot = self.slots.get_mut(id.0 as usize);
            if let Some(queue) = slot.and_then(|slot| slot.take_if(|queue| queue.references == 0)) {
                self.numbers.remove(&(queue.platform, queue.skills));
                self.free.push(id);
            }
        }
    }
}

/// Adds to a set, or takes out of it.
pub(super) fn toggle<T: Ord>(set: &mut BTreeSet<T>, key: T, add: bool) {
    if add {
        set.insert(key);
    } else {
        set.remove(&key);
    }
}
