//! Every service is killed between any two steps, and nothing is lost.

use std::sync::{Arc, Mutex};

use futures::FutureExt as _;
use segue::demo::{Stage, play};
use segue_testkit::Storage;
use segue_tests::{Fixture, Processes, SERVICES};

segue_testkit::on_durable_engines!(every_service_restarts_between_any_two_steps);

async fn every_service_restarts_between_any_two_steps(storage: Storage) {
    let processes = Processes::start(storage).await;
    let addresses = processes.addresses.clone();
    Fixture::load(&addresses).await;
    let processes = Arc::new(Mutex::new(processes));
    let restarted = Arc::new(Mutex::new(0));
    let (system, count) = (processes.clone(), restarted.clone());
    let stage = Stage::aloud().with_interlude(move || {
        let (system, count) = (system.clone(), count.clone());
        async move {
            let mut system = system.lock().unwrap();
            for service in SERVICES {
                system.crash(service);
            }
            *count.lock().unwrap() += 1;
        }
        .boxed()
    });
    play(&addresses, &stage).await.unwrap();
    assert!(*restarted.lock().unwrap() >= 9, "the services were restarted before every step");
}
