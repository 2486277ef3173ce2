//! Random commands. They name contacts by number, so that a sequence still means something when some are left out.

use priority_router::domain::{Presence, Priority};
use segue_core::Random;

use crate::reference::Model;

pub const PLATFORMS: [&str; 2] = ["chat", "voice"];
pub const SKILLS: [&str; 2] = ["claims", "english"];
pub const AGENTS: usize = 3;
pub const HANDOFFS: usize = 3;
pub const MOST: usize = 30;

#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    PutAgent {
        agent: usize,
        capacity: i64,
        skills: Vec<usize>,
        platforms: Vec<(usize, i64, i64)>,
    },
    DeleteAgent {
        agent: usize,
    },
    SetPresence {
        agent: usize,
        presence: Presence,
        at_once: bool,
    },
    Connect {
        agent: usize,
    },
    Disconnect {
        agent: usize,
    },
    Submit {
        platform: usize,
        session: usize,
        skills: Vec<usize>,
        priority: Priority,
        ttl_ms: Option<i64>,
        rejoins: Option<usize>,
    },
    SetPriority {
        contact: usize,
        priority: Priority,
    },
    Accept {
        contact: usize,
        agent: usize,
    },
    Decline {
        contact: usize,
        agent: usize,
    },
    Complete {
        contact: usize,
        agent: usize,
    },
    FinishWrapUp {
        contact: usize,
        agent: usize,
    },
    Abandon {
        contact: usize,
    },
    Transfer {
        contact: usize,
        by: Option<usize>,
        to: To,
        class: Option<Priority>,
    },
    PutEntry {
        handoff: usize,
        generation: i64,
        agent: usize,
        source: usize,
        target: usize,
        same_agent_only: bool,
    },
    Admit {
        handoff: usize,
        session: usize,
    },
    Release {
        handoff: usize,
    },
    Advance {
        ms: i64,
        most: usize,
    },
}

/// Where a contact is transferred to.
#[derive(Debug, Clone, PartialEq)]
pub enum To {
    Agent(usize),
    Skills(Vec<usize>),
    Line,
}

/// What a sequence is mostly about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Theme {
    /// A bit of all.
    Mixed,
    /// Calls and chats for the same agents, more than they can take: who passes whom, and for how long.
    Crowded,
}

/// The commands that every sequence begins with, so that something can happen in it.
pub fn opening(random: &Random, theme: Theme) -> Vec<Command> {
    let mut commands = vec![];
    for agent in 0..AGENTS {
        commands.push(match theme {
            Theme::Mixed => put_agent(random, agent),
            Theme::Crowded => serves_all(random, agent),
        });
        if random.below(5) > 0 {
            commands.push(Command::SetPresence { agent, presence: Presence::Available, at_once: true });
        }
    }
    commands
}

/// A command that mostly makes sense in the model's state.
pub fn next(random: &Random, theme: Theme, model: &Model) -> Command {
    if theme == Theme::Crowded && random.below(10) < 7 {
        return crowded(random, model);
    }
    let agent = random.below(AGENTS as u32) as usize;
    let handoff = random.below(HANDOFFS as u32) as usize;
    if random.below(100) < 10 {
        return rare(random, model, agent);
    }
    match random.below(100) {
        0..25 => submit(random, model),
        25..41 => answer(random, model),
        41..51 => {
            let (contact, agent) = with_agent(random, model, |contact| contact.is_assigned());
            Command::Complete { contact, agent }
        }
        51..54 => Command::Abandon { contact: any_contact(random, model) },
        54..57 => Command::SetPriority { contact: any_contact(random, model), priority: priority(random) },
        57..59 => {
            let (contact, agent) = with_agent(random, model, |contact| contact.is_over());
            Command::FinishWrapUp { contact, agent }
        }
        59..66 => Command::SetPresence { agent, presence: presence(random), at_once: random.below(2) == 0 },
        66..69 => put_agent(random, agent),
        69..73 => Command::Connect { agent },
        73..75 => Command::Disconnect { agent },
        75..83 => put_entry(random, model, handoff),
        83..90 => Command::Admit { handoff, session: session(random, model, handoff) },
        90..92 => Command::Release { handoff },
        _ => Command::Advance { ms: advance(random), most: most(random, model) },
    }
}

/// Commands that come seldom.
fn rare(random: &Random, model: &Model, agent: usize) -> Command {
    if random.below(6) == 0 {
        return Command::DeleteAgent { agent };
    }
    let (contact, with) = with_agent(random, model, |contact| contact.is_assigned());
    let to = match random.below(5) {
        0..3 => To::Agent(agent),
        3 => To::Skills(skills(random, 3)),
        _ => To::Line,
    };
    let is_supervisor = random.below(4) == 0;
    let contact = if is_supervisor { any_contact(random, model) } else { contact };
    let class = if random.below(3) == 0 { Some(priority(random)) } else { None };
    Command::Transfer { contact, by: (!is_supervisor).then_some(with), to, class }
}

/// A new conversation, or one that may be open already.
fn session(random: &Random, model: &Model, handoff: usize) -> usize {
    let new = 10 * model.contacts.len() + handoff;
    if random.below(3) > 0 {
        return new;
    }
    model.contacts.get(any_contact(random, model)).map_or(new, |contact| contact.session)
}

/// Most of what is due in one decision.
fn most(random: &Random, model: &Model) -> usize {
    pick(random, model.bounds)
}

/// Comings and goings of those who wait for the same few agents.
fn crowded(random: &Random, model: &Model) -> Command {
    match random.below(10) {
        0..4 => {
            let platform = usize::from(random.below(4) == 0);
            let session = session(random, model, HANDOFFS);
            Command::Submit {
                platform,
                session,
                skills: vec![],
                priority: priority(random),
                ttl_ms: None,
                rejoins: None,
            }
        }
        4..6 => {
            let (contact, agent) = with_agent(random, model, |contact| contact.is_offered());
            Command::Accept { contact, agent }
        }
        6..9 => {
            let (contact, agent) = with_agent(random, model, |contact| contact.is_assigned());
            Command::Complete { contact, agent }
        }
        // Within an offer's time, or beyond everybody's patience.
        _ => Command::Advance { ms: pick(random, &[10_000, 121_000]), most: most(random, model) },
    }
}

fn serves_all(random: &Random, agent: usize) -> Command {
    let platforms = vec![(0, 33, 0), (1, 100, 0)];
    Command::PutAgent { agent, capacity: pick(random, &[100, 100, 133]), skills: vec![0, 1], platforms }
}

fn put_agent(random: &Random, agent: usize) -> Command {
    let mut platforms = vec![];
    for platform in 0..PLATFORMS.len() {
        if random.below(5) > 0 {
            let cost =
                if platform == 0 { pick(random, &[33, 33, 50, 0]) } else { pick(random, &[100, 100, 60]) };
            platforms.push((platform, cost, pick(random, &[0, 0, 30])));
        }
    }
    let capacity = pick(random, &[100, 100, 100, 66, 200]);
    Command::PutAgent { agent, capacity, skills: skills(random, 2), platforms }
}

fn submit(random: &Random, model: &Model) -> Command {
    let platform = random.below(PLATFORMS.len() as u32) as usize;
    let session = session(random, model, HANDOFFS);
    let ttl_ms = pick(random, &[None, None, Some(30_000)]);
    let rejoins = (random.below(4) == 0).then(|| any_contact(random, model));
    Command::Submit {
        platform,
        session,
        skills: skills(random, 4),
        priority: priority(random),
        ttl_ms,
        rejoins,
    }
}

fn answer(random: &Random, model: &Model) -> Command {
    let (contact, agent) = with_agent(random, model, |contact| contact.is_offered());
    match random.below(4) {
        0 => Command::Decline { contact, agent },
        _ => Command::Accept { contact, agent },
    }
}

fn put_entry(random: &Random, model: &Model, handoff: usize) -> Command {
    let (source, mut agent) = with_agent(random, model, |contact| contact.is_assigned());
    if random.below(8) == 0 {
        agent = random.below(AGENTS as u32) as usize;
    }
    let target = random.below(PLATFORMS.len() as u32) as usize;
    let generation = 1 + i64::from(random.below(2));
    Command::PutEntry { handoff, generation, agent, source, target, same_agent_only: random.below(4) == 0 }
}

/// Most steps are short; the long ones cross one of the limits that routing goes by.
fn advance(random: &Random) -> i64 {
    let seconds = pick(random, &[1, 5, 16, 21, 31, 46, 46, 121, 181, 600, 1500]);
    seconds * 1000 + i64::from(random.below(3))
}

/// A contact of a kind and its agent, nearly always; else any, so that refusals are seen too.
fn with_agent(
    random: &Random,
    model: &Model,
    wanted: impl Fn(&crate::reference::Contact) -> bool,
) -> (usize, usize) {
    let found: Vec<_> = (0..model.contacts.len()).filter(|index| wanted(&model.contacts[*index])).collect();
    if found.is_empty() || random.below(12) == 0 {
        return (any_contact(random, model), random.below(AGENTS as u32) as usize);
    }
    let contact = found[random.below(found.len() as u32) as usize];
    (contact, model.contacts[contact].agent.unwrap_or_default())
}

fn any_contact(random: &Random, model: &Model) -> usize {
    random.below(model.contacts.len().max(1) as u32) as usize
}

/// Each skill once in so many.
fn skills(random: &Random, rarity: u32) -> Vec<usize> {
    (0..SKILLS.len()).filter(|_| random.below(rarity) == 0).collect()
}

fn priority(random: &Random) -> Priority {
    pick(random, &[Priority::Low, Priority::Normal, Priority::Normal, Priority::High, Priority::Urgent])
}

fn presence(random: &Random) -> Presence {
    pick(random, &[Presence::Offline, Presence::Available, Presence::Available, Presence::Away])
}

fn pick<T: Copy>(random: &Random, values: &[T]) -> T {
    values[random.below(values.len() as u32) as usize]
}
