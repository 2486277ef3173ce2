//! A mesh: a real Envoy before two replicas of each service on PostgreSQL. Each caller has listeners of its own, which call
//! with its certificate, as a sidecar does; each called service is known by its SPIFFE id.

mod envoy;
mod replicas;

use segue::demo::{Stage, play};
use segue_tests::{
    Fixture,
    load::{Load, Plan},
};

use replicas::{Mesh, REPLICAS, SERVICES};

const HANDOFFS: usize = 1000;
const DESKS: usize = 12;
/// So many handoffs are finished without the replica, and then with it, before the next one is killed.
const WHILE_DOWN: usize = 10;
const WHILE_UP: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_journey_and_a_thousand_handoffs_while_replicas_are_killed_in_turn() {
    let mut mesh = Mesh::start().await;
    let addresses = mesh.addresses();
    Fixture::load(&addresses).await;
    play(&addresses, &Stage::silent()).await.unwrap();

    let mut load = Load::start(&[addresses], Plan::closed(DESKS)).await;
    let mut kills = 0;
    // One replica of each service stays up at any time, and has to have been found well by Envoy before the other goes.
    while kills < SERVICES.len() * REPLICAS || load.done() < HANDOFFS {
        for replica in 0..REPLICAS {
            for service in SERVICES {
                mesh.kill(service, replica);
                kills += 1;
                load.goes_on(WHILE_DOWN).await;
                mesh.restart(service, replica).await;
                load.goes_on(WHILE_UP).await;
            }
        }
    }
    let books = load.end().await;
    let (calls, failed) = books.calls();
    let retried = mesh.envoy.counter("upstream_rq_retry_success").await;
    println!(
        "{} handoffs while replicas were killed {kills} times: {calls} calls, {failed} of them failed visibly ({:.3}%) and were \
         repeated, {retried} were repeated by Envoy unseen",
        books.stories.len(),
        100.0 * failed as f64 / calls as f64,
    );
    assert!(retried > 0, "Envoy has repeated what the killed ones left");
    books.check().await;
}
