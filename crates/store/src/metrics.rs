//! What the store records, by the semantic conventions for databases (1.45) where they have a name for it.
//!
//! A statement is too small to be counted by itself: a read is timed from having its connection to giving it back, a write
//! is timed by the transaction that it shares with others.

use std::{future::Future, sync::Arc, time::Duration};

use segue_metrics::{Counter, Histogram, KeyValue, Metric, SECONDS};
use sqlx::{Any, AnyPool, pool::PoolConnection};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Span;

use crate::{Engine, StoreError};

/// How often is looked at what only a query tells.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(10);
const BATCH_BOUNDS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

const OWNER: (&str, &str) = ("segue.service", "the service whose database it is");
const POOL: (&str, &str) = ("db.client.connection.pool.name", "the service whose database it is");
const SYSTEM: (&str, &str) = ("db.system.name", "`sqlite`, `postgresql`");

const OPERATION_DURATION: Metric = Metric::histogram(
    "db.client.operation.duration",
    "s",
    "how long a reading connection was in use, or a transaction of writes took",
    &[
        SYSTEM,
        OWNER,
        ("db.operation.name", "`READ`, `COMMIT`"),
        ("error.type", "`unavailable`, `contended`, `failed`; absent when it went well"),
    ],
    SECONDS,
);
const CONNECTION_COUNT: Metric = Metric::up_down(
    "db.client.connection.count",
    "{connection}",
    "open connections",
    &[POOL, ("db.client.connection.state", "`used`, `idle`")],
);
const CONNECTION_MAX: Metric =
    Metric::up_down("db.client.connection.max", "{connection}", "most connections at a time", &[POOL]);
const CONNECTION_WAIT: Metric = Metric::histogram(
    "db.client.connection.wait_time",
    "s",
    "how long a connection was waited for",
    &[POOL],
    SECONDS,
);
const CONNECTION_TIMEOUTS: Metric = Metric::counter(
    "db.client.connection.timeouts",
    "{timeout}",
    "connections that were waited for in vain",
    &[POOL],
);
const COMMIT_WRITES: Metric = Metric::histogram(
    "segue.db.commit.writes",
    "{write}",
    "writes that shared one commit",
    &[OWNER],
    BATCH_BOUNDS,
);
pub(crate) const OUTBOX_CALLS: Metric = Metric::gauge(
    "segue.outbox.calls",
    "{call}",
    "owed calls; of all replicas together, each tells the same",
    &[OWNER],
);
pub(crate) const OUTBOX_OLDEST_AGE: Metric = Metric::gauge(
    "segue.outbox.oldest.age",
    "s",
    "how long the oldest owed call has waited, 0 without any; of all replicas together, each tells the same",
    &[OWNER],
);

/// What every database records. The outbox is looked at where calls are owed: in code-issuer.
pub const METRICS: &[Metric] = &[
    OPERATION_DURATION,
    CONNECTION_COUNT,
    CONNECTION_MAX,
    CONNECTION_WAIT,
    CONNECTION_TIMEOUTS,
    COMMIT_WRITES,
    OUTBOX_CALLS,
    OUTBOX_OLDEST_AGE,
];

/// Calls `sample` now and at intervals until the stop. Without anybody to record for it only waits.
pub async fn sample_until<F: Future<Output = Result<(), StoreError>>>(
    stop: CancellationToken,
    mut sample: impl FnMut() -> F,
) {
    while !stop.is_cancelled() {
        if segue_metrics::is_on()
            && let Err(error) = sample().await
        {
            tracing::warn!(%error, "a sample for metrics failed");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(SAMPLE_INTERVAL) => {}
        }
    }
}

/// The attribute that tells databases of one process apart.
pub(crate) fn owned_by(owner: &'static str) -> [KeyValue; 1] {
    [KeyValue::new(OWNER.0, owner)]
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Operation {
    Read,
    Write,
}

/// The instruments of one database.
#[derive(Debug)]
pub(crate) struct DatabaseMetrics {
    owner: &'static str,
    system: &'static str,
    duration: Histogram<f64>,
    wait: Histogram<f64>,
    timeouts: Counter<u64>,
    writes: Histogram<f64>,
}

impl DatabaseMetrics {
    pub(crate) fn new(owner: &'static str, engine: Engine) -> Arc<Self> {
        let system = match engine {
            Engine::SqliteMemory | Engine::SqliteFile => "sqlite",
            Engine::Postgres => "postgresql",
        };
        Arc::new(Self {
            owner,
            system,
            duration: OPERATION_DURATION.to_histogram(),
            wait: CONNECTION_WAIT.to_histogram(),
            timeouts: CONNECTION_TIMEOUTS.to_counter(),
            writes: COMMIT_WRITES.to_histogram(),
        })
    }

    pub(crate) fn owner(&self) -> &'static str {
        self.owner
    }

    /// Has the pool's connections counted whenever metrics are collected.
    pub(crate) fn observe(&self, pool: &AnyPool) {
        // So that the counter is there before the first timeout.
        self.timeouts.add(0, &self.pool());
        let (counted, name) = (pool.clone(), self.owner);
        CONNECTION_COUNT.observe(move |instrument| {
            let idle = i64::try_from(counted.num_idle()).unwrap_or(i64::MAX);
            for (state, count) in [("idle", idle), ("used", (i64::from(counted.size()) - idle).max(0))] {
                instrument.observe(
                    count,
                    &[KeyValue::new(POOL.0, name), KeyValue::new("db.client.connection.state", state)],
                );
            }
        });
        let most = i64::from(pool.options().get_max_connections());
        CONNECTION_MAX.observe(move |instrument| instrument.observe(most, &[KeyValue::new(POOL.0, name)]));
    }

    pub(crate) async fn acquire(&self, pool: &AnyPool) -> Result<PoolConnection<Any>, sqlx::Error> {
        // Most of the time one is free, and a clock is not asked for nothing.
        let began = segue_metrics::is_on().then(Instant::now);
        let acquired = pool.acquire().await;
        if let Some(began) = began {
            self.wait.record(began.elapsed().as_secs_f64(), &self.pool());
            if matches!(acquired, Err(sqlx::Error::PoolTimedOut)) {
                self.timeouts.add(1, &self.pool());
            }
        }
        acquired
    }

    pub(crate) fn timer(self: &Arc<Self>, operation: Operation) -> Timer {
        Timer { began: segue_metrics::is_on().then(Instant::now), operation, metrics: self.clone() }
    }

    pub(crate) fn committed(&self, writes: usize) {
        let writes = u32::try_from(writes).unwrap_or(u32::MAX);
        self.writes.record(writes.into(), &owned_by(self.owner));
    }

    /// The span of a write on behalf of somebody; work of the service's own begins no trace.
    pub(crate) fn write_span(&self) -> Option<Span> {
        if Span::current().is_none() {
            return None;
        }
        Some(tracing::info_span!(
            "db write",
            otel.name = "COMMIT",
            otel.kind = "client",
            db.system.name = self.system,
            db.operation.name = "COMMIT",
            segue.service = self.owner,
        ))
    }

    fn pool(&self) -> [KeyValue; 1] {
        [KeyValue::new(POOL.0, self.owner)]
    }
}

/// The time since an operation began; none when nobody wants to know.
#[derive(Debug)]
pub(crate) struct Timer {
    began: Option<Instant>,
    operation: Operation,
    metrics: Arc<DatabaseMetrics>,
}

impl Timer {
    pub(crate) fn done(self, failed: Option<StoreError>) {
        let Some(began) = self.began else { return };
        let operation = match self.operation {
            Operation::Read => "READ",
            Operation::Write => "COMMIT",
        };
        let of = [
            KeyValue::new(SYSTEM.0, self.metrics.system),
            KeyValue::new(OWNER.0, self.metrics.owner),
            KeyValue::new("db.operation.name", operation),
            KeyValue::new("error.type", failed.map_or("", error_type)),
        ];
        // The last one is for failures only.
        let of = if failed.is_some() { &of[..] } else { &of[..3] };
        self.metrics.duration.record(began.elapsed().as_secs_f64(), of);
    }
}

fn error_type(error: StoreError) -> &'static str {
    match error {
        StoreError::Unavailable => "unavailable",
        StoreError::Contended => "contended",
        _ => "failed",
    }
}
