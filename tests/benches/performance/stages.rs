//! What is measured at each system, in rounds, so that what else the machine does meets all.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use segue_testkit::{Databases, Storage};
use segue_tests::{
    Processes,
    performance::{Engine, Subject},
};
use tonic::transport::Endpoint;

use crate::{
    bench::{Bench, Case},
    callers::over,
    contact, desk, handoff, job_queues,
    line::Line,
    pgbench,
    select::{self, Selector},
    system::{Observed, SETTINGS, System},
};

/// Customers are asked for in an order in which no cache helps; a prime number, so that all have their turn.
const STRIDE: usize = 104_729;
/// The platform of many agents.
const MANY: &str = "many";
/// An answer about 1,000 platforms.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

pub fn engine_of(storage: Storage) -> Engine {
    if storage == Storage::Postgres { Engine::Postgres } else { Engine::Sqlite }
}

/// Reads, contacts, handoffs, redemptions.
pub async fn services(bench: &mut Bench, storage: Storage, replicas: usize) {
    let engine = engine_of(storage);
    bench.stage(&format!("{}, {replicas} of each service", engine.name()));
    let system = System::start(storage, replicas, bench.plan).await;
    bench.tell("agents, platforms and customers are there");
    let compares = engine == Engine::Postgres && replicas == 1;
    let mut queues = if compares { job_queues::start(bench, &system).await } else { vec![] };
    for _ in 0..bench.plan.rounds {
        bench.echoes().await;
        round(bench, &system, engine, replicas).await;
        job_queues::measure(bench, &mut queues).await;
    }
    if compares {
        pgbench::measure(bench, &system).await;
    }
    drop(queues);
    if replicas == 1 {
        desk::measure(bench, &system, engine).await;
        line(bench, &system, engine).await;
        many_agents(bench, &system, engine).await;
    }
}

async fn round(bench: &mut Bench, system: &Arc<System>, engine: Engine, replicas: usize) {
    let callers = bench.plan.callers;
    let case = |subject, callers| Case { subject, engine: Some(engine), replicas, callers };
    let observe = async || system.observe().await;
    bench.measure(case(Subject::Read, callers), observe, at(system, contact::read)).await;
    bench.measure(case(Subject::Contact, callers), observe, at(system, contact::whole)).await;
    for callers in bench.plan.handoff_callers {
        bench.measure(case(Subject::Handoff, *callers), observe, at(system, handoff::whole)).await;
        system.settle().await;
    }
    let codes = handoff::codes(system, bench.plan, bench.plan.codes).await;
    system.settle().await;
    let before = system.observe().await;
    let (redeemed, admitted) = handoff::redeem_all(system, callers, codes).await;
    let after = system.observe().await;
    bench.keep(case(Subject::Redeem, callers), &before, &after, &redeemed);
    handoff::complete_all(system, callers, admitted).await;
    system.settle().await;
}

/// Work at a system, as callers take it.
fn at<F, W: Fn(Arc<System>, usize) -> F + Clone>(
    system: &Arc<System>,
    work: W,
) -> impl Fn(usize) -> F + Clone + use<F, W> {
    let system = system.clone();
    move |caller| work(system.clone(), caller)
}

/// Contacts beside a longer and longer line.
async fn line(bench: &mut Bench, system: &Arc<System>, engine: Engine) {
    let callers = bench.plan.callers;
    let line = Line::prepare(system, callers).await;
    for waiting in bench.plan.waiting {
        if !line.fill(*waiting, bench.plan.fill).await {
            bench.skip(
                &format!("{waiting} contacts waiting, on {}", engine.name()),
                "the line took too long to form",
            );
            return;
        }
        for _ in 0..bench.plan.rounds {
            bench.echoes().await;
            let subject = Subject::ContactInLine { waiting: *waiting };
            let case = Case { subject, engine: Some(engine), replicas: 1, callers };
            let line = line.clone();
            let work = move |caller| {
                let line = line.clone();
                async move { if line.is_empty() { line.without(caller).await } else { line.next(caller).await } }
            };
            bench.measure(case, async || system.observe().await, work).await;
        }
    }
}

/// Contacts among many agents.
async fn many_agents(bench: &mut Bench, system: &Arc<System>, engine: Engine) {
    let (callers, agents) = (bench.plan.callers, bench.plan.many_agents);
    let signed_in = system.clone();
    over(callers, (0..agents).collect(), move |number| {
        let system = signed_in.clone();
        async move { system.sign_in(number, &format!("many-{number}"), &[MANY], 100).await }
    })
    .await;
    for _ in 0..bench.plan.rounds {
        bench.echoes().await;
        let subject = Subject::ContactAmong { agents };
        let case = Case { subject, engine: Some(engine), replicas: 1, callers };
        let work = at(system, |system, caller| contact::whole_on(system, caller, MANY));
        bench.measure(case, async || system.observe().await, work).await;
    }
}

/// Selections, without agents and handoffs.
pub async fn selections(bench: &mut Bench, storage: Storage) {
    let (plan, engine) = (bench.plan, engine_of(storage));
    bench.stage(&format!("{}, selections", engine.name()));
    let processes = Processes::start_in(Databases::start(storage), &SETTINGS).await;
    let uri = format!("http://{}", processes.addresses.selector);
    let channel = Endpoint::from_shared(uri).unwrap().connect().await.unwrap();
    let (process, _) = processes.replicas("platform-selector").next().unwrap();
    let selector = Selector::new(channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES);
    select::create_platforms(&selector, plan.platforms[0]).await;
    let accounts = select::import(&selector, plan.accounts, plan.fill).await;
    bench.tell(&format!("{accounts} accounts are in the directory"));
    if accounts < plan.accounts {
        let seconds = plan.fill.as_secs();
        bench.skip(
            &format!("some of {} accounts on {}", plan.accounts, engine.name()),
            &format!("{accounts} were imported in {seconds} s, and are chosen among"),
        );
    }
    for platforms in plan.platforms {
        select::create_platforms(&selector, *platforms).await;
        for _ in 0..plan.rounds {
            bench.echoes().await;
            let subject = Subject::Select { platforms: *platforms };
            let case = Case { subject, engine: Some(engine), replicas: 1, callers: plan.callers };
            let observe = async || Observed { cpu_seconds: process.cpu_seconds(), ..Observed::default() };
            let (channel, next) = (channel.clone(), Arc::new(AtomicUsize::new(0)));
            let work = move |_| {
                let customer = next.fetch_add(STRIDE, Ordering::Relaxed) % accounts;
                let channel = channel.clone();
                async move { select::select(channel, customer).await }
            };
            bench.measure(case, observe, work).await;
        }
    }
}
