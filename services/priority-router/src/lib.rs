//! priority-router: queues contacts, assigns them to agents, and holds the customer-service list (R1, R7, R10, R11).
//!
//! It calls nobody, and what it knows is in its database, so any replica can answer any call. The rules of routing are in `domain`;
//! `decider` makes decisions by them, in batches and from memory; `store` has the SQL, `grpc` and `convert` the contract, and `jobs`
//! what time brings.

mod config;
mod convert;
mod decider;
pub mod domain;
mod errors;
mod grpc;
mod jobs;
mod metrics;
mod store;

pub use config::Config;
pub use domain::Rules;
pub use metrics::METRICS;
use segue_proto::router::v1::priority_router_service_server::PriorityRouterServiceServer;
use segue_runtime::{BootError, MAX_MESSAGE_BYTES, Parts, Running, Server, StreamEnd};
use segue_store::{Database, migrations};

use crate::{
    decider::{Desks, Router},
    jobs::{measure_until, purge_until, sweep_until},
};

/// Opens the database, binds and serves.
pub async fn bind(config: Config, parts: Parts) -> Result<Running, BootError> {
    let database = Database::open(&config.database, migrations!()).await?;
    let (clock, random) = (parts.clock.clone(), parts.random.clone());
    let router = Router::start(database.clone(), clock, random, config.rules).await?;
    let desks = Desks::new(router.clone());
    let service = grpc::Service {
        router: router.clone(),
        desks: desks.clone(),
        stop: parts.stop.clone(),
        stream_end: StreamEnd::new(parts.stop.clone(), parts.random.clone()),
    };
    let service = PriorityRouterServiceServer::new(service)
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let contacts = router.clone();
    Server::new(database, &parts)
        .owners(move |id| grpc::owner_of_contact(contacts.clone(), id))
        .service(service)
        .background(measure_until(router.clone(), desks.clone(), parts.stop.token()))
        .background(purge_until(router.clone(), parts.stop.clone()))
        .background(sweep_until(router, desks, parts.stop))
        .start(&config.server)
        .await
}
