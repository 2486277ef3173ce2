//! Health and reflection, the same for every service.

use std::time::Duration;

use futures::{StreamExt as _, stream::BoxStream};
use segue_store::Database;
use tonic::{Request, Response, Status, service::RoutesBuilder};
use tonic_health::{
    ServingStatus,
    pb::{self, HealthCheckRequest, HealthCheckResponse, health_server::HealthServer},
    server::{HealthReporter, HealthService},
};
use tonic_reflection::server::Builder;

use crate::{BootError, Stop};

/// The health service asked about itself: whether the process answers at all, whatever its database does. That is what
/// decides on a restart; one would not bring a database back.
const ALIVE: &str = "grpc.health.v1.Health";

const PROBE_INTERVAL: Duration = Duration::from_secs(2);

/// Adds reflection in both versions: grpcurl 1.8 and Python's client know only v1alpha.
pub(crate) fn add_reflection(
    routes: &mut RoutesBuilder,
    service_names: &[&'static str],
) -> Result<(), BootError> {
    let builder = || {
        let builder = Builder::configure().register_encoded_file_descriptor_set(segue_proto::DESCRIPTORS);
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
    stop: Stop,
}

impl Health {
    /// SERVING, as the database has just been opened.
    pub(crate) async fn new(service_names: Vec<&'static str>, stop: Stop) -> Self {
        let this = Self { reporter: HealthReporter::new(), service_names, stop };
        this.set_all(ServingStatus::Serving).await;
        this.reporter.set_service_status(ALIVE, ServingStatus::Serving).await;
        this
    }

    pub(crate) fn service(&self) -> HealthServer<EndingHealth> {
        let library = HealthService::from_health_reporter(self.reporter.clone());
        HealthServer::new(EndingHealth { library, stop: self.stop.clone() })
    }

    /// Follows the store until the stop.
    pub(crate) async fn follow(self, database: Database) {
        loop {
            let probe = async {
                let status = match database.ping().await {
                    Ok(()) => ServingStatus::Serving,
                    Err(_) => ServingStatus::NotServing,
                };
                self.set_all(status).await;
                tokio::time::sleep(PROBE_INTERVAL).await;
            };
            tokio::select! {
                () = self.stop.told() => break,
                () = probe => {}
            }
        }
        self.set_all(ServingStatus::NotServing).await;
    }

    async fn set_all(&self, status: ServingStatus) {
        for name in self.service_names.iter().chain(std::iter::once(&"")) {
            self.reporter.set_service_status(*name, status).await;
        }
    }
}

pub(crate) struct EndingHealth {
    library: HealthService,
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
        let stop = self.stop.clone();
        let told = async move { stop.told().await };
        let last =
            HealthCheckResponse { status: pb::health_check_response::ServingStatus::NotServing.into() };
        let watched = self.library.watch(request).await?.into_inner();
        let ending = watched.take_until(Box::pin(told)).chain(futures::stream::iter([Ok(last)]));
        Ok(Response::new(ending.boxed()))
    }
}
