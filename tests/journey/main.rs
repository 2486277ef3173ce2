//! The whole path R1 to R13, as a customer and a desk go it.

mod by_hand;
mod restarts;
mod trace;

use segue::demo::{Stage, play};
use segue_testkit::Storage;
use segue_tests::{Fixture, InProcess, Processes};

#[tokio::test(flavor = "multi_thread")]
async fn one_process_on_sqlite() {
    let system = InProcess::start(Storage::SqliteFile).await;
    Fixture::load(&system.addresses).await;
    play(&system.addresses, &Stage::aloud()).await.unwrap();
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn separate_processes_that_know_each_other_by_certificates() {
    let mut system = Processes::start_secured(Storage::Postgres, &[]).await;
    Fixture::load_secured(&system).await;
    play(&system.addresses, &Stage::aloud()).await.unwrap();
    for service in segue_tests::SERVICES {
        assert!(system.terminate(service), "{service} ends well when it's asked to");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn separate_processes_on_postgres() {
    let mut system = Processes::start(Storage::Postgres).await;
    Fixture::load(&system.addresses).await;
    play(&system.addresses, &Stage::aloud()).await.unwrap();
    for service in segue_tests::SERVICES {
        assert!(system.terminate(service), "{service} ends well when it's asked to");
    }
}
