//! Agents with what is counted of them, and where those with room are found.

use std::collections::{BTreeSet, HashMap};

use super::{
    Abilities, Agent, AgentId, ContactId, Name, Place, Presence, StreamId,
    names::{Names, PlatformId, QueueId, SkillId},
    queues::{Ability, toggle},
};

/// Most contacts that an agent has at a time, also when they take no units.
pub const MAX_OPEN_CONTACTS: usize = 100;

/// An agent with room on a platform, in the order of idleness: the first has been idle the longest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Idle {
    pub turn: i64,
    pub name: Name,
    pub agent: AgentId,
}

/// A name, and what is known of the agent if there is one.
#[derive(Debug)]
pub(super) struct Slot {
    pub name: Name,
    pub row: Option<Agent<QueueId>>,
    pub counted: Counted,
}

/// What is counted of an agent with each change.
#[derive(Debug, Default)]
pub(super) struct Counted {
    /// By platform, what a contact on it takes.
    pub platforms: Vec<(PlatformId, i64)>,
    /// Sorted.
    pub skills: Vec<SkillId>,
    /// Offered and assigned contacts.
    pub contacts: BTreeSet<ContactId>,
    /// Contacts that wait for it.
    pub own: BTreeSet<(Place, ContactId)>,
    /// Open contacts that name it.
    pub named: BTreeSet<ContactId>,
    /// Contacts that it wraps up.
    pub wrap_ups: BTreeSet<ContactId>,
    /// Live entries of the service list.
    pub entries: BTreeSet<Name>,
    /// Open streams of its desk.
    pub streams: BTreeSet<StreamId>,
    /// Units of its contacts and wrap-ups.
    pub used: i64,
    /// Those of wrap-ups alone.
    pub wrap_up: i64,
    /// Units held for handoffs under way.
    pub held: i64,
    /// Offers that it has not answered.
    pub ringing: i64,
    /// Where it is listed as having room: since when it is idle, and on which platforms.
    listed: Option<(i64, Vec<PlatformId>)>,
}

#[derive(Debug, Default)]
pub(super) struct Agents {
    numbers: HashMap<Name, AgentId>,
    slots: Vec<Slot>,
    /// Those with room, by platform and by each of their skills.
    room: HashMap<Ability, BTreeSet<Idle>>,
    /// All of them, whether they have room or not.
    able: HashMap<Ability, BTreeSet<AgentId>>,
}

impl Slot {
    /// What a contact on a platform takes of the agent, if the agent serves it: never more than the agent has, or nobody
    /// could ever take it.
    pub fn units_on(&self, platform: PlatformId) -> Option<i64> {
        self.counted.platforms.iter().find(|(served, _)| *served == platform).map(|(_, units)| *units)
    }

    pub fn has_skills(&self, skills: &[SkillId]) -> bool {
        skills.iter().all(|skill| self.counted.skills.binary_search(skill).is_ok())
    }

    pub fn presence(&self) -> Presence {
        self.row.as_ref().map_or(Presence::Offline, |row| row.presence)
    }

    pub fn capacity(&self) -> i64 {
        self.row.as_ref().map_or(0, |row| row.abilities.capacity_units)
    }

    /// What is free beside what is held.
    pub fn free(&self) -> i64 {
        self.capacity() - self.counted.used - self.counted.held
    }

    pub fn idle(&self, agent: AgentId) -> Idle {
        let turn = self.row.as_ref().map_or(0, |row| row.idle_turn);
        Idle { turn, name: self.name.clone(), agent }
    }

    /// Whether the agent is listed as having room on any platform.
    pub fn has_room(&self) -> bool {
        self.counted.listed.is_some()
    }

    /// Where it is listed.
    pub fn listed(&self) -> Option<&(i64, Vec<PlatformId>)> {
        self.counted.listed.as_ref()
    }
}

impl Agents {
    /// The number of an agent's name.
    pub fn intern(&mut self, name: &Name) -> AgentId {
        if let Some(id) = self.numbers.get(name) {
            return *id;
        }
        let id = AgentId(u32::try_from(self.slots.len()).unwrap_or(u32::MAX));
        self.slots.push(Slot { name: name.clone(), row: None, counted: Counted::default() });
        self.numbers.insert(name.clone(), id);
        id
    }

    /// The number of an agent that there is.
    pub fn find(&self, name: &str) -> Option<AgentId> {
        self.numbers.get(name).copied().filter(|id| self.row(*id).is_some())
    }

    pub fn get(&self, id: AgentId) -> Option<&Slot> {
        self.slots.get(id.0 as usize)
    }

    pub fn get_mut(&mut self, id: AgentId) -> Option<&mut Slot> {
        self.slots.get_mut(id.0 as usize)
    }

    pub fn row(&self, id: AgentId) -> Option<&Agent<QueueId>> {
        self.get(id)?.row.as_ref()
    }

    pub fn name(&self, id: AgentId) -> Name {
        self.get(id).map_or_else(|| "".into(), |slot| slot.name.clone())
    }

    /// All that there are.
    pub fn all(&self) -> impl Iterator<Item = (AgentId, &Slot)> {
        (0..).map(AgentId).zip(&self.slots).filter(|(_, slot)| slot.row.is_some())
    }

    /// What an agent is found by, and whether it is: among all, and among those with room.
    pub fn abilities_of(&self, id: AgentId) -> Vec<(Ability, (bool, bool))> {
        let Some(slot) = self.get(id) else { return vec![] };
        let platforms = slot.counted.platforms.iter();
        let all = platforms.flat_map(|(platform, _)| abilities(*platform, &slot.counted.skills));
        let idle = slot.idle(id);
        all.map(|ability| {
            let is_able = self.able(ability).is_some_and(|able| able.contains(&id));
            (ability, (is_able, self.with_room(ability).is_some_and(|room| room.contains(&idle))))
        })
        .collect()
    }

    /// Those with room who have an ability, the longest idle first.
    pub fn with_room(&self, ability: Ability) -> Option<&BTreeSet<Idle>> {
        self.room.get(&ability)
    }

    /// How many have an ability.
    pub fn able(&self, ability: Ability) -> Option<&BTreeSet<AgentId>> {
        self.able.get(&ability)
    }

    /// Of a platform and skills, the ability that fewest agents have.
    pub fn rarest(&self, platform: PlatformId, skills: &[SkillId]) -> Ability {
        let abilities = skills.iter().map(|skill| (platform, Some(*skill)));
        let rarest = abilities.min_by_key(|ability| self.able(*ability).map_or(0, BTreeSet::len));
        rarest.unwrap_or((platform, None))
    }

    /// The same among those with room.
    pub fn rarest_with_room(&self, platform: PlatformId, skills: &[SkillId]) -> Ability {
        let abilities = skills.iter().map(|skill| (platform, Some(*skill)));
        let rarest = abilities.min_by_key(|ability| self.with_room(*ability).map_or(0, BTreeSet::len));
        rarest.unwrap_or((platform, None))
    }

    /// Replaces the agent's row, whatever follows from it; the caller lists it anew.
    pub fn replace(
        &mut self,
        id: AgentId,
        row: Option<Agent<QueueId>>,
        platforms: &mut Names,
        skills: &mut Names,
    ) -> Option<Agent<QueueId>> {
        let of = |row: &Option<Agent<QueueId>>| row.as_ref().map(|row| row.abilities.clone());
        let before = of(&self.get(id)?.row);
        let after = of(&row);
        if before != after {
            self.unlist(id);
            self.set_abilities(id, after.as_deref(), platforms, skills);
        }
        std::mem::replace(&mut self.get_mut(id)?.row, row)
    }

    fn set_abilities(
        &mut self,
        id: AgentId,
        after: Option<&Abilities>,
        platforms: &mut Names,
        skills: &mut Names,
    ) {
        self.toggle_able(id, false);
        let Some(slot) = self.slots.get_mut(id.0 as usize) else { return };
        let counted = &mut slot.counted;
        counted.platforms.clear();
        counted.skills.clear();
        if let Some(after) = after {
            let units = |cost: i64| cost.min(after.capacity_units);
            let served = after.platforms.iter();
            counted.platforms.extend(
                served.map(|(name, how)| (PlatformId(platforms.intern(name)), units(how.cost_units))),
            );
            counted.skills.extend(after.skills.iter().map(|name| SkillId(skills.intern(name))));
            counted.skills.sort_unstable();
        }
        self.toggle_able(id, true);
    }

    fn toggle_able(&mut self, id: AgentId, add: bool) {
        let Some(slot) = self.slots.get(id.0 as usize) else { return };
        for (platform, _) in &slot.counted.platforms {
            for ability in abilities(*platform, &slot.counted.skills) {
                let set = self.able.entry(ability).or_default();
                toggle(set, id, add);
                if set.is_empty() {
                    self.able.remove(&ability);
                }
            }
        }
    }

    /// Takes the agent out of the lists of those with room.
    fn unlist(&mut self, id: AgentId) {
        let Some(slot) = self.slots.get_mut(id.0 as usize) else { return };
        let Some((turn, platforms)) = slot.counted.listed.take() else { return };
        let idle = Idle { turn, name: slot.name.clone(), agent: id };
        for platform in platforms {
            for ability in abilities(platform, &slot.counted.skills) {
                if let Some(set) = self.room.get_mut(&ability) {
                    set.remove(&idle);
                    if set.is_empty() {
                        self.room.remove(&ability);
                    }
                }
            }
        }
    }

    /// Lists the agent where it has room now.
    pub fn list(&mut self, id: AgentId, platforms: Vec<PlatformId>) {
        let Some(slot) = self.slots.get(id.0 as usize) else { return };
        let idle = slot.idle(id);
        let wanted = (!platforms.is_empty()).then_some((idle.turn, platforms));
        if wanted == slot.counted.listed {
            return;
        }
        self.unlist(id);
        let Some(slot) = self.slots.get_mut(id.0 as usize) else { return };
        for platform in wanted.iter().flat_map(|(_, platforms)| platforms) {
            for ability in abilities(*platform, &slot.counted.skills) {
                self.room.entry(ability).or_default().insert(idle.clone());
            }
        }
        slot.counted.listed = wanted;
    }
}

/// A platform alone and with each skill.
pub(super) fn abilities(platform: PlatformId, skills: &[SkillId]) -> impl Iterator<Item = Ability> {
    std::iter::once((platform, None)).chain(skills.iter().map(move |skill| (platform, Some(*skill))))
}
