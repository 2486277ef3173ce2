//! priority-router: queues contacts, assigns them to agents, and holds the customer-service list (R1, R7, R10, R11).
//!
//! It calls nobody and keeps nothing outside its database, so any replica can answer any call. What is decided, and by
//! which arithmetic, is in `domain`; the decisions themselves are transactions in `routing`; `store` has the SQL and
//! `grpc` the contract.

mod config;
mod domain;
mod error;
mod grpc;
mod metrics;
mod routing;
mod store;

pub use config::Config;
pub use domain::{Rules, core};
pub use metrics::METRICS;
use segue_proto::router::v1::priority_router_service_server::PriorityRouterServiceServer;
use segue_runtime::{BootError, MAX_MESSAGE_BYTES, Parts, Running, Server, StreamEnd};
use segue_store::{Database, migrations};

use crate::{
    grpc::news::News,
    metrics::{Metrics, measure_until},
    routing::{Desks, Router, sweep_until},
};

/// Opens the database, binds and serves.
pub async fn bind(config: Config, parts: Parts) -> Result<Running, BootError> {
    let database = Database::open(&config.database, migrations!()).await?;
    let router = Router {
        database: database.clone(),
        clock: parts.clock.clone(),
        random: parts.random.clone(),
        rules: config.rules,
        metrics: Metrics::new(),
    };
    let (desks, news) = (Desks::new(router.clone()), News::default());
    let service = grpc::Service {
        router: router.clone(),
        desks: desks.clone(),
        news: news.clone(),
        stop: parts.stop.clone(),
        stream_end: StreamEnd::new(parts.stop.clone(), parts.random.clone()),
    };
    let service = PriorityRouterServiceServer::new(service)
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let contacts = router.clone();
    Server::new(database.clone(), &parts)
        .owners(move |id| grpc::owner_of_contact(contacts.clone(), id))
        .service(service)
        .background(news.follow(database, parts.stop.clone()))
        .background(measure_until(router.clone(), desks.clone(), parts.stop.token()))
        .background(sweep_until(router, desks, parts.stop))
        .start(&config.server)
        .await
}
