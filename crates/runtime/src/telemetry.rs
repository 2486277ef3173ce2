//! Logs to standard error, traces to an OTLP receiver when one is configured.

use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tracing_subscriber::{EnvFilter, Layer as _, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::{
    BootError,
    settings::{Reader, Setting},
};

/// Settings of every process.
pub const SETTINGS: &[Setting] = &[
    Setting::new("log", "info", "what to log, as `level` or `target=level,...`"),
    Setting::new("log-format", "text", "`text` for people, `json` for machines"),
    Setting::new(
        "otlp-endpoint",
        "",
        "OTLP/gRPC receiver of traces, for example `http://127.0.0.1:4317`; empty: none",
    ),
];

/// What the last spans may cost at the end of the process, after the services' own grace.
const FLUSH_LIMIT: Duration = Duration::from_secs(2);

/// How to log and trace.
#[derive(Debug, Clone)]
pub struct TelemetryConfig {
    /// Filter directives.
    pub log: String,
    /// Whether logs are JSON.
    pub json: bool,
    /// The OTLP receiver; empty for none.
    pub otlp_endpoint: String,
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
        Some(Self { log: log?, json: json?, otlp_endpoint: otlp_endpoint? })
    }
}

/// Ends with the process: flushes what is still to be sent.
#[derive(Debug)]
pub struct Telemetry(Option<SdkTracerProvider>);

impl Telemetry {
    /// Starts logging and tracing for the process. Call it once, inside the runtime.
    pub fn start(service: &'static str, config: &TelemetryConfig) -> Result<Self, BootError> {
        let filter = || EnvFilter::try_new(&config.log).unwrap_or_else(|_| EnvFilter::new("info"));
        let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
        let lines = if config.json { lines.json().boxed() } else { lines.compact().boxed() };
        let provider = tracer_provider(service, &config.otlp_endpoint)?;
        let spans = provider.as_ref().map(|provider| {
            // The exporter's own spans would trace themselves for ever.
            let own = EnvFilter::new("info,h2=off,tonic=off,tower=off,hyper=off,opentelemetry=off");
            tracing_opentelemetry::layer().with_tracer(provider.tracer("segue")).with_filter(own)
        });
        tracing_subscriber::registry()
            .with(spans)
            .with(lines.with_filter(filter()))
            .try_init()
            .map_err(|error| BootError::Telemetry(error.to_string()))?;
        Ok(Self(provider))
    }

    /// Sends what is left, within a time limit.
    pub async fn finish(self) {
        if let Some(provider) = self.0 {
            let flushed =
                tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(FLUSH_LIMIT)).await;
            if !matches!(flushed, Ok(Ok(()))) {
                tracing::warn!("some spans were not sent");
            }
        }
    }
}

fn tracer_provider(service: &'static str, endpoint: &str) -> Result<Option<SdkTracerProvider>, BootError> {
    if endpoint.is_empty() {
        return Ok(None);
    }
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .build()
        .map_err(|error| BootError::Telemetry(error.to_string()))?;
    let resource = Resource::builder().with_service_name(service).build();
    Ok(Some(SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build()))
}
