//! code-issuer: runs handoffs. It issues access codes, redeems them, and closes the old session (R2, R6, R8, R10, R12).
//!
//! The way of a call: `grpc` parses it, `flow` decides and calls the other services, `store` keeps what happened. The
//! states and the code faces are in `domain`, which knows neither transport nor database.
//!
//! To add a face: a module in `domain::faces` that implements `Face`, and its line in `domain::faces::ALL`.

mod config;
pub mod domain;
mod flow;
mod grpc;
mod metrics;
mod store;

use std::sync::Arc;

use segue_proto::issuer::v1::code_issuer_service_server::CodeIssuerServiceServer;
use segue_runtime::{BootError, MAX_MESSAGE_BYTES, Parts, Running, Server, StreamEnd};
use segue_store::{Database, outbox::Dispatcher};

pub use crate::{config::Config, flow::UnknownSessions, metrics::METRICS};
use crate::{flow::Flow, grpc::Api, store::Store};

/// Starts the service.
pub async fn bind(config: Config, parts: Parts) -> Result<Running, BootError> {
    let database = Database::open(&config.database, segue_store::migrations!()).await?;
    let store = Store::new(database.clone(), parts.clock.clone(), parts.random.clone());
    let flow = Arc::new(Flow::new(store, &config, &parts));
    let dispatcher = Dispatcher::new(database.clone(), flow.clone(), parts.clock.clone());
    let api = Api::new(flow.clone(), StreamEnd::new(parts.stop.clone(), parts.random.clone()));
    let service = CodeIssuerServiceServer::new(api)
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let handoffs = flow.clone();
    Server::new(database, &parts)
        .owners(move |id| grpc::owner_of_handoff(handoffs.clone(), id))
        .service(service)
        .background(dispatcher.run(parts.stop.token()))
        .background(flow::sweep(flow, parts.stop))
        .start(&config.server)
        .await
}
