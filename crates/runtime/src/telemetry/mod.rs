//! Logs to standard error; traces, metrics and logs to an OTLP receiver when one is configured; metrics for Prometheus when
//! there is a port for them ([`Operations`](crate::Operations)).
//!
//! Names follow OpenTelemetry's semantic conventions 1.45, in which those of RPC are stable. No attribute holds a code, a
//! token or personal data: what callers choose freely never becomes one.

mod export;
mod lines;
mod signals;

use std::net::SocketAddr;

use opentelemetry::{global, trace::TracerProvider as _};
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use tracing_subscriber::{EnvFilter, Layer as _, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::{
    BootError, Operations,
    metrics::process,
    overload, peer,
    settings::{Reader, Setting},
};
use export::Exporters;
pub use signals::Signals;

/// Settings of every process.
pub const SETTINGS: &[Setting] = &[
    Setting::new("log", "info", "what to log, as `level` or `target=level,...`"),
    Setting::new("log-format", "text", "`text` for people, `json` for machines"),
    Setting::new(
        "otlp-endpoint",
        "",
        "OTLP/gRPC receiver of traces, metrics and logs, for example `http://127.0.0.1:4317`; empty: none",
    ),
    Setting::new(
        "otlp-signals",
        "traces,metrics,logs",
        "what goes to the OTLP receiver: any of `traces`, `metrics` and `logs`",
    ),
    Setting::new(
        "operations-listen",
        "",
        "address of the operations port, in plain text and for everybody who reaches it: `GET /metrics` for Prometheus and gRPC health; nothing personal is on it; empty: none",
    ),
];

/// What must not be traced or exported: the exporters use these, and would trace and log themselves for ever.
const OWN_WORK: &str = "h2=off,tonic=off,tower=off,hyper=off,hyper_util=off,opentelemetry=off,opentelemetry_sdk=off,opentelemetry_otlp=off,opentelemetry_prometheus=off";

/// How to log, trace and measure.
#[derive(Debug, Clone)]
pub struct TelemetryConfig {
    /// Filter directives.
    pub log: String,
    /// Whether logs are JSON.
    pub json: bool,
    /// The OTLP receiver; empty for none.
    pub otlp_endpoint: String,
    /// What it is sent.
    pub otlp_signals: Signals,
    /// Where the operations port is, if there is one.
    pub operations_listen: Option<SocketAddr>,
}

impl TelemetryConfig {
    /// Reads the settings.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        let log = reader.parse_with("log", |text| {
            EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|_| "is not a filter".to_owned())
        });
        let json = reader.parse_with("log-format", |text| match text {
            "text" => Ok(false),
            "json" => Ok(true),
            _ => Err("must be text or json".to_owned()),
        });
        let otlp_endpoint = reader.get("otlp-endpoint");
        let otlp_signals = reader.get("otlp-signals");
        let operations_listen = reader.parse_with("operations-listen", |text| match text {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| "must be of the form ADDRESS:PORT".to_owned()),
        });
        Some(Self {
            log: log?,
            json: json?,
            otlp_endpoint: otlp_endpoint?,
            otlp_signals: otlp_signals?,
            operations_listen: operations_listen?,
        })
    }
}

/// Ends with the process: flushes what is still to be sent.
#[derive(Debug)]
pub struct Telemetry {
    exporters: Exporters,
    operations_listen: Option<SocketAddr>,
}

impl Telemetry {
    /// Starts logging, tracing and measuring for the process. Call it once, inside the runtime and before services are
    /// bound: an instrument that was made before records nothing.
    pub fn start(service: &'static str, config: &TelemetryConfig) -> Result<Self, BootError> {
        let exporters = Exporters::new(service, config)?;
        if let Some(meters) = &exporters.meters {
            global::set_meter_provider(meters.clone());
            segue_metrics::turn_on();
            process::observe();
            overload::observe();
            peer::observe();
        }
        let filter = || EnvFilter::try_new(&config.log).unwrap_or_else(|_| EnvFilter::new("info"));
        let spans = exporters.tracers.as_ref().map(|tracers| {
            let own = EnvFilter::new(format!("info,{OWN_WORK}"));
            tracing_opentelemetry::layer().with_tracer(tracers.tracer("segue")).with_filter(own)
        });
        let records = exporters.loggers.as_ref().map(|loggers| {
            let own = EnvFilter::new(format!("trace,{OWN_WORK}"));
            OpenTelemetryTracingBridge::new(loggers).with_filter(own).with_filter(filter())
        });
        tracing_subscriber::registry()
            .with(spans)
            .with(records)
            .with(lines::layer(config.json, filter()))
            .try_init()
            .map_err(|error| BootError::Telemetry(error.to_string()))?;
        Ok(Self { exporters, operations_listen: config.operations_listen })
    }

    /// Binds the operations port, if there is to be one. Whoever connects waits until it serves.
    pub async fn operations(&self) -> Result<Operations, BootError> {
        match (self.operations_listen, &self.exporters.registry) {
            (Some(listen), Some(registry)) => Operations::bind(listen, registry.clone()).await,
            _ => Ok(Operations::none()),
        }
    }

    /// Sends what is left, within a time limit.
    pub async fn finish(self) {
        self.exporters.finish().await;
    }
}
