//! Makes the faults of a plan happen.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use segue_proto::selector::v1::{Platform, PlatformStatus, UpdatePlatformRequest};
use tokio::time::sleep;

use crate::{
    actors::{Adapter, Clients, Patience, patiently},
    dice::Dice,
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
        Fault::Drain { platform } => {
            let operator = Operator::new(&world, planned.number);
            operator.set(platform, PlatformStatus::Disabled).await;
            sleep(Duration::from_millis(planned.lasts_ms)).await;
            operator.set(platform, PlatformStatus::Active).await;
        }
    }
}

/// Who runs the platforms.
struct Operator {
    clients: Clients,
    dice: Dice,
}

impl Operator {
    fn new(world: &Arc<World>, number: usize) -> Self {
        let name = format!("operator-{number}");
        Self { clients: Clients::new(world, &name), dice: Dice::of(world.seed, &name) }
    }

    async fn set(&self, platform: usize, status: PlatformStatus) {
        let platform =
            Platform { id: PLATFORMS[platform].0.to_owned(), status: status.into(), ..Platform::default() };
        let request = UpdatePlatformRequest {
            request_id: self.dice.request_id(),
            platform: Some(platform),
            update_mask: Some(prost_types::FieldMask { paths: vec!["status".to_owned()] }),
        };
        let selector = &self.clients.selector;
        let patience = Patience(Duration::from_secs(120));
        drop(
            patiently(&self.dice, patience, || async {
                selector.clone().update_platform(request.clone()).await
            })
            .await,
        );
    }
}
