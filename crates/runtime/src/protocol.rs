//! Health and reflection, the same for every service.

use std::time::Duration;

use segue_store::Database;
use tonic::service::RoutesBuilder;
use tonic_health::{ServingStatus, server::HealthReporter};
use tonic_reflection::server::Builder;

use crate::{BootError, Stop};

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

/// Keeps health in step with the store until the service stops, and then says NOT_SERVING.
pub(crate) async fn report_health(
    reporter: HealthReporter,
    service_names: Vec<&'static str>,
    database: Database,
    stop: Stop,
) {
    loop {
        let status = match database.ping().await {
            Ok(()) => ServingStatus::Serving,
            Err(_) => ServingStatus::NotServing,
        };
        set_all(&reporter, &service_names, status).await;
        tokio::select! {
            () = stop.told() => break,
            () = tokio::time::sleep(PROBE_INTERVAL) => {}
        }
    }
    set_all(&reporter, &service_names, ServingStatus::NotServing).await;
}

async fn set_all(reporter: &HealthReporter, service_names: &[&'static str], status: ServingStatus) {
    for name in service_names.iter().chain(std::iter::once(&"")) {
        reporter.set_service_status(*name, status).await;
    }
}
