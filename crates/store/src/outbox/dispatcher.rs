use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use segue_core::SharedClock;
use tokio::{sync::mpsc, task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{LEASE_MS, OwedCall, claim, postpone};
use crate::{
    Database, StoreError,
    metrics::{OUTBOX_CALLS, OUTBOX_OLDEST_AGE, owned_by, sample_until},
};

/// Most calls that one dispatcher has under way: after an outage there may be thousands to make.
pub const CALLS_AT_ONCE: usize = 64;
const POLL: Duration = Duration::from_secs(1);
const LEASE: Duration = Duration::from_millis(LEASE_MS.unsigned_abs());
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

/// The way to the dispatcher of calls that are leased to whoever owes them, but that nobody waits for: it makes them without having to
/// claim them.
#[derive(Debug, Clone)]
pub struct HandOver(mpsc::Sender<OwedCall>);

/// The dispatcher's end of it.
#[derive(Debug)]
pub struct HandedOver(mpsc::Receiver<OwedCall>);

/// A way to the dispatcher.
pub fn hand_over() -> (HandOver, HandedOver) {
    let (calls, handed) = mpsc::channel(CALLS_AT_ONCE);
    (HandOver(calls), HandedOver(handed))
}

impl HandOver {
    /// Has a call made. Not if as many wait as it makes at a time: then the lease is to be given back ([`retry_later`]).
    pub fn make(&self, call: OwedCall) -> Result<(), Box<OwedCall>> {
        self.0.try_send(call).map_err(|refused| Box::new(refused.into_inner()))
    }
}

/// Makes the calls that no request's own path has made.
pub struct Dispatcher<H> {
    database: Database,
    handler: Arc<H>,
    clock: SharedClock,
    handed: HandedOver,
}

impl<H: Handler> Dispatcher<H> {
    /// A dispatcher over the database's outbox.
    pub fn new(database: Database, handler: Arc<H>, clock: SharedClock, handed: HandedOver) -> Self {
        Self { database, handler, clock, handed }
    }

    /// Runs until told to stop. Calls under way are finished first; leases guard what is cut off after that.
    pub async fn run(self, stop: CancellationToken) {
        let Self { database, handler, clock, handed } = self;
        let maker = Arc::new(Maker { database, handler, clock });
        tokio::join!(maker.clone().dispatch(handed.0, stop.clone()), maker.measure(stop));
    }
}

struct Maker<H> {
    database: Database,
    handler: Arc<H>,
    clock: SharedClock,
}

impl<H: Handler> Maker<H> {
    /// Records how much is owed, and for how long.
    async fn measure(&self, stop: CancellationToken) {
        let (calls, age) = (OUTBOX_CALLS.to_gauge(), OUTBOX_OLDEST_AGE.to_gauge());
        let of = owned_by(self.database.owner());
        sample_until(stop, || async {
            let (owed, oldest_at) = self.database.read(async |conn| super::size(conn).await).await?;
            let waited_ms = oldest_at.map_or(0, |at| (self.clock.now_ms() - at).max(0));
            calls.record(f64::from(u32::try_from(owed).unwrap_or(u32::MAX)), &of);
            age.record(Duration::from_millis(waited_ms.unsigned_abs()).as_secs_f64(), &of);
            Ok(())
        })
        .await;
    }

    async fn dispatch(self: Arc<Self>, mut handed: mpsc::Receiver<OwedCall>, stop: CancellationToken) {
        // What other replicas owe they dispatch themselves; that of one which has died is found by polling.
        let mut changes = self.database.own_changes();
        let mut calls = JoinSet::new();
        let mut may_be_due = true;
        while !stop.is_cancelled() {
            while calls.try_join_next().is_some() {}
            let room = CALLS_AT_ONCE.saturating_sub(calls.len());
            if may_be_due && room > 0 {
                let claimed = self.claim(room, &stop).await.unwrap_or_else(|error| {
                    tracing::warn!(%error, "outbox not readable");
                    Vec::new()
                });
                may_be_due = !claimed.is_empty();
                claimed.into_iter().for_each(|call| self.clone().start(&mut calls, call));
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = changes.wait(POLL) => may_be_due = true,
                Some(_) = calls.join_next() => {}
                Some(call) = handed.recv(), if room > 0 => self.clone().start(&mut calls, call),
            }
        }
        // What was handed over and not begun is anybody's.
        handed.close();
        while let Some(call) = handed.recv().await {
            retry_later(&self.database, &call, self.clock.now_ms()).await;
        }
        while calls.join_next().await.is_some() {}
    }

    fn start(self: Arc<Self>, calls: &mut JoinSet<()>, call: OwedCall) {
        calls.spawn(async move { self.make(&call).await });
    }

    async fn claim(&self, limit: usize, stop: &CancellationToken) -> Result<Vec<OwedCall>, StoreError> {
        let (now, limit) = (self.clock.now_ms(), i64::try_from(limit).unwrap_or_default());
        // Most wake-ups find nothing, and a write that finds nothing would still wake every watcher, this one included.
        if !self.database.read(async |conn| super::any_claimable(conn, now).await).await? {
            return Ok(Vec::new());
        }
        self.database
            .write((now, limit, stop.clone()), |conn, (now, limit, stop)| {
                Box::pin(async move {
                    // The write may have waited since before the stop.
                    if stop.is_cancelled() { Ok(Vec::new()) } else { claim(conn, *now, *limit).await }
                })
            })
            .await
    }

    async fn make(&self, call: &OwedCall) {
        // After its lease the call may be with somebody else.
        if !matches!(timeout(LEASE, self.handler.call(call)).await, Ok(Ok(()))) {
            retry_later(&self.database, call, self.clock.now_ms()).await;
        }
    }
}

/// Gives a call that failed back to the dispatcher, put off twice as long each time.
pub async fn retry_later(database: &Database, call: &OwedCall, now_ms: i64) {
    let doubled = BACK_OFF_FIRST_MS.saturating_mul(1 << call.attempts.clamp(0, 16));
    let next_at = now_ms + doubled.min(BACK_OFF_MOST_MS);
    let put_off = database
        .write((call.clone(), next_at), |conn, (call, next_at)| Box::pin(postpone(conn, call, *next_at)))
        .await;
    if let Err(error) = put_off {
        // The lease ends by itself.
        tracing::warn!(%error, call = call.id, "call not put off");
    }
}
