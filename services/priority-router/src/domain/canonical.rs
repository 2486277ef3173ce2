//! What a state says, whatever numbers its names have: two states are equal when they say the same.

use std::{collections::BTreeSet, fmt::Debug};

use super::State;

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.canonical() == other.canonical()
    }
}

impl Eq for State {}

impl State {
    /// Everything in it, rows and what follows from them, as lines of text that show where two states differ.
    pub fn canonical(&self) -> BTreeSet<String> {
        let mut lines = BTreeSet::new();
        let rows = self.rows();
        lines.insert(format!("turn {} now {}", rows.turn, rows.now_ms));
        lines.extend(rows.rows.iter().map(|row| format!("{row:?}")));
        lines.insert(format!("{:?}", self.due));
        self.say_agents(&mut lines);
        self.say_queues(&mut lines);
        for (platform, session, id) in &self.sessions {
            lines.insert(format!("session {} {session} {id:?}", self.platforms.name(platform.0)));
        }
        let mut codes: Vec<_> = self.codes.iter().map(|(code, handoff)| (&code.0, handoff)).collect();
        codes.sort_unstable();
        lines.insert(format!("codes {codes:?}"));
        lines.insert(format!("streams {:?}", self.streams_of));
        lines
    }

    fn say_agents(&self, lines: &mut BTreeSet<String>) {
        for (id, slot) in self.agents.all() {
            let counted = &slot.counted;
            let what = (
                &counted.contacts,
                &counted.own,
                &counted.named,
                &counted.wrap_ups,
                &counted.entries,
                &counted.streams,
            );
            let units = (counted.used, counted.wrap_up, counted.held, counted.ringing);
            lines.insert(format!("agent {} {what:?} {units:?}", slot.name));
            let listed = slot
                .listed()
                .map(|(turn, platforms)| (turn, sorted(platforms, |id| self.platforms.name(id.0))));
            lines.insert(format!("agent {} has room {listed:?}", slot.name));
            for (ability, found) in self.agents.abilities_of(id) {
                let skill = ability.1.map(|skill| self.skills.name(skill.0));
                lines.insert(format!(
                    "agent {} {} {skill:?} {found:?}",
                    slot.name,
                    self.platforms.name(ability.0.0)
                ));
            }
        }
    }

    fn say_queues(&self, lines: &mut BTreeSet<String>) {
        for (id, queue) in self.queues.all() {
            let name = self.queue_name(id);
            let waiting: BTreeSet<_> = queue.open().collect();
            let kept = sorted(&queue.kept.iter().copied().collect::<Vec<_>>(), |id| self.agents.name(*id));
            let head = self.queues.is_listed(id);
            lines.insert(format!("{name:?} {waiting:?} {:?} {kept:?} {head}", queue.reserved));
        }
    }
}

fn sorted<T, N: Ord + Debug>(numbers: &[T], name: impl Fn(&T) -> N) -> Vec<N> {
    let mut names: Vec<N> = numbers.iter().map(name).collect();
    names.sort_unstable();
    names
}
