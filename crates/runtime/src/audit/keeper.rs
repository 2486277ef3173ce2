use std::time::Duration;

use segue_core::SharedClock;
use segue_store::{Database, StoreError, audit};

use super::Refusals;
use crate::{Stop, log_throttle::LogThrottle};

/// How often records are written and linked.
const INTERVAL: Duration = Duration::from_secs(1);
/// How often old records are forgotten, and the end of the log is told to the log of the process, which is kept elsewhere.
const ROUNDS_BETWEEN_TELLING: u64 = 600;

/// Keeps the audit log of a service; every replica has one, and they take turns.
#[derive(Clone)]
pub(crate) struct Keeper {
    pub(crate) database: Database,
    pub(crate) refusals: Refusals,
    pub(crate) clock: SharedClock,
    pub(crate) kept_for: Duration,
    pub(crate) stop: Stop,
}

static LOG_THROTTLE: LogThrottle = LogThrottle::new();

impl Keeper {
    /// Until the stop is told; [`Keeper::end`] is for what comes until the last call is over.
    pub(crate) async fn run(self) {
        let mut told = 0;
        for round in 0_u64.. {
            self.round(false).await;
            if round % ROUNDS_BETWEEN_TELLING == 0 {
                warn(self.forget().await);
                told = self.tell(told).await;
            }
            tokio::select! {
                () = self.stop.told() => return,
                () = tokio::time::sleep(INTERVAL) => {}
            }
        }
    }

    /// Writes and links what is left.
    pub(crate) async fn end(self) {
        self.round(true).await;
        self.tell(0).await;
    }

    async fn round(&self, is_end: bool) {
        warn(self.write_refusals(is_end).await);
        warn(self.link().await);
    }

    async fn write_refusals(&self, is_end: bool) -> Result<(), StoreError> {
        let entries = self.refusals.take(self.clock.now_ms(), is_end);
        if entries.is_empty() {
            return Ok(());
        }
        let written = self
            .database
            .write(entries.clone(), |conn, entries| Box::pin(audit::append_all(conn, entries)))
            .await;
        // They are counted again, though a record may then be there twice.
        if written.is_err() {
            self.refusals.give_back(entries);
        }
        written
    }

    async fn link(&self) -> Result<(), StoreError> {
        while self.database.read(async |conn| audit::is_anything_pending(conn).await).await? {
            let engine = self.database.engine();
            // Zero: another replica is linking.
            if self.database.write(engine, |conn, engine| Box::pin(audit::link(conn, *engine))).await? == 0 {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn forget(&self) -> Result<(), StoreError> {
        let kept_ms = i64::try_from(self.kept_for.as_millis()).unwrap_or(i64::MAX);
        let before = self.clock.now_ms().saturating_sub(kept_ms);
        let input = (before, self.database.engine());
        let forget = || {
            self.database
                .write(input, |conn, (before, engine)| Box::pin(audit::forget(conn, *engine, *before)))
        };
        while forget().await? > 0 {}
        Ok(())
    }

    /// Tells where the log ends, if it has grown.
    async fn tell(&self, told: i64) -> i64 {
        let head = async { self.database.read(async |conn| audit::head(conn).await).await };
        match head.await {
            Ok(head) => {
                if head.sequence > told {
                    tracing::info!(sequence = head.sequence, hash = head.hash, "the audit log ends here");
                }
                head.sequence
            }
            Err(error) => {
                warn(Err(error));
                told
            }
        }
    }
}

fn warn(done: Result<(), StoreError>) {
    if let Err(error) = done
        && let Some(untold) = LOG_THROTTLE.admit()
    {
        tracing::warn!(%error, untold, "the audit log waits for the store");
    }
}
