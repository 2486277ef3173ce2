use priority_router::domain::Refused;
use segue_core::Random;
use segue_proto::common::v1::ErrorReason;
use segue_testkit::{Databases, Storage};

use crate::{
    command::{self, Command, MOST, Theme},
    compare, invariants,
    reality::{RULES, Reality, Service},
    reference::Model,
};

/// How often the router is asked before it has to equal the model: what streams and sweeps do comes a little later.
const LOOKS: usize = 400;
/// Services that are driven beside each other, each with a database and a clock of its own.
const WORKERS: usize = 2;
/// What the service brings in one decision.
const BOUNDS: &[usize] = &[20];
/// Sequences on one database: what they leave behind should not be most of what is there.
const ON_ONE_DATABASE: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn sqlite() {
    run(Storage::SqliteMemory, 1, 7000, 1_000_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_file() {
    run(Storage::SqliteFile, 1, 500, 2_000_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres() {
    run(Storage::Postgres, 1, 1500, 3_000_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_replicas_on_postgres() {
    run(Storage::Postgres, 3, 1000, 4_000_000).await;
}

/// Ten thousand in all when built with optimisation (`cargo xtask test --full`); two hundred and fifty otherwise, as the test of the
/// core drives the same reference through thousands.
fn sequences(full: u64) -> u64 {
    let usual = if cfg!(debug_assertions) { full / 40 } else { full };
    std::env::var("MODEL_SEQUENCES").map_or(usual, |number| number.parse().unwrap())
}

async fn run(storage: Storage, replicas: usize, full: u64, first_seed: u64) {
    let databases = Databases::start(storage);
    let seeds: Vec<u64> = match std::env::var("MODEL_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (first_seed..first_seed + sequences(full)).collect(),
    };
    let mut workers = tokio::task::JoinSet::new();
    for some in seeds.chunks(ON_ONE_DATABASE) {
        if workers.len() == WORKERS
            && let Some(done) = workers.join_next().await
        {
            done.unwrap();
        }
        workers.spawn(drive(storage, quick(storage, databases.create()), replicas, some.to_vec()));
    }
    while let Some(done) = workers.join_next().await {
        done.unwrap();
    }
    println!("{storage:?}, {replicas} replicas: {} sequences", seeds.len());
}

/// What is compared is what is decided; that it survives a crash is another test's, so commits need not wait for the disk.
fn quick(storage: Storage, url: String) -> String {
    match storage {
        Storage::Postgres => format!("{url}?options=-c%20synchronous_commit%3Doff"),
        Storage::SqliteMemory | Storage::SqliteFile => url,
    }
}

async fn drive(storage: Storage, url: String, replicas: usize, seeds: Vec<u64>) {
    let service = Service::start(&url, replicas).await;
    for seed in seeds {
        if let Err(failure) = sequence(&service, seed).await {
            let commands = shortened(&service, seed, failure.commands).await;
            let shown: Vec<_> = commands.iter().map(|command| format!("{command:?}")).collect();
            let what = fails(&service, &commands).await.unwrap_or(failure.what);
            panic!("MODEL_SEED={seed} on {storage:?}:\n{}\n{what}", shown.join("\n"));
        }
    }
    service.stop().await;
}

struct Failure {
    commands: Vec<Command>,
    what: String,
}

async fn sequence(service: &Service, seed: u64) -> Result<(), Failure> {
    let random = Random::seeded(seed);
    let theme = if seed.is_multiple_of(3) { Theme::Crowded } else { Theme::Mixed };
    let mut commands = command::opening(&random, theme);
    let length = 8 + random.below(MOST as u32 - 8) as usize;
    // Which command comes next depends on what the ones before did, which the model alone tells.
    let mut model = Model::new(RULES, BOUNDS, service.now_ms());
    for command in &commands {
        let _ = model.run(command);
    }
    while commands.len() < length {
        let command = command::next(&random, theme, &model);
        let _ = model.run(&command);
        commands.push(command);
    }
    match fails(service, &commands).await {
        None => Ok(()),
        Some(what) => Err(Failure { commands, what }),
    }
}

/// How the router differs from the model, if it does.
async fn fails(service: &Service, commands: &[Command]) -> Option<String> {
    let random = Random::secure();
    let name = u64::from_be_bytes(random.bytes()).to_string();
    let mut reality = Reality::new(service, name, random);
    let mut model = Model::new(RULES, BOUNDS, service.now_ms());
    let mut difference = None;
    for command in commands {
        let before = model.clone();
        let (expected, found) =
            (model.run(command).map_err(|refused| reason(&refused)), reality.run(command).await);
        if expected != found {
            difference = Some(format!("{command:?}: expected {expected:?}, found {found:?}"));
            break;
        }
        let broken = invariants::check(&model).and_then(|()| invariants::check_step(&before, &model));
        difference = match broken {
            Err(invariant) => Some(format!("{command:?}: {invariant}")),
            Ok(()) => differs(&model, &reality).await.map(|lines| format!("{command:?}:\n{lines}")),
        };
        if difference.is_some() {
            break;
        }
    }
    if let Some(difference) = &mut difference {
        let (expected, found) =
            (compare::history_of_model(&model), compare::history_of_router(&reality).await);
        *difference += &format!("\nhistory:\n{}", lines_that_differ(&expected, &found));
    } else {
        let (expected, found) =
            (compare::history_of_model(&model), compare::history_of_router(&reality).await);
        difference = (expected != found).then(|| lines_that_differ(&expected, &found));
    }
    reality.clear_up().await;
    difference
}

/// What the service says of a refusal.
fn reason(refused: &Refused) -> ErrorReason {
    match refused {
        Refused::ContactNotFound => ErrorReason::ContactNotFound,
        Refused::ContactState(_) => ErrorReason::ContactState,
        Refused::ContactNotYours => ErrorReason::ContactNotYours,
        Refused::ContactIsHandoff => ErrorReason::ContactIsHandoff,
        Refused::AgentNotFound => ErrorReason::AgentNotFound,
        Refused::EntryNotFound => ErrorReason::ServiceListEntryNotFound,
        Refused::EntryClosed => ErrorReason::ServiceListEntryClosed,
        Refused::OfferFell => ErrorReason::OfferWithdrawn,
        Refused::AgentInUse => ErrorReason::AgentInUse,
        Refused::AgentUnavailable => ErrorReason::AgentUnavailable,
        // Its field is among those of the request.
        Refused::CodeTaken(_) | Refused::WrongPlatform => ErrorReason::InvalidField,
    }
}

async fn differs(model: &Model, reality: &Reality<'_>) -> Option<String> {
    let expected = compare::of_model(model);
    let mut found = vec![];
    for _ in 0..LOOKS {
        found = compare::of_router(reality).await;
        if expected == found {
            return None;
        }
        tokio::task::yield_now().await;
    }
    Some(lines_that_differ(&expected, &found))
}

fn lines_that_differ(expected: &[String], found: &[String]) -> String {
    let wrong = expected.iter().filter(|line| !found.contains(line)).map(|line| format!("  expected {line}"));
    let other = found.iter().filter(|line| !expected.contains(line)).map(|line| format!("  found    {line}"));
    wrong.chain(other).collect::<Vec<_>>().join("\n")
}

/// Leaves out what the failure does without.
async fn shortened(service: &Service, seed: u64, mut commands: Vec<Command>) -> Vec<Command> {
    println!("MODEL_SEED={seed} fails; shortening {} commands", commands.len());
    let mut index = commands.len();
    while index > 0 {
        index -= 1;
        let mut fewer = commands.clone();
        fewer.remove(index);
        if fails(service, &fewer).await.is_some() {
            commands = fewer;
        }
    }
    commands
}
