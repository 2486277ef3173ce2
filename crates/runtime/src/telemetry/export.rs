//! Where traces, metrics and logs go.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_otlp::{LogExporter, MetricExporter, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{
    Resource,
    logs::SdkLoggerProvider,
    metrics::{Instrument, PeriodicReader, SdkMeterProvider, Stream},
    trace::SdkTracerProvider,
};
use prometheus::Registry;
use segue_core::{Clock as _, Random, SystemClock, new_id};
use tokio::{sync::oneshot, time::timeout};

use super::{Signals, TelemetryConfig};
use crate::BootError;

/// What the last spans, measurements and lines may cost at the end of the process, after the services' own grace.
const FLUSH_LIMIT: Duration = Duration::from_secs(2);
const METRICS_INTERVAL: Duration = Duration::from_secs(15);
/// Most series of one metric. What comes beyond is counted together, under `otel.metric.overflow`.
const MOST_SERIES: usize = 1000;

/// The providers that are configured.
#[derive(Debug, Default)]
pub(super) struct Exporters {
    pub tracers: Option<SdkTracerProvider>,
    pub meters: Option<SdkMeterProvider>,
    pub loggers: Option<SdkLoggerProvider>,
    /// What Prometheus reads.
    pub registry: Option<Registry>,
}

impl Exporters {
    pub fn new(service: &'static str, config: &TelemetryConfig) -> Result<Self, BootError> {
        let resource = resource(service);
        let mut this = Self::default();
        let mut meters = SdkMeterProvider::builder().with_resource(resource.clone()).with_view(bounded);
        if config.operations_listen.is_some() {
            let registry = Registry::new();
            let exporter = opentelemetry_prometheus::exporter().with_registry(registry.clone());
            meters = meters.with_reader(exporter.scope_info_enabled(false).build().map_err(failed)?);
            this.registry = Some(registry);
        }
        let endpoint = &config.otlp_endpoint;
        let Signals { traces, metrics, logs } =
            if endpoint.is_empty() { Signals::default() } else { config.otlp_signals };
        if traces {
            let spans =
                SpanExporter::builder().with_tonic().with_endpoint(endpoint).build().map_err(failed)?;
            let tracers = SdkTracerProvider::builder().with_resource(resource.clone());
            this.tracers = Some(tracers.with_batch_exporter(spans).build());
        }
        if metrics {
            let exporter = MetricExporter::builder().with_tonic().with_endpoint(endpoint);
            let reader = PeriodicReader::builder(exporter.build().map_err(failed)?);
            meters = meters.with_reader(reader.with_interval(METRICS_INTERVAL).build());
        }
        if logs {
            let lines =
                LogExporter::builder().with_tonic().with_endpoint(endpoint).build().map_err(failed)?;
            let loggers = SdkLoggerProvider::builder().with_resource(resource);
            this.loggers = Some(loggers.with_batch_exporter(lines).build());
        }
        if metrics || this.registry.is_some() {
            this.meters = Some(meters.build());
        }
        Ok(this)
    }

    /// Sends what is left. The libraries wait for a dead receiver longer than they are asked to, and one after the other,
    /// so each has a thread, which nobody waits for any longer than the limit.
    pub async fn finish(self) {
        let Self { tracers, meters, loggers, .. } = self;
        let ends = tokio::join!(
            apart("spans", tracers.map(|it| move || it.shutdown_with_timeout(FLUSH_LIMIT).is_ok())),
            apart("metrics", meters.map(|it| move || it.shutdown_with_timeout(FLUSH_LIMIT).is_ok())),
            apart("log lines", loggers.map(|it| move || it.shutdown_with_timeout(FLUSH_LIMIT).is_ok())),
        );
        for what in <[_; 3]>::from(ends).into_iter().flatten() {
            tracing::warn!(what, "not everything was sent");
        }
    }
}

fn failed(error: impl std::fmt::Display) -> BootError {
    BootError::Telemetry(error.to_string())
}

/// Names what could not be sent.
async fn apart(
    what: &'static str,
    shutdown: Option<impl FnOnce() -> bool + Send + 'static>,
) -> Option<&'static str> {
    let (done, end) = oneshot::channel();
    let shutdown = shutdown?;
    std::thread::spawn(move || done.send(shutdown()));
    if matches!(timeout(FLUSH_LIMIT, end).await, Ok(Ok(true))) { None } else { Some(what) }
}

/// Attributes from outside come by `OTEL_RESOURCE_ATTRIBUTES`.
fn resource(service: &'static str) -> Resource {
    let instance = new_id("instance", SystemClock.now_ms(), &Random::secure());
    Resource::builder()
        .with_service_name(service)
        .with_attributes([
            KeyValue::new("service.namespace", "segue"),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", instance),
        ])
        .build()
}

fn bounded(_: &Instrument) -> Option<Stream> {
    Stream::builder().with_cardinality_limit(MOST_SERIES).build().ok()
}
