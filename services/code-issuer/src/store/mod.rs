//! What the issuer keeps. Every transition is one guarded statement; the calls it owes are committed with it.

mod codes;
mod create;
mod limits;
mod list;
mod record;
mod redeem;
mod reissue;
mod revoke;
mod totals;
mod transitions;

use std::sync::Arc;

use segue_core::{Random, SharedClock};
use segue_store::{Changes, Conn, Database, StoreError, outbox, outbox::OwedCall};

pub(crate) use codes::CodeHash;
pub(crate) use create::{Created, NewHandoff};
use limits::Exhausted;
pub(crate) use limits::{Guessing, Suspect};
pub(crate) use list::Filter;
pub(crate) use record::Record;
pub(crate) use redeem::{Candidate, DeadCode, Redeemed, Redemption};
pub(crate) use reissue::{NewCodes, Reissued};
pub(crate) use revoke::Revoked;
pub(crate) use transitions::{Admission, Cancelled};

use crate::metrics::Metrics;

/// The issuer's database.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    database: Database,
    clock: SharedClock,
    random: Random,
    exhausted: Exhausted,
    metrics: Arc<Metrics>,
}

impl Store {
    pub fn new(database: Database, clock: SharedClock, random: Random) -> Self {
        Self { database, clock, random, exhausted: Exhausted::default(), metrics: Arc::new(Metrics::new()) }
    }

    /// The handoff with this id.
    pub async fn find(&self, id: &str) -> Result<Option<Record>, StoreError> {
        find(&mut *self.database.read().await?, id).await
    }

    /// Forgets a call that has nothing left to do.
    pub async fn settle(&self, call: &OwedCall) -> Result<(), StoreError> {
        self.database
            .write(call.id.clone(), |conn, id| {
                Box::pin(async move { outbox::settle(conn, id).await.map(|_| ()) })
            })
            .await
    }

    /// Gives a failed call back to the dispatcher.
    pub async fn retry_later(&self, call: &OwedCall) {
        outbox::retry_later(&self.database, call, self.clock.now_ms()).await;
    }

    /// Wakes on changes made by this process.
    pub fn changes(&self) -> Changes {
        self.database.changes()
    }

    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }
}

async fn find(conn: &mut Conn, id: &str) -> Result<Option<Record>, StoreError> {
    let row = sqlx::query("SELECT * FROM handoffs WHERE id = $1").bind(id).fetch_optional(conn).await?;
    row.as_ref().map(record::read).transpose()
}
