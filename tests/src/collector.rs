//! A receiver of OTLP, and all that it was sent.

use std::time::Duration;

use fake_opentelemetry_collector::{ExportedLog, ExportedMetric, ExportedSpan, FakeCollectorServer};
use tokio::{sync::oneshot, task::JoinHandle};

/// What was sent.
#[derive(Debug, Default)]
pub struct Collected {
    /// Spans of all services.
    pub spans: Vec<ExportedSpan>,
    /// Log records of all services.
    pub logs: Vec<ExportedLog>,
    /// Exports of metrics, each of one service at one time.
    pub metrics: Vec<ExportedMetric>,
}

/// A receiver that runs.
pub struct Collector {
    /// Where it is.
    pub endpoint: String,
    ended: oneshot::Sender<()>,
    collected: JoinHandle<Collected>,
}

impl Collector {
    /// Starts it.
    pub async fn start() -> Self {
        let receiver = FakeCollectorServer::start().await.unwrap();
        let endpoint = receiver.endpoint();
        let (ended, end) = oneshot::channel();
        Self { endpoint, ended, collected: tokio::spawn(collect(receiver, end)) }
    }

    /// What has come until now, once the senders have ended.
    pub async fn end(self) -> Collected {
        self.ended.send(()).unwrap();
        self.collected.await.unwrap()
    }
}

/// Takes what comes as it comes, since the receiver holds little, until the end is told and nothing is left.
async fn collect(mut receiver: FakeCollectorServer, mut end: oneshot::Receiver<()>) -> Collected {
    let mut all = Collected::default();
    let mut over = false;
    loop {
        over = over || end.try_recv().is_ok();
        let wait = Duration::from_millis(if over { 200 } else { 20 });
        let spans = receiver.exported_spans(1, wait).await;
        let logs = receiver.exported_logs(1, wait).await;
        let metrics = receiver.exported_metrics(1, wait).await;
        if over && spans.is_empty() && logs.is_empty() && metrics.is_empty() {
            return all;
        }
        all.spans.extend(spans);
        all.logs.extend(logs);
        all.metrics.extend(metrics);
    }
}
