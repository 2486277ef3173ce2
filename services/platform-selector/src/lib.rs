//! platform-selector: knows the platforms, the work profiles and who has an account where, and chooses the platform on
//! which a business goes on (R3-R5). It calls platforms' adapters, and nobody else.

mod catalog;
mod clients;
mod commands;
mod config;
mod convert;
mod domain;
mod errors;
mod grpc;
mod jobs;
mod selector;
mod store;

pub use config::{AdapterChanges, AdapterSettings, Config, History};

use segue_runtime::{BootError, Parts, Running, Server};
use segue_store::Database;

use crate::{clients::Adapters, selector::Selector};

/// Opens the database and serves until the stop is told.
pub async fn bind(config: Config, parts: Parts) -> Result<Running, BootError> {
    let database = Database::open(&config.database, segue_store::migrations!()).await?;
    let check_interval = config.adapters.check_interval;
    let (recorder, recording) = jobs::recorder();
    let (keys, region) = (config.directory_keys, config.region);
    let adapters = Adapters::new(config.server.credentials.clone(), config.adapters.hosts.clone());
    let selector =
        Selector::new(database.clone(), keys, region, adapters, &config.adapters, recorder, &parts);
    let health_checks = selector.health_checks(check_interval, parts.stop.clone());
    Server::new(database.clone(), &parts)
        .service(grpc::Serving::new(selector))
        .background(health_checks.run())
        .background(recording.run(database.clone(), parts.stop.clone()))
        .background(jobs::purge_until(database, config.history, parts.clock, parts.stop))
        .start(&config.server)
        .await
}
