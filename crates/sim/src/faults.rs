//! Makes the faults of a plan happen.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::time::sleep;

use crate::{
    actors::Adapter,
    plan::{Fault, Planned},
    world::{PLATFORMS, World},
};

/// Waits for the moment of a fault and begins it. Faults end by themselves.
pub async fn happen(
    world: Arc<World>,
    adapters: Arc<BTreeMap<&'static str, Arc<Adapter>>>,
    planned: Planned,
) {
    if let Fault::FailOver { database } = planned.fault {
        world.hosts[database].prepare_failover();
    }
    sleep(Duration::from_millis(planned.at_ms)).await;
    let until = i64::try_from(planned.at_ms + planned.lasts_ms).unwrap();
    world
        .log
        .note("fault", || format!("f{}: {:?} for {} ms", planned.number, planned.fault, planned.lasts_ms));
    let service = |index: usize| &world.services[index];
    match planned.fault {
        Fault::Kill { service: index, down_ms } => {
            service(index).stay_down(Duration::from_millis(down_ms));
            service(index).kill();
        }
        Fault::KillAt { service: index, point } => world.crashes.arm(&service(index).name, point),
        Fault::Stop { service: index, down_ms } => {
            service(index).stay_down(Duration::from_millis(down_ms));
            service(index).stop();
        }
        Fault::Disk { database, fault } => world.hosts[database].fail(fault, until),
        Fault::FailOver { database } => {
            world.hosts[database].fail_over(0);
        }
        Fault::Net(fault) => world.net.fail(fault, until),
        Fault::StepService { service: index, by_ms } => service(index).clock.step(by_ms),
        Fault::DriftService { service: index, ppm } => service(index).clock.drift(ppm),
        Fault::StepDatabase { database, by_ms } => world.hosts[database].clock().step(by_ms),
        Fault::Platform { platform, mood } => adapters[PLATFORMS[platform].0].feel(mood, until),
    }
}
