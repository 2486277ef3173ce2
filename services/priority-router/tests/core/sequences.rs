use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use priority_router::{Rules, domain::State};
use segue_core::Random;

use crate::{
    command::{self, Command, MOST, Theme},
    compare::differs,
    harness::Core,
    invariants,
    reference::Model,
};

/// Workers beside each other.
const WORKERS: u64 = 2;
/// One in so many is also applied, loaded and undone.
const THOROUGH: u64 = 50;

const RULES: Rules = Rules {
    hold_ms: 180_000,
    overflow_ms: 45_000,
    offer_timeout_ms: 20_000,
    decline_back_off_ms: 30_000,
    patience_ms: 120_000,
    away_after_missed_offers: 2,
    handoff_auto_accept: true,
    lease_ms: 15_000,
    reconnect_grace_ms: 180_000,
    service_level_ms: 20_000,
    history_ms: 30 * 24 * 3_600_000,
    sweep_ms: 4,
    contact_ttl_ms: 600_000,
    most_ringing_offers: 3,
};

/// A million when built with optimisation, as `cargo xtask test` also does; few otherwise.
fn sequences() -> u64 {
    let usual = if cfg!(debug_assertions) { 4_000 } else { 1_000_000 };
    std::env::var("CORE_SEQUENCES").map_or(usual, |number| number.parse().unwrap())
}

#[test]
fn the_core_equals_the_model() {
    if let Ok(seed) = std::env::var("CORE_SEED") {
        return one(seed.parse().unwrap()).unwrap_or_else(|failure| panic!("{failure}"));
    }
    let (next, last) = (AtomicU64::new(0), sequences());
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= last {
                        return;
                    }
                    if let Err(failure) = one(seed) {
                        // The others end too.
                        next.store(last, Ordering::Relaxed);
                        panic!("{failure}");
                    }
                }
            });
        }
    });
    println!("{last} sequences");
}

fn one(seed: u64) -> Result<(), String> {
    let rules = rules(seed);
    let mut sequence = Sequence::new(seed);
    let mut commands = vec![];
    let made = |model: &Model| {
        let command = sequence.next(model)?;
        commands.push(command.clone());
        Some(command)
    };
    let Err(what) = run(seed, rules, made) else { return Ok(()) };
    let again = |commands: &[Command]| {
        let mut left = commands.iter().cloned();
        run(seed, rules, move |_| left.next())
    };
    let mut index = commands.len();
    while index > 0 {
        index -= 1;
        let mut fewer = commands.clone();
        fewer.remove(index);
        if again(&fewer).is_err() {
            commands = fewer;
        }
    }
    let what = again(&commands).err().unwrap_or(what);
    let shown: Vec<_> = commands.iter().map(|command| format!("{command:?}")).collect();
    Err(format!("CORE_SEED={seed}:\n{}\n{what}", shown.join("\n")))
}

fn rules(seed: u64) -> Rules {
    let random = Random::seeded(seed ^ 0x5eed);
    Rules {
        handoff_auto_accept: random.below(3) > 0,
        most_ringing_offers: i64::from(1 + random.below(3)),
        away_after_missed_offers: i64::from(random.below(3)),
        decline_back_off_ms: if random.below(8) == 0 { 0 } else { RULES.decline_back_off_ms },
        ..RULES
    }
}

/// Which command comes next depends on what the ones before did, which the model tells.
struct Sequence {
    random: Random,
    theme: Theme,
    opening: std::vec::IntoIter<Command>,
    left: usize,
}

impl Sequence {
    fn new(seed: u64) -> Self {
        let random = Random::seeded(seed);
        let theme = if seed.is_multiple_of(3) { Theme::Crowded } else { Theme::Mixed };
        let opening = command::opening(&random, theme);
        let left = 10 + random.below(MOST as u32 - 10) as usize;
        Self { random, theme, opening: opening.into_iter(), left }
    }

    fn next(&mut self, model: &Model) -> Option<Command> {
        self.left = self.left.checked_sub(1)?;
        Some(self.opening.next().unwrap_or_else(|| command::next(&self.random, self.theme, model)))
    }
}

fn run(seed: u64, rules: Rules, mut next: impl FnMut(&Model) -> Option<Command>) -> Result<(), String> {
    let random = Random::seeded(!seed);
    let is_thorough = seed.is_multiple_of(THOROUGH);
    let (mut model, mut core) = (Core::model(rules), Core::new(rules, is_thorough));
    let mut follower = State::new(rules);
    follower.apply(core.commit());
    while let Some(command) = &next(&model) {
        let before = model.clone();
        core.skew = i64::from(random.below(3)) * 7_000;
        if is_thorough {
            undone(&mut core, command).map_err(|what| format!("{command:?}: {what}"))?;
        }
        let (expected, found) = (model.run(command), core.run(command));
        if expected != found {
            return Err(format!("{command:?}: expected {expected:?}, found {found:?}"));
        }
        if !model.answer.is_empty() && model.answer != core.answer {
            return Err(format!("{command:?}: answered {:?}, not {:?}", core.answer, model.answer));
        }
        differs(&model, &core).map_err(|what| format!("{command:?}: {what}"))?;
        invariants::check(&model)?;
        invariants::check_step(&before, &model)?;
        if random.below(2) == 0 {
            let rows = core.commit();
            if is_thorough {
                follower.apply(rows);
                let loaded = State::load(rules, core.tables.read());
                equal("applied", &follower, &core.state)?;
                equal("loaded", &loaded, &core.state)?;
            }
        }
    }
    Ok(())
}

/// A command that is rolled back leaves nothing behind, whatever of the batch was decided before it.
fn undone(core: &mut Core, command: &Command) -> Result<(), String> {
    let (before, mark) = (core.state.canonical(), core.state.mark());
    core.tried(command);
    core.state.undo_to(mark);
    let after = core.state.canonical();
    if before == after { Ok(()) } else { Err(format!("undone: {}", difference(&before, &after))) }
}

fn equal(what: &str, state: &State, other: &State) -> Result<(), String> {
    if state == other {
        return Ok(());
    }
    Err(format!("{what}: {}", difference(&other.canonical(), &state.canonical())))
}

fn difference(
    expected: &std::collections::BTreeSet<String>,
    found: &std::collections::BTreeSet<String>,
) -> String {
    let missing = expected.difference(found).map(|line| format!("\n  expected {line}"));
    let other = found.difference(expected).map(|line| format!("\n  found    {line}"));
    missing.chain(other).collect()
}
