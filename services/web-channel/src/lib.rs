//! A reference platform: what a customer-service channel does so that customers can move from it and to it.
//!
//! It implements `ChannelService` over gRPC, and serves small web pages: a customer's page for each configured platform,
//! and an agent's desk. A platform of your own needs the former only; this one shows every part of the method working.
//!
//! The desk asks nobody who they are: an agent is whoever types an agent number. Therefore it answers only to browsers
//! on the same machine, with no proxy between, and can be turned off (setting `desk`).
//!
//! To add a platform, name it in the setting `platforms`. To add a kind of message, add a case to `domain::Content` and
//! show it in `static/common.js`.

mod clients;
mod commands;
mod config;
mod convert;
mod domain;
mod errors;
mod exposure;
mod grpc;
mod jobs;
mod page_limits;
mod store;
mod web;

use std::net::SocketAddr;

use segue_proto::channel::v1::channel_service_server::ChannelServiceServer;
use segue_runtime::{BootError, MAX_MESSAGE_BYTES, Parts, Running, Server};
use segue_store::{Database, Migrations};

pub use config::Config;
pub use domain::Platform;
pub use exposure::Exposure;
pub use page_limits::PageLimits;

use crate::{domain::UploadRoom, grpc::Channel, store::Store};

/// The running platform.
#[derive(Debug)]
pub struct Bound {
    /// The gRPC service; it owns the pages too.
    pub running: Running,
    /// Where the pages are.
    pub http: SocketAddr,
}

/// Its schema.
pub fn migrations() -> Migrations {
    segue_store::migrations!()
}

/// Starts it.
pub async fn bind(config: Config, parts: Parts) -> Result<Bound, BootError> {
    let database = Database::open(&config.database, migrations()).await?;
    let listener = web::listen(&config).await?;
    let http = listener.local_addr().map_err(|error| BootError::Bind(config.http_listen, error))?;
    let desk = config.exposure.desk;
    let room = UploadRoom::new(&config.exposure.limits);
    let store =
        Store::new(database.clone(), config.keys.clone(), parts.random.clone(), parts.clock.clone(), room);
    let channel = ChannelServiceServer::new(Channel::new(store.clone(), config.platforms.clone()))
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let running = Server::new(database, &parts)
        .service(channel)
        .background(jobs::sweep_until(store.clone(), config.history_days, parts.stop.clone()))
        .background(web::serve(listener, &config, store, &parts))
        .start(&config.server)
        .await?;
    tracing::info!(address = %http, "serving pages");
    if desk {
        tracing::warn!(
            "THE AGENT'S DESK HAS NO SIGN-IN: whoever uses this machine can act as any agent; desk=off turns it off"
        );
    }
    Ok(Bound { running, http })
}
