//! code-issuer: runs handoffs. It issues access codes, redeems them, and closes the old session (R2, R6, R8, R10, R12).
//!
//! The way of a call: `grpc` parses it and `commands` does it: they ask the other services (`clients`), have `decider` decide and make
//! the calls that are owed. The rules are in `domain`, which knows neither transport nor database; `store` has the SQL, and `jobs`
//! what time brings.
//!
//! To add a face: a module in `domain::faces` that implements `Face`, and its line in `domain::faces::ALL`.

mod clients;
mod commands;
mod config;
mod convert;
mod decider;
pub mod domain;
mod errors;
mod grpc;
mod jobs;
mod metrics;
mod store;

use std::sync::Arc;

use segue_proto::issuer::v1::code_issuer_service_server::CodeIssuerServiceServer;
use segue_runtime::{BootError, MAX_MESSAGE_BYTES, Parts, Running, Server, StreamEnd};
use segue_store::{
    Database,
    outbox::{self, Dispatcher},
};

use crate::{
    commands::Issuer,
    decider::Handoffs,
    jobs::{OwedCalls, purge_until, recount_until, sweep_until},
};
pub use crate::{commands::UnknownSessions, config::Config, metrics::METRICS};

/// Opens the database, binds and serves.
pub async fn bind(config: Config, parts: Parts) -> Result<Running, BootError> {
    let database = Database::open(&config.database, segue_store::migrations!()).await?;
    let handoffs = Handoffs::start(database.clone(), parts.clock.clone(), parts.random.clone());
    let (hand_over, handed_over) = outbox::hand_over();
    let issuer = Arc::new(Issuer::new(handoffs, &config, &parts, hand_over));
    let owed_calls = Arc::new(OwedCalls::new(issuer.clone()));
    let dispatcher = Dispatcher::new(database.clone(), owed_calls, parts.clock.clone(), handed_over);
    let stream_end = StreamEnd::new(parts.stop.clone(), parts.random.clone());
    let service = CodeIssuerServiceServer::new(grpc::Service { issuer: issuer.clone(), stream_end })
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let handoffs = issuer.clone();
    Server::new(database, &parts)
        .owners(move |id| grpc::owner_of_handoff(handoffs.clone(), id))
        .service(service)
        .background(dispatcher.run(parts.stop.token()))
        .background(purge_until(issuer.clone(), config.history, parts.stop.clone()))
        .background(recount_until(issuer.clone(), parts.stop.clone()))
        .background(sweep_until(issuer, parts.stop))
        .start(&config.server)
        .await
}
