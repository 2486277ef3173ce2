//! A mesh: a real Envoy before two replicas of each service on PostgreSQL. Each caller has listeners of its own, which call
//! with its certificate, as a sidecar does; each called service is known by its SPIFFE id.

mod envoy;
mod platform;
mod replicas;
mod storm;

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use segue::demo::{Stage, play};
use segue_tests::Fixture;

use replicas::{Mesh, REPLICAS, SERVICES};
use storm::{HANDOFFS, Storm};

/// So many handoffs are finished without the replica, and then with it, before the next one is killed.
const WHILE_DOWN: usize = 10;
const WHILE_UP: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_journey_and_a_thousand_handoffs_while_replicas_are_killed_in_turn() {
    let mut mesh = Mesh::start().await;
    let addresses = mesh.addresses();
    Fixture::load(&addresses).await;
    play(&addresses, &Stage::silent()).await.unwrap();

    let storm = Arc::new(Storm::prepare(&addresses).await);
    let kills = Arc::new(AtomicU32::new(0));
    let rounds = Arc::new(AtomicBool::new(false));
    let raging = tokio::spawn(storm.clone().rage(rounds.clone()));
    // One replica of each service stays up at any time, and has to have been found well by Envoy before the other goes.
    while !raging.is_finished() {
        for replica in 0..REPLICAS {
            for service in SERVICES {
                if raging.is_finished() {
                    break;
                }
                mesh.kill(service, replica);
                kills.fetch_add(1, Ordering::Relaxed);
                storm.goes_on(WHILE_DOWN).await;
                mesh.restart(service, replica).await;
                storm.goes_on(WHILE_UP).await;
            }
        }
        rounds.store(true, Ordering::Relaxed);
    }
    let report = raging.await.unwrap();
    let kills = kills.load(Ordering::Relaxed);
    let retried = mesh.envoy.counter("upstream_rq_retry_success").await;
    println!(
        "{} handoffs while replicas were killed {kills} times: {} calls, {} of them failed visibly ({:.3}%) and were repeated, \
         {retried} were repeated by Envoy unseen",
        report.handoffs.len(),
        report.calls,
        report.failed,
        100.0 * report.failed as f64 / report.calls as f64,
    );
    assert!(report.handoffs.len() >= HANDOFFS && kills >= (SERVICES.len() * REPLICAS) as u32);
    assert!(retried > 0, "Envoy has repeated what the killed ones left");
    storm.check(&report).await;
}
