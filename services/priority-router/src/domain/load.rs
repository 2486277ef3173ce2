//! From rows to the state and back.

use std::collections::BTreeSet;

use super::{
    Agent, AgentId, Contact, EntryRow, Held, Name, QueueName, Row, Rows, Rules, Stage, State, Stream, WrapUp,
    names::{PlatformId, QueueId, SkillId},
};

impl State {
    /// The state that the rows tell of.
    pub fn load(rules: Rules, rows: Rows) -> Self {
        let mut state = Self::new(rules);
        state.apply(rows);
        state
    }

    /// Takes over rows that another replica has committed. Nothing may be undecided here.
    pub fn apply(&mut self, rows: Rows) {
        self.silently(|state| {
            for row in rows.rows {
                state.apply_row(row);
            }
            state.put_clock(state.turn.max(rows.turn), state.now_ms.max(rows.now_ms));
        });
        self.commit();
    }

    fn apply_row(&mut self, row: Row) {
        match row {
            Row::Agent(name, row) => {
                let id = self.agents.intern(&name);
                let row = row.map(|row| row.map(|queue| self.queue(&queue.platform, &queue.skills)));
                self.put_agent(id, row);
            }
            Row::Contact(id, row) => {
                let is_over = matches!(row.stage, Stage::Over { .. });
                let held = (!is_over).then(|| self.held(row));
                self.put_contact(id, held);
            }
            Row::Entry(handoff, EntryRow::Live(entry)) => self.put_entry(&handoff, Some(entry)),
            Row::Entry(handoff, _) => self.put_entry(&handoff, None),
            Row::BackOff(id, agent, until) => {
                let agent = self.agents.intern(&agent);
                self.put_back_off(id, agent, until);
            }
            Row::WrapUp(id, row) => {
                let row = row.map(|row| WrapUp {
                    agent: self.agents.intern(&row.agent),
                    units: row.units,
                    until: row.until,
                });
                self.put_wrap_up(id, row);
            }
            Row::Stream(id, row) => {
                let row =
                    row.map(|row| Stream { agent: self.agents.intern(&row.agent), replica: row.replica });
                self.put_stream(id, row);
            }
            Row::Replica(id, until) => self.put_replica(id, until),
        }
    }

    /// All rows, in no order.
    pub fn rows(&self) -> Rows {
        let mut rows = vec![];
        for (_, slot) in self.agents.all() {
            let row = slot.row.clone().map(|row| self.row_of_agent(row));
            rows.push(Row::Agent(slot.name.clone(), row));
        }
        for (id, held) in self.contacts.iter() {
            rows.push(Row::Contact(*id, self.row_of_contact(held.clone())));
        }
        for (handoff, entry) in &self.entries {
            rows.push(Row::Entry(handoff.clone(), EntryRow::Live(entry.clone())));
        }
        for ((id, agent), until) in &self.back_offs {
            rows.push(Row::BackOff(*id, self.agents.name(*agent), Some(*until)));
        }
        for (id, row) in &self.wrap_ups {
            rows.push(Row::WrapUp(*id, Some(self.row_of_wrap_up(row.clone()))));
        }
        for (id, row) in &self.streams {
            rows.push(Row::Stream(*id, Some(self.row_of_stream(row.clone()))));
        }
        rows.extend(self.replicas.iter().map(|(id, until)| Row::Replica(*id, Some(*until))));
        Rows { turn: self.turn, now_ms: self.now_ms, rows }
    }

    /// The queue of a platform and skills.
    pub(super) fn queue(&mut self, platform: &str, skills: &BTreeSet<Name>) -> QueueId {
        let platform = PlatformId(self.platforms.intern(platform));
        let mut skills: Vec<SkillId> =
            skills.iter().map(|skill| SkillId(self.skills.intern(skill))).collect();
        skills.sort_unstable();
        let listed = self.agents.rarest(platform, &skills);
        self.queues.ensure(platform, skills.into(), listed)
    }

    pub(super) fn queue_name(&self, id: QueueId) -> QueueName {
        let Some(queue) = self.queues.get(id) else {
            return QueueName { platform: "".into(), skills: BTreeSet::new() };
        };
        QueueName {
            platform: self.platforms.name(queue.platform.0),
            skills: queue.skills.iter().map(|skill| self.skills.name(skill.0)).collect(),
        }
    }

    fn held(&mut self, row: Contact) -> Held {
        let queue = self.queue(&row.queue.platform, &row.queue.skills);
        row.map(|name| self.agents.intern(&name), |_| queue)
    }

    pub(super) fn row_of_contact(&self, held: Held) -> Contact {
        held.map(|agent| self.agents.name(agent), |queue| self.queue_name(queue))
    }

    pub(super) fn row_of_agent(&self, agent: Agent<QueueId>) -> Agent {
        agent.map(|queue| self.queue_name(queue))
    }

    pub(super) fn row_of_wrap_up(&self, row: WrapUp<AgentId>) -> WrapUp {
        WrapUp { agent: self.agents.name(row.agent), units: row.units, until: row.until }
    }

    pub(super) fn row_of_stream(&self, row: Stream<AgentId>) -> Stream {
        Stream { agent: self.agents.name(row.agent), replica: row.replica }
    }
}
