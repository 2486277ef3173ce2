//! A campaign: whole handoffs in parts, each on a server and services of its own, while one of them is killed, paused or cut off every
//! few seconds. `cargo xtask campaign` runs a long one, and goes on where it stopped.
//!
//! `SEGUE_CAMPAIGN_REDEMPTIONS` says how many, `SEGUE_CAMPAIGN_FOLDER` where finished parts are kept.

mod record;

use std::time::Duration;

use segue_core::Random;
use segue_tests::{Ending, SERVICES, load::Plan};
use tokio::time::{Instant, sleep};

use crate::world::{DECIDING, World};
use record::{Part, Record};

/// In the suite.
const REDEMPTIONS: usize = 400;
/// The most of a part.
const PART: usize = 5_000;
const DESKS: usize = 24;
/// Between the recovery from a fault and the next one, in milliseconds.
const PAUSE_MS: std::ops::Range<u32> = 500..3_000;
/// For how long something is paused or cut off, in milliseconds.
const AWAY_MS: std::ops::Range<u32> = 300..6_000;
/// How often progress is printed.
const TELL: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign() {
    let wanted =
        std::env::var("SEGUE_CAMPAIGN_REDEMPTIONS").map_or(REDEMPTIONS, |text| text.parse().unwrap());
    let mut record = Record::open(std::env::var_os("SEGUE_CAMPAIGN_FOLDER"));
    while record.redemptions() < wanted {
        let seed = record.parts() as u64 + 1;
        let part = play(seed, PART.min(wanted - record.redemptions())).await;
        println!("part {seed}: {part}");
        record.add(part);
        println!("{} of {wanted} redemptions", record.redemptions());
    }
    println!("{}", record.summary());
}

/// Plays a part; panics when anything was lost or done twice.
async fn play(seed: u64, redemptions: usize) -> Part {
    let random = Random::seeded(seed);
    let mut world = World::start(Plan { handoffs: Some(redemptions), ..Plan::closed(DESKS) }, &[], &[]).await;
    let mut part = Part::new(redemptions);
    let (began, mut told) = (Instant::now(), Instant::now());
    while !world.load.is_over() {
        sleep(between(&random, PAUSE_MS)).await;
        let fault = harm(&mut world, &random).await;
        let Some(back) = world.load.first_after(Instant::now()).await else { break };
        part.note(fault, back);
        if told.elapsed() > TELL {
            told = Instant::now();
            println!("{} of {redemptions}, {} faults", world.load.done(), part.faults());
        }
    }
    part.took(began.elapsed());
    world.end().await;
    part
}

/// Does harm, and lets it pass; answers what it was.
async fn harm(world: &mut World, random: &Random) -> &'static str {
    let away = between(random, AWAY_MS);
    let service = SERVICES[random.below(3) as usize];
    let number = if DECIDING.contains(&service) { random.below(2) as usize } else { 0 };
    match random.below(6) {
        0 => {
            tokio::task::block_in_place(|| {
                world.postgres.kill();
                world.postgres.restart();
            });
            "database killed"
        }
        1 => {
            world.postgres.pause();
            sleep(away).await;
            world.postgres.resume();
            "database paused"
        }
        2 => {
            world.proxy.fall_silent();
            sleep(away).await;
            world.proxy.speak_again();
            "database cut off"
        }
        3 => {
            pause_service(world, service, number, away).await;
            "service paused"
        }
        _ => {
            world.system.restart(service, number, Ending::Kill);
            "service killed"
        }
    }
}

async fn pause_service(world: &World, service: &'static str, number: usize, away: Duration) {
    let process = || world.system.replicas(service).nth(number).unwrap().0;
    process().pause();
    sleep(away).await;
    process().resume();
}

fn between(random: &Random, range: std::ops::Range<u32>) -> Duration {
    Duration::from_millis((range.start + random.below(range.end - range.start)).into())
}
