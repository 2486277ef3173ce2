//! Health and reflection, the same for every service.

use std::{sync::Arc, time::Duration};

use futures::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use segue_proto::common::v1::ErrorReason;
use segue_store::Database;
use tokio::sync::{Semaphore, watch};
use tonic::{Code, Request, Response, Status, service::RoutesBuilder};
use tonic_health::{
    ServingStatus,
    pb::{self, HealthCheckRequest, HealthCheckResponse, health_server::HealthServer},
    server::{HealthReporter, HealthService},
};
use tonic_reflection::server::Builder;

use crate::{BootError, Refusal, Stop};

/// The health service asked about itself: whether the process answers at all, whatever its database does. That is what
/// decides on a restart; one would not bring a database back.
const ALIVE: &str = "grpc.health.v1.Health";

/// The contract of the health service, which every port has.
pub(crate) const HEALTH_DESCRIPTORS: &[u8] = pb::FILE_DESCRIPTOR_SET;

/// Most who watch the health of a port at a time; balancers that do are few.
const MAX_WATCHERS: usize = 64;
const PROBE_INTERVAL: Duration = Duration::from_secs(2);

/// Adds reflection in both versions: grpcurl 1.8 and Python's client know only v1alpha. It lists these services and health, and
/// knows the messages of `descriptors` and those that a refusal's details are made of: without them a client shows bytes
/// instead of the reason.
pub(crate) fn add_reflection(
    routes: &mut RoutesBuilder,
    service_names: &[&'static str],
    descriptors: &'static [u8],
) -> Result<(), BootError> {
    let builder = || {
        let builder = Builder::configure()
            .register_encoded_file_descriptor_set(descriptors)
            .register_encoded_file_descriptor_set(HEALTH_DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
            .with_service_name(ALIVE);
        service_names.iter().fold(builder, |builder, name| builder.with_service_name(*name))
    };
    let failed = |error: tonic_reflection::server::Error| BootError::Reflection(error.to_string());
    routes.add_service(builder().build_v1().map_err(failed)?);
    routes.add_service(builder().build_v1alpha().map_err(failed)?);
    Ok(())
}

/// Health, in step with the store until the service stops; then it says NOT_SERVING and ends the streams that watch it,
/// which the library would keep open for ever.
#[derive(Clone)]
pub(crate) struct Health {
    reporter: HealthReporter,
    service_names: Vec<&'static str>,
    is_serving: watch::Sender<bool>,
    stop: Stop,
}

/// The health of a service, as another port tells it.
#[derive(Debug, Clone)]
pub(crate) struct Followed {
    service_names: Vec<&'static str>,
    is_serving: watch::Receiver<bool>,
}

impl Health {
    /// SERVING, as the database has just been opened.
    pub(crate) async fn new(service_names: Vec<&'static str>, stop: Stop) -> Self {
        let is_serving = watch::Sender::new(true);
        let this = Self { reporter: HealthReporter::new(), service_names, is_serving, stop };
        this.set_all(true).await;
        this.reporter.set_service_status(ALIVE, ServingStatus::Serving).await;
        this
    }

    /// The health of several services together, for a port of its own that ends with `stop`. The process serves if all do.
    pub(crate) async fn of_all(mut services: Vec<Followed>, stop: Stop) -> Self {
        let this = Self::new(vec![], stop).await;
        // Before anybody asks: who watches a name that is unknown is not told when it becomes known.
        this.update(&mut services).await;
        let followed = this.clone();
        tokio::spawn(async move { followed.follow_all(services).await });
        this
    }

    /// For another port.
    pub(crate) fn followed(&self) -> Followed {
        Followed { service_names: self.service_names.clone(), is_serving: self.is_serving.subscribe() }
    }

    async fn follow_all(self, mut services: Vec<Followed>) {
        while !self.stop.is_told() && !services.is_empty() {
            self.update(&mut services).await;
            let changes = services.iter_mut().map(|service| Box::pin(changed(&mut service.is_serving)));
            tokio::select! {
                () = self.stop.told() => {}
                _ = futures::future::select_all(changes) => {}
            }
        }
    }

    async fn update(&self, services: &mut [Followed]) {
        let mut all = true;
        for service in services {
            let is_serving = *service.is_serving.borrow_and_update();
            all &= is_serving;
            self.set(&service.service_names, is_serving).await;
        }
        self.set(&[""], all).await;
    }

    pub(crate) fn service(&self) -> HealthServer<EndingHealth> {
        let library = HealthService::from_health_reporter(self.reporter.clone());
        let watchers = Arc::new(Semaphore::new(MAX_WATCHERS));
        HealthServer::new(EndingHealth { library, watchers, stop: self.stop.clone() })
    }

    /// Follows the store until the stop.
    pub(crate) async fn follow(self, database: Database) {
        loop {
            let probe = async {
                self.set_all(database.ping().await.is_ok()).await;
                tokio::time::sleep(PROBE_INTERVAL).await;
            };
            tokio::select! {
                () = self.stop.told() => break,
                () = probe => {}
            }
        }
        self.set_all(false).await;
    }

    async fn set_all(&self, is_serving: bool) {
        self.set(&self.service_names, is_serving).await;
        self.set(&[""], is_serving).await;
        self.is_serving.send_if_modified(|known| std::mem::replace(known, is_serving) != is_serving);
    }

    async fn set(&self, names: &[&'static str], is_serving: bool) {
        let status = if is_serving { ServingStatus::Serving } else { ServingStatus::NotServing };
        for name in names {
            self.reporter.set_service_status(*name, status).await;
        }
    }
}

/// Waits for a change. A service that has ended changes no more; what it was last is kept.
async fn changed(is_serving: &mut watch::Receiver<bool>) {
    if is_serving.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

pub(crate) struct EndingHealth {
    library: HealthService,
    /// Places of those who watch. Everybody may, and probes don't.
    watchers: Arc<Semaphore>,
    stop: Stop,
}

#[tonic::async_trait]
impl pb::health_server::Health for EndingHealth {
    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        self.library.check(request).await
    }

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let Ok(place) = self.watchers.clone().try_acquire_owned() else {
            return Err(Refusal::new(ErrorReason::Overloaded, "too many watch the health").into());
        };
        let stop = self.stop.clone();
        let told = Box::pin(async move { stop.told().await });
        let watched = match self.library.watch(request).await {
            Ok(watched) => {
                let last = health_of(pb::health_check_response::ServingStatus::NotServing);
                watched.into_inner().take_until(told).chain(stream::iter([Ok(last)])).boxed()
            }
            // gRPC's health protocol: the stream stays open, as the name may become known. Here the names are those of the start.
            Err(status) if status.code() == Code::NotFound => {
                let unknown = health_of(pb::health_check_response::ServingStatus::ServiceUnknown);
                stream::iter([Ok(unknown)]).chain(stream::pending()).take_until(told).boxed()
            }
            Err(status) => return Err(status),
        };
        let ending = watched.inspect(move |_| {
            let _kept_until_the_end = &place;
        });
        Ok(Response::new(ending.boxed()))
    }
}

fn health_of(status: pb::health_check_response::ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}
