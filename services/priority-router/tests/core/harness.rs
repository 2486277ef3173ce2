//! The core, given the model's commands by a decider that commits some of them together.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use priority_router::{
    Rules,
    domain::{
        self, Abilities, Answer, By, CodeHash, Contact, ContactId, ContactState, EventKind, Given, Leaving,
        Name, Priority, PutEntry, Refused, ReplicaId, Rows, Served, Stage, State, StreamId, Submit,
    },
};

use crate::{
    command::{Command, To},
    reference::{Model, TTL_MS},
    tables::Tables,
};

const BOUNDS: &[usize] = &[1, 3, 1000];
const REPLICA: ReplicaId = ReplicaId(7);
const START: i64 = 1_700_000_000_000;

pub struct Core {
    pub state: State,
    pub tables: Tables,
    /// What was decided and is not committed yet.
    pub uncommitted: Rows,
    pub now: i64,
    /// How far the clock of the replica that decides lags behind.
    pub skew: i64,
    pub logs: Vec<Vec<(EventKind, Option<usize>)>>,
    pub served: BTreeMap<(usize, Priority), [i32; 3]>,
    pub answer: Vec<usize>,
    desks: BTreeMap<usize, StreamId>,
    streams: u128,
    /// Where the customers of handoffs go.
    targets: BTreeMap<usize, usize>,
    names: Names,
}

/// Names are made once.
#[derive(Clone)]
pub struct Names {
    agents: Vec<Name>,
    platforms: Vec<Name>,
    skills: Vec<Name>,
    own: Name,
}

impl Names {
    fn new() -> Self {
        let some = |prefix: &str| (0..4).map(|number| Name::from(format!("{prefix}{number}"))).collect();
        Self { agents: some("a"), platforms: some("p"), skills: some("s"), own: "own".into() }
    }

    pub fn agent(&self, agent: usize) -> Name {
        self.agents[agent].clone()
    }
}

impl Core {
    pub fn new(rules: Rules, is_whole: bool) -> Self {
        let mut core = Self {
            state: State::new(rules),
            tables: Tables::new(is_whole),
            uncommitted: Rows::default(),
            now: START,
            skew: 0,
            logs: vec![],
            served: BTreeMap::new(),
            answer: vec![],
            desks: BTreeMap::new(),
            streams: 0,
            targets: BTreeMap::new(),
            names: Names::new(),
        };
        let renew =
            domain::Command::Renew { replica: REPLICA, for_ms: i64::MAX, streams: vec![], closed: vec![] };
        core.decide(&renew).unwrap();
        core
    }

    pub fn model(rules: Rules) -> Model {
        Model::new(rules, BOUNDS, START)
    }

    /// Writes what was decided since the last commit.
    pub fn commit(&mut self) -> Rows {
        let (turn, now_ms) = self.state.clock();
        let rows = Rows { turn, now_ms, ..std::mem::take(&mut self.uncommitted) };
        self.tables.write(&rows);
        self.state.commit();
        rows
    }

    pub fn decide(&mut self, command: &domain::Command) -> Result<Answer, Refused> {
        let past = self.tables.past(&self.state.needs(command));
        let given = Given { id: ContactId(self.logs.len() as u128 + 1), past };
        let decision = self.state.decide(command, self.now - self.skew, &given)?;
        for event in &decision.events {
            let index = event.contact.0 as usize - 1;
            if index == self.logs.len() {
                self.logs.push(vec![]);
            }
            let told = event.told.as_ref().map(|(name, _)| number(name));
            self.logs[index].push((event.kind, told));
            assert_eq!(event.seq as usize, self.logs[index].len());
        }
        for ((platform, class), count) in &decision.counts {
            let counts = [count.answered as i32, count.answered_in_time as i32, count.abandoned as i32];
            if counts != [0; 3] {
                let served = self.served.entry((number(platform), *class)).or_default();
                (0..3).for_each(|index| served[index] += counts[index]);
            }
        }
        self.uncommitted.rows.extend(decision.changes);
        Ok(decision.answer)
    }

    pub fn run(&mut self, command: &Command) -> Result<(), Refused> {
        self.answer.clear();
        match command {
            Command::Advance { ms, most } => {
                (self.now, self.skew) = (self.now + ms, 0);
                while self.decide(&domain::Command::Due { most: *most })? == Answer::More(true) {}
            }
            Command::Connect { agent } => {
                self.streams += 1;
                let stream = StreamId(self.streams);
                let name = self.names.agent(*agent);
                self.decide(&domain::Command::Connect { replica: REPLICA, stream, agent: name })?;
                // An earlier stream of the same desk ends after the new one has begun.
                if let Some(stream) = self.desks.insert(*agent, stream) {
                    self.decide(&domain::Command::Disconnect { stream })?;
                }
            }
            Command::Disconnect { agent } => {
                if let Some(stream) = self.desks.remove(agent) {
                    self.decide(&domain::Command::Disconnect { stream })?;
                }
            }
            _ => {
                let answer = self.decide(&self.translated(command))?;
                self.answer = match answer {
                    Answer::Contact(id) => vec![id.0 as usize - 1],
                    Answer::SignedOut(_, had) => had.iter().map(|id| id.0 as usize - 1).collect(),
                    _ => vec![],
                };
                match command {
                    Command::DeleteAgent { agent } => drop(self.desks.remove(agent)),
                    Command::PutEntry { handoff, target, .. } => {
                        self.targets.entry(*handoff).or_insert(*target);
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn skills(&self, skills: &[usize]) -> BTreeSet<Name> {
        skills.iter().map(|skill| self.names.skills[*skill].clone()).collect()
    }

    fn translated(&self, command: &Command) -> domain::Command {
        let agent = |agent: &usize| self.names.agent(*agent);
        let contact = |index: &usize| ContactId(*index as u128 + 1);
        match command {
            Command::SetPriority { contact: id, priority } => {
                domain::Command::SetPriority { contact: contact(id), class: *priority }
            }
            Command::Accept { contact: id, agent: of } => {
                domain::Command::Accept { contact: contact(id), agent: agent(of) }
            }
            Command::Decline { contact: id, agent: of } => {
                domain::Command::Decline { contact: contact(id), agent: agent(of) }
            }
            Command::Complete { contact: id, agent: of } => {
                domain::Command::Complete { contact: contact(id), agent: agent(of) }
            }
            Command::FinishWrapUp { contact: id, agent: of } => {
                domain::Command::FinishWrapUp { contact: contact(id), agent: agent(of) }
            }
            Command::Abandon { contact: id } => domain::Command::Abandon { contact: contact(id) },
            Command::Transfer { contact: id, by, to, class } => domain::Command::Transfer {
                contact: contact(id),
                by: by.map_or(By::Supervisor, |by| By::Agent(agent(&by))),
                to: match to {
                    To::Agent(id) => domain::To::Agent(agent(id)),
                    To::Skills(skills) => domain::To::Skills(self.skills(skills)),
                    To::Line => domain::To::Line,
                },
                class: *class,
            },
            _ => self.translated_agent(command),
        }
    }

    fn translated_agent(&self, command: &Command) -> domain::Command {
        let agent = |agent: &usize| self.names.agent(*agent);
        match command {
            Command::PutAgent { agent: id, capacity, skills, platforms } => {
                let served = |(platform, cost_units, wrap_up_seconds): &(usize, i64, i64)| {
                    let how = Served { cost_units: *cost_units, wrap_up_seconds: *wrap_up_seconds };
                    (self.names.platforms[*platform].clone(), how)
                };
                let abilities = Arc::new(Abilities {
                    display_name: "".into(),
                    capacity_units: *capacity,
                    skills: self.skills(skills).into_iter().chain([self.names.own.clone()]).collect(),
                    platforms: platforms.iter().map(served).collect(),
                });
                domain::Command::PutAgent { agent: agent(id), abilities }
            }
            Command::DeleteAgent { agent: id } => domain::Command::DeleteAgent { agent: agent(id) },
            Command::SetPresence { agent: id, presence, at_once } => {
                let leaving = if *at_once { Leaving::AtOnce } else { Leaving::AfterGrace };
                domain::Command::SetPresence { agent: agent(id), presence: *presence, leaving }
            }
            _ => self.translated_customer(command),
        }
    }

    fn translated_entry(&self, command: &Command) -> domain::Command {
        let Command::PutEntry { handoff, generation, agent, source, target, same_agent_only } = command
        else {
            unreachable!("{command:?}")
        };
        let row = self.row(ContactId(*source as u128 + 1));
        let (platform, session) = row
            .map_or(("none".into(), "none".into()), |row| (row.queue.platform.clone(), row.session.clone()));
        domain::Command::PutEntry(PutEntry {
            handoff: handoff_name(*handoff),
            generation: *generation,
            agent: self.names.agent(*agent),
            source_platform: platform,
            source_session: session,
            target_platform: self.names.platforms[*target].clone(),
            cost_units: 100,
            same_agent_only: *same_agent_only,
            expires_at: self.now + TTL_MS,
            codes: vec![code(*handoff)],
        })
    }

    fn translated_customer(&self, command: &Command) -> domain::Command {
        let session = |session: &usize| Name::from(format!("c{session}"));
        match command {
            Command::Submit { platform, session: of, skills, priority, ttl_ms, rejoins } => {
                domain::Command::Submit(Submit {
                    platform: self.names.platforms[*platform].clone(),
                    session: session(of),
                    skills: self.skills(skills),
                    class: *priority,
                    ttl_ms: *ttl_ms,
                    rejoins: rejoins.map(|index| ContactId(index as u128 + 1)),
                })
            }
            Command::PutEntry { .. } => self.translated_entry(command),
            Command::Admit { handoff, session: of } => domain::Command::Admit {
                handoff: handoff_name(*handoff),
                code: code(*handoff),
                platform: self.target(*handoff),
                session: session(of),
            },
            Command::Release { handoff } => domain::Command::Release { handoff: handoff_name(*handoff) },
            other => unreachable!("{other:?}"),
        }
    }

    /// Decides, and forgets all that came of it but what the state remembers.
    pub fn tried(&mut self, command: &Command) {
        let (logs, served, rows) = (self.logs.clone(), self.served.clone(), self.uncommitted.clone());
        let (now, desks, targets) = (self.now, self.desks.clone(), self.targets.clone());
        let _ = self.run(command);
        (self.logs, self.served, self.uncommitted) = (logs, served, rows);
        (self.now, self.desks, self.targets) = (now, desks, targets);
    }

    pub fn agent_name(&self, agent: usize) -> Name {
        self.names.agent(agent)
    }

    /// How a contact ended, and with whom.
    pub fn ended(&self, id: ContactId) -> Option<(ContactState, Option<usize>)> {
        match &self.row(id)?.stage {
            Stage::Over { ending, agent } => Some((ending.state(), agent.as_ref().map(|name| number(name)))),
            _ => None,
        }
    }

    /// A contact's row, committed or not.
    fn row(&self, id: ContactId) -> Option<&Contact> {
        let written = self.uncommitted.rows.iter().rev().find_map(|row| match row {
            domain::Row::Contact(other, contact) if *other == id => Some(contact),
            _ => None,
        });
        written.or_else(|| self.tables.contact(id))
    }

    /// Where the customer of a handoff goes.
    fn target(&self, handoff: usize) -> Name {
        self.targets
            .get(&handoff)
            .map_or_else(|| "none".into(), |target| self.names.platforms[*target].clone())
    }
}

pub fn number(name: &str) -> usize {
    name[1..].parse().unwrap()
}

fn handoff_name(handoff: usize) -> Name {
    format!("h{handoff}").into()
}

fn code(handoff: usize) -> CodeHash {
    CodeHash(format!("code of {handoff}").into())
}
