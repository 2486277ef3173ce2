//! Random commands that mostly make sense in a state.

use std::{collections::BTreeMap, sync::Arc};

use segue_core::Random;

use crate::{
    decider::{Command, Texts},
    domain::{
        self, Abilities, By, CodeHash, ContactId, Leaving, Name, Presence, Priority, PutEntry, ReplicaId,
        Row, Served, Stage, State, StreamId, Submit, To,
    },
    store::{contacts, entries},
};

pub(super) const AGENTS: [&str; 3] = ["a0", "a1", "a2"];
const PLATFORMS: [&str; 2] = ["chat", "voice"];
const SKILLS: [&str; 2] = ["claims", "english"];
const HANDOFFS: u32 = 4;
const STREAMS: u32 = 5;

/// What every history begins with, so that something can happen in it.
pub(super) fn opening(random: &Random) -> Vec<Command> {
    let mut commands = vec![];
    for agent in AGENTS {
        commands.push(command(random, put_agent(random, agent)));
        let (agent, presence, leaving) = (agent.into(), Presence::Available, Leaving::AtOnce);
        commands.push(command(random, domain::Command::SetPresence { agent, presence, leaving }));
    }
    commands
}

/// A command for what a replica knows, which others may have changed.
pub(super) fn next(random: &Random, state: &State, over: &[ContactId]) -> Command {
    let contacts = Contacts::of(state, over);
    command(random, of_contacts(random, state, &contacts))
}

fn command(random: &Random, what: domain::Command) -> Command {
    let texts = match &what {
        domain::Command::Submit(_) => {
            Texts::Contact(contacts::Texts { subject: "a question".to_owned(), ..Default::default() })
        }
        domain::Command::PutEntry(_) => Texts::Entry(entries::Texts::default()),
        _ => Texts::None,
    };
    let keep = if random.below(2) == 0 { Some((|_| vec![1]) as fn(&_) -> _) } else { None };
    Command { what, texts, reason: String::new(), is_administrative: random.below(2) == 0, keep }
}

/// Contacts by what can be done with them, each with its agent.
struct Contacts {
    offered: Vec<(ContactId, Name)>,
    assigned: Vec<(ContactId, Name)>,
    wrap_ups: Vec<(ContactId, Name)>,
    all: Vec<ContactId>,
}

impl Contacts {
    fn of(state: &State, over: &[ContactId]) -> Self {
        let mut these = Self { offered: vec![], assigned: vec![], wrap_ups: vec![], all: over.to_vec() };
        for row in state.rows().rows {
            match row {
                Row::Contact(id, contact) => {
                    these.all.push(id);
                    match contact.stage {
                        Stage::Offered { agent, .. } => these.offered.push((id, agent)),
                        Stage::Assigned { agent, .. } => these.assigned.push((id, agent)),
                        Stage::Waiting | Stage::Over { .. } => {}
                    }
                }
                Row::WrapUp(id, Some(wrap_up)) => these.wrap_ups.push((id, wrap_up.agent)),
                _ => {}
            }
        }
        // The state's rows are in no order, and a seed must always lead to the same history.
        these.all.sort_unstable();
        for some in [&mut these.offered, &mut these.assigned, &mut these.wrap_ups] {
            some.sort_unstable();
        }
        these
    }

    fn any(&self, random: &Random) -> ContactId {
        pick(random, &self.all).unwrap_or(ContactId(1))
    }

    /// One of some, or seldom any with any agent, so that refusals are among them.
    fn one(&self, random: &Random, of: &[(ContactId, Name)]) -> (ContactId, Name) {
        match pick(random, of) {
            Some(one) if random.below(12) > 0 => one,
            _ => (self.any(random), agent(random)),
        }
    }
}

fn of_contacts(random: &Random, state: &State, contacts: &Contacts) -> domain::Command {
    match random.below(100) {
        0..22 => submit(random, contacts),
        22..34 => {
            let (contact, agent) = contacts.one(random, &contacts.offered);
            domain::Command::Accept { contact, agent }
        }
        34..38 => {
            let (contact, agent) = contacts.one(random, &contacts.offered);
            domain::Command::Decline { contact, agent }
        }
        38..48 => {
            let (contact, agent) = contacts.one(random, &contacts.assigned);
            domain::Command::Complete { contact, agent }
        }
        48..51 => domain::Command::Abandon { contact: contacts.any(random) },
        51..54 => domain::Command::SetPriority { contact: contacts.any(random), class: class(random) },
        54..57 => {
            let (contact, agent) = contacts.one(random, &contacts.wrap_ups);
            domain::Command::FinishWrapUp { contact, agent }
        }
        57..61 => transfer(random, contacts),
        61..68 => put_entry(random, state),
        68..75 => domain::Command::Admit {
            handoff: handoff(random),
            code: code(random),
            platform: platform(random),
            session: session(random),
        },
        75..77 => domain::Command::Release { handoff: handoff(random) },
        77..90 => of_agents(random),
        _ => domain::Command::Due { most: [1, 3, 20][random.below(3) as usize] },
    }
}

fn of_agents(random: &Random) -> domain::Command {
    let (replica, stream) = (ReplicaId(1 + u128::from(random.below(3))), stream(random));
    match random.below(13) {
        0..4 => {
            let presence = [Presence::Available, Presence::Available, Presence::Away, Presence::Offline]
                [random.below(4) as usize];
            let leaving = if random.below(2) == 0 { Leaving::AtOnce } else { Leaving::AfterGrace };
            domain::Command::SetPresence { agent: agent(random), presence, leaving }
        }
        4 => put_agent(random, AGENTS[random.below(3) as usize]),
        // Also one of whom nothing was ever known.
        5 => domain::Command::DeleteAgent { agent: format!("a{}", random.below(5)).into() },
        6..9 => domain::Command::Connect { replica, stream, agent: agent(random) },
        9 => domain::Command::Disconnect { stream },
        10 => domain::Command::Renew {
            replica,
            for_ms: 15_000,
            streams: vec![(stream, agent(random))],
            closed: vec![self::stream(random)],
        },
        11 => domain::Command::Leave { replica },
        _ => domain::Command::Acknowledge { agent: agent(random), seq: i64::from(random.below(20)) },
    }
}

fn put_agent(random: &Random, agent: &str) -> domain::Command {
    let mut platforms = BTreeMap::new();
    for platform in PLATFORMS {
        if random.below(5) > 0 {
            let cost_units = [33, 50, 100][random.below(3) as usize];
            let wrap_up_seconds = [0, 30][random.below(2) as usize];
            platforms.insert(platform.into(), Served { cost_units, wrap_up_seconds });
        }
    }
    let capacity_units = [100, 133, 200][random.below(3) as usize];
    let skills = skills(random, 2);
    let abilities = Abilities { display_name: agent.into(), capacity_units, skills, platforms };
    domain::Command::PutAgent { agent: agent.into(), abilities: Arc::new(abilities) }
}

fn submit(random: &Random, contacts: &Contacts) -> domain::Command {
    domain::Command::Submit(Submit {
        platform: platform(random),
        session: session(random),
        skills: skills(random, 4),
        class: class(random),
        ttl_ms: [None, None, Some(30_000)][random.below(3) as usize],
        rejoins: (random.below(4) == 0).then(|| contacts.any(random)),
    })
}

fn transfer(random: &Random, contacts: &Contacts) -> domain::Command {
    let (contact, agent) = contacts.one(random, &contacts.assigned);
    let to = match random.below(3) {
        0 => To::Agent(self::agent(random)),
        1 => To::Skills(skills(random, 3)),
        _ => To::Line,
    };
    let by = if random.below(3) == 0 { By::Supervisor } else { By::Agent(agent) };
    domain::Command::Transfer { contact, by, to, class: (random.below(3) == 0).then(|| class(random)) }
}

fn put_entry(random: &Random, state: &State) -> domain::Command {
    domain::Command::PutEntry(PutEntry {
        handoff: handoff(random),
        generation: 1 + i64::from(random.below(3)),
        agent: agent(random),
        source_platform: platform(random),
        source_session: session(random),
        target_platform: platform(random),
        cost_units: 100,
        same_agent_only: random.below(4) == 0,
        expires_at: state.clock().1 + 600_000,
        codes: vec![code(random)],
    })
}

fn agent(random: &Random) -> Name {
    AGENTS[random.below(AGENTS.len() as u32) as usize].into()
}

fn platform(random: &Random) -> Name {
    PLATFORMS[random.below(PLATFORMS.len() as u32) as usize].into()
}

fn session(random: &Random) -> Name {
    format!("s{}", random.below(8)).into()
}

fn handoff(random: &Random) -> Name {
    format!("h{}", random.below(HANDOFFS)).into()
}

fn code(random: &Random) -> CodeHash {
    CodeHash(format!("code {}", random.below(HANDOFFS)).into())
}

fn stream(random: &Random) -> StreamId {
    StreamId(1 + u128::from(random.below(STREAMS)))
}

fn class(random: &Random) -> Priority {
    [Priority::Low, Priority::Normal, Priority::High, Priority::Urgent][random.below(4) as usize]
}

fn skills(random: &Random, rarity: u32) -> std::collections::BTreeSet<Name> {
    SKILLS.into_iter().filter(|_| random.below(rarity) == 0).map(Name::from).collect()
}

fn pick<T: Clone>(random: &Random, some: &[T]) -> Option<T> {
    some.get(random.below(some.len() as u32) as usize).cloned()
}
