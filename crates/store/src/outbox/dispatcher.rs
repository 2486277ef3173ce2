use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use segue_core::SharedClock;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{OwedCall, claim, postpone};
use crate::{Database, StoreError};

const POLL: Duration = Duration::from_secs(1);
const CLAIM_LIMIT: i64 = 32;
const BACK_OFF_FIRST_MS: i64 = 200;
const BACK_OFF_MOST_MS: i64 = 10_000;

/// Makes owed calls.
pub trait Handler: Send + Sync + 'static {
    /// Makes the call and, in one transaction, records what follows from it and settles it.
    fn call<'a>(&'a self, call: &'a OwedCall) -> BoxFuture<'a, Result<(), Unsettled>>;
}

/// The call was not made, or its outcome is unknown: try again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsettled;

/// Makes the calls that no request's own path has made.
pub struct Dispatcher<H> {
    database: Database,
    handler: Arc<H>,
    clock: SharedClock,
}

impl<H: Handler> Dispatcher<H> {
    /// A dispatcher over the database's outbox.
    pub fn new(database: Database, handler: Arc<H>, clock: SharedClock) -> Self {
        Self { database, handler, clock }
    }

    /// Runs until told to stop. Calls under way are finished first; leases guard what is cut off after that.
    pub async fn run(self, stop: CancellationToken) {
        let this = Arc::new(self);
        let mut changes = this.database.changes();
        let mut calls = JoinSet::new();
        loop {
            while calls.try_join_next().is_some() {}
            match this.claim().await {
                Ok(claimed) if !claimed.is_empty() => {
                    for call in claimed {
                        let this = this.clone();
                        calls.spawn(async move { this.make(&call).await });
                    }
                    continue;
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "outbox not readable"),
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = changes.wait(POLL) => {}
            }
        }
        while calls.join_next().await.is_some() {}
    }

    async fn claim(&self) -> Result<Vec<OwedCall>, StoreError> {
        let now = self.clock.now_ms();
        // Most wake-ups find nothing; a write for each would wake every watcher in turn.
        if !super::any_due(&mut *self.database.read().await?, now).await? {
            return Ok(Vec::new());
        }
        self.database.write(now, |conn, now| Box::pin(claim(conn, *now, CLAIM_LIMIT))).await
    }

    async fn make(&self, call: &OwedCall) {
        if self.handler.call(call).await.is_err() {
            retry_later(&self.database, call, self.clock.now_ms()).await;
        }
    }
}

/// Gives a call that failed back to the dispatcher, put off twice as long each time.
pub async fn retry_later(database: &Database, call: &OwedCall, now_ms: i64) {
    let doubled = BACK_OFF_FIRST_MS.saturating_mul(1 << call.attempts.clamp(0, 16));
    let next_at = now_ms + doubled.min(BACK_OFF_MOST_MS);
    let put_off = database
        .write((call.id.clone(), next_at), |conn, (id, next_at)| Box::pin(postpone(conn, id, *next_at)))
        .await;
    if let Err(error) = put_off {
        // The lease ends by itself.
        tracing::warn!(%error, call = call.id, "call not put off");
    }
}
