use std::time::Duration;

use segue_core::SharedClock;
use segue_store::{Database, StoreError, audit};

use super::Refusals;
use crate::{Stop, seldom::Seldom};

/// How often records are written and linked.
const INTERVAL: Duration = Duration::from_secs(1);
/// How often old records are forgotten, and the end of the log is told to the log of the process, which is kept elsewhere.
const ROUNDS_BETWEEN_TELLING: u64 = 600;

/// Keeps the audit log of a service; every replica has one, and they take turns.
pub(crate) struct Keeper {
    pub(crate) database: Database,
    pub(crate) refusals: Refusals,
    pub(crate) clock: SharedClock,
    pub(crate) kept_for: Duration,
    pub(crate) stop: Stop,
}

static TOLD: Seldom = Seldom::new();

impl Keeper {
    /// Until the stop is told.
    pub(crate) async fn run(self) {
        let mut told = 0;
        for round in 0_u64.. {
            let is_stopping = self.stop.is_told();
            let kept = async {
                self.write_refusals().await?;
                self.link().await?;
                if is_stopping || round % ROUNDS_BETWEEN_TELLING == 0 {
                    self.forget().await?;
                    told = self.tell(told).await?;
                }
                Ok(())
            };
            if let Err(error) = kept.await
                && let Some(untold) = TOLD.now()
            {
                let error: StoreError = error;
                tracing::warn!(%error, untold, "the audit log waits for the store");
            }
            if is_stopping {
                return;
            }
            tokio::select! {
                () = self.stop.told() => {}
                () = tokio::time::sleep(INTERVAL) => {}
            }
        }
    }

    async fn write_refusals(&self) -> Result<(), StoreError> {
        let entries = self.refusals.take(self.clock.now_ms());
        if entries.is_empty() {
            return Ok(());
        }
        let written = self
            .database
            .write(entries.clone(), |conn, entries| Box::pin(audit::append_all(conn, entries)))
            .await;
        // Counted again, at the price of one that may be there twice.
        if written.is_err() {
            self.refusals.give_back(entries);
        }
        written
    }

    async fn link(&self) -> Result<(), StoreError> {
        while audit::is_anything_pending(&mut *self.database.read().await?).await? {
            self.database.write((), |conn, ()| Box::pin(audit::link(conn))).await?;
        }
        Ok(())
    }

    async fn forget(&self) -> Result<(), StoreError> {
        let kept_ms = i64::try_from(self.kept_for.as_millis()).unwrap_or(i64::MAX);
        let before = self.clock.now_ms().saturating_sub(kept_ms);
        while self.database.write(before, |conn, before| Box::pin(audit::forget(conn, *before))).await? > 0 {}
        Ok(())
    }

    /// Tells where the log ends, if it has grown.
    async fn tell(&self, told: i64) -> Result<i64, StoreError> {
        let head = audit::head(&mut *self.database.read().await?).await?;
        if head.sequence > told {
            tracing::info!(sequence = head.sequence, hash = head.hash, "the audit log ends here");
        }
        Ok(head.sequence)
    }
}
