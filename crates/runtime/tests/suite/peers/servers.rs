//! Servers that count their calls and can be killed like a process, and a name service of the test's.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::stream::BoxStream;
use segue_proto::channel::v1::{
    CloseSessionRequest, CloseSessionResponse, DeliverAccessInfoRequest, DeliverAccessInfoResponse,
    FindAccountsRequest, FindAccountsResponse, channel_service_client::ChannelServiceClient,
};
use segue_proto::common::v1::ErrorReason;
use segue_runtime::{
    Refusal,
    peer::{Peer, PeerUri, Resolver},
};
use segue_testkit::{Adapter, channel_service, free_port};
use tokio::{runtime::Runtime, sync::Notify};
use tonic::{Request, Response, Status};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse,
    health_server::{Health, HealthServer},
};

/// What all calls to a server have in common.
#[derive(Clone, Default)]
pub struct Counting {
    pub calls: Arc<AtomicUsize>,
    /// A handler that is called never answers.
    pub hangs: Arc<AtomicBool>,
}

impl Counting {
    pub fn count(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    async fn called(&self) {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
    }
}

impl Adapter for Counting {
    /// Answers at once.
    async fn deliver_access_info(
        &self,
        _: DeliverAccessInfoRequest,
    ) -> Result<DeliverAccessInfoResponse, Status> {
        self.called().await;
        Ok(DeliverAccessInfoResponse {})
    }

    /// Says, as a proxy does, that nobody is there.
    async fn close_session(&self, _: CloseSessionRequest) -> Result<CloseSessionResponse, Status> {
        self.called().await;
        tokio::time::sleep(Duration::from_millis(80)).await;
        Err(Status::unavailable("no healthy upstream"))
    }

    /// Says, as one of our services does, that something else is missing.
    async fn find_accounts(&self, _: FindAccountsRequest) -> Result<FindAccountsResponse, Status> {
        self.called().await;
        Err(Refusal::new(ErrorReason::StoreUnavailable, "the store does not answer").into())
    }
}

/// Methods that the chassis doesn't know, so that it doesn't repeat them.
#[tonic::async_trait]
impl Health for Counting {
    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn check(&self, _: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        self.called().await;
        Ok(Response::new(HealthCheckResponse::default()))
    }

    async fn watch(&self, _: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        self.called().await;
        Ok(Response::new(Box::pin(futures::stream::pending())))
    }
}

/// A server on threads of its own, which can end in the middle.
pub struct Killable {
    pub address: SocketAddr,
    pub service: Counting,
    drains: Arc<Notify>,
    runtime: Option<Runtime>,
}

impl Killable {
    pub fn start() -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let mut server =
            Self { address, service: Counting::default(), drains: Arc::default(), runtime: None };
        server.start_again();
        server
    }

    pub fn start_again(&mut self) {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().unwrap();
        let (service, drains) = (self.service.clone(), self.drains.clone());
        // Bound here, so that it takes connections when this returns.
        let listener = std::net::TcpListener::bind(self.address).unwrap();
        listener.set_nonblocking(true).unwrap();
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            tonic::transport::Server::builder()
                .add_service(channel_service(service.clone()))
                .add_service(HealthServer::new(service))
                .serve_with_incoming_shutdown(
                    tonic::transport::server::TcpIncoming::from(listener),
                    async move { drains.notified().await },
                )
                .await
        });
        self.runtime = Some(runtime);
    }

    /// Ends it as `kill -9` does: its connections break.
    pub fn kill(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }

    /// Takes no more connections, and waits for those that are open.
    pub fn drain(&self) {
        self.drains.notify_one();
    }
}

impl Drop for Killable {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Addresses behind a name, as the test wants them.
#[derive(Clone, Default)]
pub struct Names(Arc<Mutex<Vec<SocketAddr>>>);

pub const LOOKUP_EVERY: Duration = Duration::from_millis(300);

impl Names {
    pub fn of(servers: &[Killable]) -> Self {
        let names = Self::default();
        names.set(servers);
        names
    }

    pub fn set(&self, servers: &[Killable]) {
        *self.0.lock().unwrap() = servers.iter().map(|server| server.address).collect();
    }

    pub fn uri(&self) -> PeerUri {
        let addresses = self.0.clone();
        let resolver = Resolver::new(LOOKUP_EVERY, move |host, port| {
            assert_eq!((host.as_str(), port), ("replicas.test", 50_051));
            let found = addresses.lock().unwrap().clone();
            Box::pin(async { Ok(found) })
        });
        "http://replicas.test:50051".parse::<PeerUri>().unwrap().resolved_by(resolver)
    }
}

pub async fn deliver(peer: &Peer) -> Result<(), Status> {
    let mut client = ChannelServiceClient::new(peer.clone());
    client.deliver_access_info(DeliverAccessInfoRequest::default()).await.map(drop)
}
