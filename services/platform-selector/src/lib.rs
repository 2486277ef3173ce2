//! platform-selector: knows the platforms, the work profiles and who has an account where, and chooses the platform on
//! which a business goes on (R3-R5). It calls platforms' adapters, and nobody else.

mod adapters;
mod catalog;
mod config;
mod domain;
mod error;
mod grpc;
mod housekeeping;
mod recorder;
mod store;
mod wire;

pub use config::{AdapterChanges, AdapterSettings, Config, History};

use segue_proto::selector::v1::platform_selector_service_server::PlatformSelectorServiceServer;
use segue_runtime::{BootError, MAX_MESSAGE_BYTES, Parts, Running, Server};
use segue_store::Database;

use crate::adapters::Channels;

/// Opens the database and serves until the stop is told.
pub async fn bind(config: Config, parts: Parts) -> Result<Running, BootError> {
    let db = Database::open(&config.database, segue_store::migrations!()).await?;
    let check_interval = config.adapters.check_interval;
    let (recorder, recording) = recorder::recorder();
    let (keys, region) = (config.directory_keys, config.region);
    let channels = Channels::new(config.server.credentials.clone(), config.adapters.hosts.clone());
    let selector =
        grpc::Selector::new(db.clone(), keys, region, channels, &config.adapters, recorder, &parts);
    let follow = selector.follow(check_interval, parts.stop.clone());
    let service = PlatformSelectorServiceServer::new(selector)
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    Server::new(db.clone(), &parts)
        .service(service)
        .background(follow.run())
        .background(recording.run(db.clone(), parts.stop.clone()))
        .background(housekeeping::forget_what_is_old(db, config.history, parts.clock, parts.stop))
        .start(&config.server)
        .await
}
