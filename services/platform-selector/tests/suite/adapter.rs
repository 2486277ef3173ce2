//! An adapter of a platform that behaves as it is told.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use segue_proto::{
    channel::v1::{FindAccountsRequest, FindAccountsResponse},
    common::v1::Identity,
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Status, transport::Server};
use tonic_health::{ServingStatus, server::HealthReporter};

/// What it does when it is asked for accounts.
#[derive(Debug, Clone)]
pub enum Behaviour {
    /// Answers these.
    Knows(Vec<String>),
    /// Never answers.
    Hangs,
    /// Refuses.
    Fails,
}

/// A running adapter; it ends with its handle.
pub struct Adapter {
    pub uri: String,
    behaviour: Arc<Mutex<Behaviour>>,
    asked: Arc<AtomicUsize>,
    told: Arc<Mutex<Vec<Identity>>>,
    health: HealthReporter,
    server: JoinHandle<()>,
}

impl Adapter {
    pub async fn start(behaviour: Behaviour) -> Self {
        Self::at("127.0.0.1:0", behaviour).await
    }

    /// At an address where there was one before.
    pub async fn at(address: &str, behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap());
        let behaviour = Arc::new(Mutex::new(behaviour));
        let (asked, told) = (Arc::<AtomicUsize>::default(), Arc::<Mutex<Vec<Identity>>>::default());
        let channel = Channel { behaviour: behaviour.clone(), asked: asked.clone(), told: told.clone() };
        let (health, health_service) = tonic_health::server::health_reporter();
        let server = Server::builder()
            .add_service(health_service)
            .add_service(segue_testkit::channel_service(channel));
        let server = tokio::spawn(async move {
            server.serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap();
        });
        Self { uri, behaviour, asked, told, health, server }
    }

    /// Ends it, and frees its address.
    pub async fn end(mut self) {
        self.server.abort();
        // It was aborted.
        drop((&mut self.server).await);
    }

    pub fn behave(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap() = behaviour;
    }

    /// How often it was asked for accounts.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// Whom it was asked about last.
    pub fn told(&self) -> Vec<Identity> {
        self.told.lock().unwrap().clone()
    }

    /// Changes what its health service says.
    pub async fn be_well(&self, well: bool) {
        let status = if well { ServingStatus::Serving } else { ServingStatus::NotServing };
        self.health.set_service_status("", status).await;
    }
}

impl Drop for Adapter {
    fn drop(&mut self) {
        self.server.abort();
    }
}

struct Channel {
    behaviour: Arc<Mutex<Behaviour>>,
    asked: Arc<AtomicUsize>,
    told: Arc<Mutex<Vec<Identity>>>,
}

impl segue_testkit::Adapter for Channel {
    async fn find_accounts(&self, request: FindAccountsRequest) -> Result<FindAccountsResponse, Status> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        *self.told.lock().unwrap() = request.customer.unwrap().identities;
        let behaviour = self.behaviour.lock().unwrap().clone();
        match behaviour {
            Behaviour::Knows(accounts) => Ok(FindAccountsResponse { accounts }),
            Behaviour::Hangs => std::future::pending().await,
            Behaviour::Fails => Err(Status::internal("out of order")),
        }
    }
}
