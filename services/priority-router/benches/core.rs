//! The routing core alone: decisions a second on one processor core, and bytes of memory for a waiting contact, with 10,000
//! agents and 100,000 contacts that wait.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program for people, which may fail loudly")]

use std::{collections::BTreeSet, sync::Arc, time::Instant};

use priority_router::{
    Rules,
    domain::{
        Abilities, Answer, Command, ContactId, Decision, Given, Leaving, Name, Past, Presence, Priority,
        Served, State, Submit,
    },
};

const AGENTS: usize = 10_000;
const WAITING: usize = 100_000;
const SKILLS: usize = 30;
const DECISIONS: usize = 200_000;
/// Decisions that are committed together.
const BATCH: usize = 64;

struct Bench {
    state: State,
    now: i64,
    ids: u128,
}

impl Bench {
    fn run(&mut self, command: &Command) -> Decision {
        self.ids += 1;
        self.now += 1;
        if self.ids.is_multiple_of(BATCH as u128) {
            self.state.commit();
        }
        let given = Given { id: ContactId(self.ids), past: Past::default() };
        self.state.decide(command, self.now, &given).unwrap()
    }

    fn sign_in(&mut self, number: usize) {
        let skills = (0..3).map(|skill| skill_name(number + skill * 7)).collect();
        let served = |cost_units| Served { cost_units, wrap_up_seconds: 0 };
        let platforms = [("chat".into(), served(33)), ("voice".into(), served(100))].into();
        let abilities =
            Arc::new(Abilities { display_name: "".into(), capacity_units: 100, skills, platforms });
        let agent = agent_name(number);
        self.run(&Command::PutAgent { agent: agent.clone(), abilities });
        self.run(&Command::SetPresence { agent, presence: Presence::Available, leaving: Leaving::AtOnce });
    }

    fn submit(&mut self, number: usize) -> Decision {
        self.run(&Command::Submit(Submit {
            platform: if number.is_multiple_of(4) { "voice".into() } else { "chat".into() },
            session: format!("session-{number:028}").into(),
            skills: BTreeSet::from([skill_name(number)]),
            class: if number.is_multiple_of(10) { Priority::High } else { Priority::Normal },
            ttl_ms: None,
            rejoins: None,
        }))
    }

    /// Agents answer what they are offered and finish it, one after the other.
    fn serve(&mut self, decisions: usize) -> usize {
        let mut made = 0;
        for number in (0..AGENTS).cycle() {
            let agent = agent_name(number);
            let contacts = self.state.agent(&agent).unwrap().contacts;
            for contact in contacts {
                self.run(&Command::Accept { contact, agent: agent.clone() });
                let done = self.run(&Command::Complete { contact, agent: agent.clone() });
                assert!(matches!(done.answer, Answer::Contact(_)));
                made += 2;
            }
            if made >= decisions {
                break;
            }
        }
        made
    }
}

fn main() {
    let rules = Rules { offer_timeout_ms: i64::MAX / 2, patience_ms: i64::MAX / 2, ..Rules::default() };
    let mut bench = Bench { state: State::new(rules), now: 1_700_000_000_000, ids: 0 };
    let (before, start) = (resident_bytes(), Instant::now());
    (0..AGENTS).for_each(|number| bench.sign_in(number));
    report("agents put and signed in", 2 * AGENTS, start);
    println!("{} bytes an agent", (resident_bytes() - before) / AGENTS);

    // Three chats, or one call, until nobody has room; then the line.
    let mut next = 0;
    let start = Instant::now();
    while bench.submit(next).events.len() > 1 || next < 3 * AGENTS {
        next += 1;
    }
    report("submitted and offered at once", next, start);
    let (before, start) = (resident_bytes(), Instant::now());
    for _ in 0..WAITING {
        next += 1;
        bench.submit(next);
    }
    report("submitted into the line", WAITING, start);
    println!("{} bytes a waiting contact", (resident_bytes() - before) / WAITING);

    let start = Instant::now();
    let made = bench.serve(DECISIONS / 4);
    report("accepted and completed, with the next from the line", made, start);

    bench.state.commit();
    let rows = bench.state.rows();
    let (count, start) = (rows.rows.len(), Instant::now());
    let loaded = State::load(rules, rows);
    report("rows loaded", count, start);
    assert_eq!(loaded.clock(), bench.state.clock());
}

fn report(what: &str, count: usize, start: Instant) {
    let took = start.elapsed();
    println!("{what}: {count} in {took:.2?}, {:.0} a second", count as f64 / took.as_secs_f64());
}

fn agent_name(number: usize) -> Name {
    format!("agent-{number}").into()
}

fn skill_name(number: usize) -> Name {
    format!("skill-{}", number % SKILLS).into()
}

/// What the process takes of memory now; 0 where that can't be told.
fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = status.split_whitespace().nth(1).and_then(|pages| pages.parse::<usize>().ok());
    pages.unwrap_or_default() * 4096
}
