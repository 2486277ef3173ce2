//! One simulation.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Once, Weak, atomic::Ordering},
    time::Duration,
};

use segue_store::MigrationStep;
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    actors::{Adapter, Clients, End, Facts, attack, customer, desk},
    checks,
    clock::on_this_thread,
    contents::contents,
    disk::Host,
    faults::happen,
    plan::Plan,
    story::Event,
    world::{PLATFORMS, World, adapter_address},
};

/// All visits are over within this time.
const VISITS_MS: u64 = 900_000;
/// After the last visit, and the last fault, everything comes to its end within this time.
const SETTLES_MS: u64 = 150_000;

thread_local! {
    static PANICS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// What came of a simulation.
#[derive(Debug, Default)]
pub struct Outcome {
    pub violations: Vec<String>,
    pub events: Vec<Event>,
    pub virtual_ms: u64,
    pub calls: u64,
    pub commits: u64,
    /// Faults of the plan, and messages that were struck.
    pub faults: u64,
    pub handoffs: usize,
    pub ends: BTreeMap<End, usize>,
}

/// Runs a plan.
pub fn run(plan: &Plan) -> Outcome {
    note_panics();
    let contents = contents();
    PANICS.with_borrow_mut(Vec::clear);
    let ended = catch_unwind(AssertUnwindSafe(|| on_this_thread(simulate(plan, contents))));
    // One that has panicked is told by its panic.
    let (mut outcome, hosts) = ended.unwrap_or_default();
    let left = hosts.iter().filter(|host| host.strong_count() > 0).count();
    if left > 0 {
        outcome.violations.push(format!("leak: {left} databases are open after the end"));
    }
    let panics = PANICS.with_borrow_mut(std::mem::take);
    outcome.violations.extend(panics.into_iter().map(|panic| format!("a panic: {panic}")));
    outcome
}

/// A panic of a service's task would only end the task.
fn note_panics() {
    static NOTED: Once = Once::new();
    NOTED.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            PANICS.with_borrow_mut(|panics| panics.push(panic.to_string()))
        }));
    });
}

async fn simulate(plan: &Plan, contents: &crate::world::Contents) -> (Outcome, Vec<Weak<Host>>) {
    let world = World::new(plan.seed, &plan.replicas, contents);
    let facts = Facts::new();
    for service in world.services.clone() {
        tokio::spawn(service.run(world.clone(), MigrationStep::Expect));
    }
    world.all_up().await;
    checks::watch(&world, &facts);
    tokio::spawn(checks::watch_times(world.clone(), facts.clone(), plan.clone()));
    let adapters = PLATFORMS.map(|(name, _)| {
        let address = adapter_address(name);
        (name, Adapter::start(&world, name, address, facts.clone()))
    });
    let adapters = Arc::new(BTreeMap::from(adapters));
    for planned in plan.faults.clone() {
        tokio::spawn(happen(world.clone(), adapters.clone(), planned));
    }
    let visits =
        Arc::new(plan.visits.iter().map(|visit| (visit.number, visit.clone())).collect::<BTreeMap<_, _>>());
    for worker in plan.workers.clone() {
        tokio::spawn(desk(world.clone(), facts.clone(), worker, visits.clone()));
    }
    if plan.has_attacker {
        tokio::spawn(attack(world.clone(), facts.clone()));
    }
    let clients: Vec<Clients> = PLATFORMS.iter().map(|(name, _)| Clients::new(&world, name)).collect();
    let mut customers = JoinSet::new();
    for visit in plan.visits.clone() {
        customers.spawn(customer(world.clone(), clients.clone(), facts.clone(), visit));
    }
    let all = async { while customers.join_next().await.is_some() {} };
    if timeout(Duration::from_millis(VISITS_MS), all).await.is_err() {
        facts.lock().violations.push("liveness: visits don't end".to_owned());
    }
    let open = settle(&world, plan).await;
    let mut facts = facts.lock();
    let mut violations = std::mem::take(&mut facts.violations);
    violations.extend(open.into_iter().map(|open| format!("liveness: {open}")));
    violations.extend(checks::at_the_end(&world, &facts, plan));
    let mut ends = BTreeMap::new();
    for end in facts.ends.values().flatten() {
        *ends.entry(*end).or_default() += 1;
    }
    let outcome = Outcome {
        violations,
        virtual_ms: world.clock.elapsed_ms().unsigned_abs(),
        calls: world.net.calls.load(Ordering::Relaxed),
        commits: world.hosts.values().map(|host| host.commits()).sum(),
        faults: plan.faults.len() as u64 + world.net.struck.load(Ordering::Relaxed),
        handoffs: facts.issued.len(),
        ends,
        events: world.log.take(),
    };
    world.end();
    (outcome, world.hosts.values().map(Arc::downgrade).collect())
}

/// Waits until everything has come to its end. What has not.
async fn settle(world: &Arc<World>, plan: &Plan) -> Vec<String> {
    let now = world.clock.elapsed_ms().unsigned_abs();
    let until = now.max(plan.calm_at_ms()) + SETTLES_MS;
    loop {
        let now = world.clock.elapsed_ms().unsigned_abs();
        if now >= plan.calm_at_ms() {
            let open = checks::unsettled(world);
            if open.is_empty() || now >= until {
                return open;
            }
        }
        sleep(Duration::from_millis(500)).await;
    }
}
