//! The smallest service: a `ChannelService` that can wait and fail.

use std::{sync::Arc, time::Duration};

use segue_core::SharedClock;
use segue_proto::channel::v1::{
    CloseSessionRequest, CloseSessionResponse, FindAccountsRequest, FindAccountsResponse,
    channel_service_client::ChannelServiceClient,
};
use segue_runtime::{MAX_MESSAGE_BYTES, Parts, Running, Server, ServerConfig, Stop};
use segue_store::{Database, Migrations, Settings};
use segue_testkit::{Adapter, channel_service};
use sqlx::migrate::Migrator;
use tokio::sync::Notify;
use tonic::{
    Status,
    transport::{Channel, Endpoint},
};

static NONE: Migrator = Migrator::DEFAULT;

/// Longer than any test waits: nothing may depend on it.
pub const LONG_GRACE: Duration = Duration::from_secs(300);

#[derive(Clone, Default)]
pub struct Waiting {
    pub started: Arc<Notify>,
    pub go_on: Arc<Notify>,
    pub finished: Arc<Notify>,
}

impl Adapter for Waiting {
    /// Waits until the test lets it go on.
    async fn close_session(&self, _: CloseSessionRequest) -> Result<CloseSessionResponse, Status> {
        self.started.notify_one();
        self.go_on.notified().await;
        self.finished.notify_one();
        Ok(CloseSessionResponse {})
    }

    async fn find_accounts(&self, _: FindAccountsRequest) -> Result<FindAccountsResponse, Status> {
        panic!("a fault of the handler")
    }
}

pub async fn open(url: &str) -> Database {
    Database::open(&Settings::of_url(url), Migrations { owner: "test", sqlite: &NONE, postgres: &NONE })
        .await
        .unwrap()
}

pub fn config(grace: Duration) -> ServerConfig {
    ServerConfig { grace, ..ServerConfig::loopback(0) }
}

/// A service on a database in memory, to be given more.
pub async fn server(stop: &Stop, service: Waiting) -> Server {
    on(open("sqlite::memory:").await, stop, service)
}

/// The same on a clock of the test's.
pub async fn server_at(stop: &Stop, clock: SharedClock) -> Server {
    let parts = Parts { clock, ..Parts::real(stop.clone()) };
    with(open("sqlite::memory:").await, &parts, Waiting::default())
}

pub fn on(database: Database, stop: &Stop, service: Waiting) -> Server {
    with(database, &Parts::real(stop.clone()), service)
}

fn with(database: Database, parts: &Parts, service: Waiting) -> Server {
    let service = channel_service(service).max_decoding_message_size(MAX_MESSAGE_BYTES);
    Server::new(database, parts).service(service)
}

pub async fn connect(running: &Running) -> Channel {
    Endpoint::from_shared(running.uri()).unwrap().connect().await.unwrap()
}

pub async fn client(running: &Running) -> ChannelServiceClient<Channel> {
    ChannelServiceClient::new(connect(running).await)
}
