//! Runs simulations: docs/simulation.md. `cargo xtask simulate` starts it.
#![expect(clippy::print_stdout, reason = "a tool that prints")]

use std::{
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use segue_sim::{
    campaign::{Totals, campaign},
    plan::Plan,
    run::run,
    shorten::shorten,
    story,
    watchdog::LONGEST_SECONDS,
};

const USAGE: &str = "\
usage: segue-sim --seeds A..B          run many seeds; the failed ones are shortened and told
       segue-sim --seed N [--without f1,c2,a1,attacker] [--all]
                                       run one seed and tell its story; --all: with all calls and commits
       ... --log LEVEL                 with the services' own log
       segue-sim --hunt A..B           run seeds until one fails, and print which
";
/// How often progress is told.
const PROGRESS: Duration = Duration::from_secs(10);
/// So many failed seeds are shortened.
const SHORTENED: usize = 3;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).cloned()
    };
    if let Some(filter) = value("--log") {
        tracing_subscriber::fmt().with_env_filter(filter).without_time().with_ansi(false).init();
    }
    let without: Vec<String> =
        value("--without").map(|list| list.split(',').map(str::to_owned).collect()).unwrap_or_default();
    let is_well = if let Some(seed) = value("--seed").and_then(|seed| seed.parse().ok()) {
        one(seed, &without, arguments.iter().any(|argument| argument == "--all"))
    } else if let Some((first, last)) = value("--seeds").as_deref().and_then(range) {
        many(first, last)
    } else if let Some((first, last)) = value("--hunt").as_deref().and_then(range) {
        let totals = campaign(
            first..=last,
            true,
            |_| {},
            |_, seeds| {
                println!("found by seed {}: it does not end within {LONGEST_SECONDS} s", seeds[0]);
                std::process::exit(1);
            },
        );
        match totals.failed.first_key_value() {
            Some((seed, violation)) => println!("found by seed {seed}, the {}th: {violation}", totals.seeds),
            None => println!("not found by {} seeds", totals.seeds),
        }
        totals.failed.is_empty()
    } else {
        print!("{USAGE}");
        false
    };
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn range(text: &str) -> Option<(u64, u64)> {
    let (first, last) = text.split_once("..")?;
    Some((first.parse().ok()?, last.parse().ok()?))
}

fn one(seed: u64, without: &[String], all: bool) -> bool {
    let plan = Plan::of(seed).without(without);
    let outcome = run(&plan);
    print!("{}", if all { story::text(&outcome.events) } else { story::short(&outcome.events) });
    draw(&plan, &outcome.events);
    println!(
        "seed {seed}: {} s of virtual time, {} calls, {} commits, ends {:?}",
        outcome.virtual_ms / 1000,
        outcome.calls,
        outcome.commits,
        outcome.ends
    );
    for violation in &outcome.violations {
        println!("VIOLATION {violation}");
    }
    outcome.violations.is_empty()
}

fn many(first: u64, last: u64) -> bool {
    let (began, told_at) = (Instant::now(), Mutex::new(Instant::now()));
    let tell_progress = |totals: &Totals| {
        let mut told_at = told_at.lock();
        if told_at.elapsed() >= PROGRESS {
            println!("{}", totals.line());
            *told_at = Instant::now();
        }
    };
    let totals = campaign(first..=last, false, tell_progress, |totals, seeds| {
        tell_failed(totals);
        for seed in seeds {
            println!("seed {seed}: it does not end within {LONGEST_SECONDS} s");
        }
        println!("{}; the others were not run", totals.line());
        std::process::exit(1);
    });
    tell_failed(&totals);
    for seed in totals.failed.keys().take(SHORTENED) {
        tell(*seed);
    }
    println!("{}; {:?}; visits ended {:?}", totals.line(), began.elapsed(), totals.ends);
    totals.failed.is_empty()
}

fn tell_failed(totals: &Totals) {
    for (seed, violation) in &totals.failed {
        println!("seed {seed}: {violation}");
    }
}

/// Shortens a failed seed, and says how to run it again.
fn tell(seed: u64) {
    let plan = Plan::of(seed);
    let (plan, outcome) = shorten(&plan, run(&plan));
    println!("--- seed {seed}, shortened");
    print!("{}", story::short(&outcome.events));
    for violation in &outcome.violations {
        println!("VIOLATION {violation}");
    }
    draw(&plan, &outcome.events);
    println!("again: {}", command(&plan));
}

fn command(plan: &Plan) -> String {
    let without = if plan.without.is_empty() {
        String::new()
    } else {
        format!(" --without {}", plan.without.join(","))
    };
    format!("cargo xtask simulate --seed {}{without}", plan.seed)
}

fn draw(plan: &Plan, events: &[story::Event]) {
    let path = Path::new("target").join(format!("simulation-{}.svg", plan.seed));
    match std::fs::write(&path, story::svg(events, &command(plan))) {
        Ok(()) => println!("timeline: {}", path.display()),
        Err(error) => println!("no timeline: {error}"),
    }
}
