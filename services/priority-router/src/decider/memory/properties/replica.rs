//! A replica in a history.

use std::{collections::BTreeSet, sync::Arc};

use futures::FutureExt as _;
use segue_core::{ManualClock, Random};
use segue_store::Engine;
use tokio::task::unconstrained;

use super::{
    super::{Memory, Time},
    REPLICAS,
    commands::AGENTS,
};
use crate::{
    decider::{Listener, News, Notifier, Topic},
    domain::{Agent, Row, Rules},
    metrics::Metrics,
    store::turns::TurnId,
};

const START: i64 = 1_700_000_000_000;
/// How far the database's clock seems to be off for each replica: it is set back and forth between their turns.
const CLOCKS: [i64; REPLICAS] = [0, 7_000, -40_000];

/// A replica's memory, and what its streams heard.
pub(super) struct Replica {
    pub memory: Memory,
    pub clock: Arc<ManualClock>,
    streams: Vec<Stream>,
    /// Whether something has happened after which it may have to load everything anew.
    pub may_load: bool,
}

/// A stream of an agent.
struct Stream {
    agent: &'static str,
    listener: Listener,
    /// What was known when it was looked at last.
    row: Option<Agent>,
}

/// The state, its time and its turn.
pub(super) type Remembered = (BTreeSet<String>, Time, Option<TurnId>);

impl Replica {
    pub(super) fn new(engine: Engine, number: usize, seed: u64) -> Self {
        let clock = ManualClock::starting_at(START + CLOCKS[number % REPLICAS]);
        let (rules, random, notifier) = (Rules::default(), Random::seeded(seed), Notifier::default());
        let (memory, _) = Memory::new(engine, rules, clock.clone(), random, notifier.clone(), Metrics::new());
        let listen = |agent: &'static str| {
            let listener = notifier.listen(Topic::Agent(agent.into()));
            Stream { agent, listener, row: None }
        };
        Self { memory, clock, streams: AGENTS.map(listen).into(), may_load: true }
    }

    fn agent(&self, name: &str) -> Option<Agent> {
        let rows = self.memory.state.rows().rows;
        rows.into_iter().find_map(|row| match row {
            Row::Agent(other, row) if *other == *name => row,
            _ => None,
        })
    }

    /// Looks at what the streams heard. Answers whether everything was loaded anew.
    pub(super) fn hear(&mut self) -> bool {
        let mut has_loaded = false;
        for index in 0..self.streams.len() {
            let row = self.agent(self.streams[index].agent);
            let stream = &mut self.streams[index];
            let mut has_heard = false;
            // Its turn-taking with other tasks would let it say at times that nothing is there.
            while let Some(news) = unconstrained(stream.listener.next()).now_or_never() {
                has_heard = true;
                has_loaded |= matches!(news, News::Anew);
            }
            // An agent that is deleted has no streams.
            let is_told = has_heard || row == stream.row || row.is_none();
            assert!(is_told, "the stream of {} was not told: {:?}, {row:?}", stream.agent, stream.row);
            stream.row = row;
        }
        has_loaded
    }
}

pub(super) fn remembered(memory: &Memory) -> Remembered {
    (memory.state.canonical(), memory.time, memory.known.clone())
}

pub(super) fn same(name: &str, one: &Remembered, other_name: &str, other: &Remembered) {
    let lines = |of: &Remembered, and: &Remembered| {
        of.0.difference(&and.0).map(|line| format!("    {line}\n")).collect::<String>()
    };
    assert!(
        one == other,
        "{name}: {:?} {:?}\n{}{other_name}: {:?} {:?}\n{}",
        one.1,
        one.2,
        lines(one, other),
        other.1,
        other.2,
        lines(other, one)
    );
}
