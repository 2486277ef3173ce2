//! Waking by notification, truth by polling (docs/adr/0006).
//!
//! On PostgreSQL each handle tells the others of its commits (NOTIFY) and hears of theirs (LISTEN), so that watchers
//! wake at once and not at their next poll. Nothing depends on it: whatever fails here costs time and no truth.
//!
//! NOTIFY is never part of a write, as it takes a lock of the whole server that is held until its transaction has
//! committed: writes would wait for each other's disk flush. What others tell only wakes; telling it again would go
//! round for ever.

mod listener;

use std::{sync::Arc, time::Duration};

use futures::FutureExt as _;
use segue_core::Random;
use sqlx::{AnyPool, AssertSqlSafe, Executor as _, postgres::PgConnectOptions};
use tokio::{
    sync::{Notify, watch},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use listener::Listener;

const CHANNEL: &str = "segue_changes";
/// Commits within this time share a notification.
const APART: Duration = Duration::from_millis(10);
const SEND_LIMIT: Duration = Duration::from_secs(2);

/// What a commit sets off. Waking and telling are apart, so that what others tell is not told again.
#[derive(Default)]
pub(crate) struct Signals {
    woken: watch::Sender<u64>,
    /// Commits of this handle alone.
    own: watch::Sender<u64>,
    /// Commits of other handles alone.
    others: watch::Sender<u64>,
    to_tell: Notify,
}

impl Signals {
    /// This handle has committed something.
    pub(crate) fn committed(&self) {
        self.own.send_modify(|count| *count += 1);
        self.wake();
        self.to_tell.notify_one();
    }

    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.woken.subscribe()
    }

    pub(crate) fn watch_own(&self) -> watch::Receiver<u64> {
        self.own.subscribe()
    }

    pub(crate) fn watch_others(&self) -> watch::Receiver<u64> {
        self.others.subscribe()
    }

    fn wake(&self) {
        self.woken.send_modify(|count| *count += 1);
    }

    /// Another handle has committed something, or may have.
    fn hear(&self) {
        self.others.send_modify(|count| *count += 1);
        self.wake();
    }
}

/// The tasks that tell and hear; they end with it. By default there are none.
#[derive(Default)]
pub(crate) struct Notifications {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Notifications {
    /// Begins to tell and to hear, whether or not the server can be reached now.
    pub(crate) fn start(server: PgConnectOptions, pool: AnyPool, signals: Arc<Signals>) -> Self {
        let this = Self::default();
        // It has to differ from the others' and nothing else depends on it, so this randomness is no parameter.
        let name = format!("{:032x}", u128::from_be_bytes(Random::secure().bytes()));
        this.tasks.spawn(tell(pool, name.clone(), signals.clone(), this.stop.clone()));
        this.tasks.spawn(Listener { server, name, signals, stop: this.stop.clone() }.run());
        this
    }

    /// Tells of the last commits, and closes the listener's connection.
    pub(crate) async fn end(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Waits for changes. A notification only wakes; what is true is in the database.
#[derive(Debug, Clone)]
pub struct Changes(watch::Receiver<u64>);

impl Changes {
    pub(crate) fn new(commits: watch::Receiver<u64>) -> Self {
        Self(commits)
    }

    /// Waits until something was committed since the last call, or at most for `poll`.
    pub async fn wait(&mut self, poll: Duration) {
        // An error means that the database was closed: fall back to polling, the caller's read will tell.
        if !matches!(timeout(poll, self.0.changed()).await, Ok(Ok(()))) && self.0.has_changed().is_err() {
            sleep(poll).await;
        }
    }
}

impl Drop for Notifications {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn tell(pool: AnyPool, name: String, signals: Arc<Signals>, stop: CancellationToken) {
    while stop.run_until_cancelled(signals.to_tell.notified()).await.is_some() {
        send(&pool, &name).await;
        stop.run_until_cancelled(sleep(APART)).await;
    }
    if signals.to_tell.notified().now_or_never().is_some() {
        send(&pool, &name).await;
    }
}

async fn send(pool: &AnyPool, name: &str) {
    let statement = AssertSqlSafe(format!("NOTIFY {CHANNEL}, '{name}'"));
    // It is not tried again: a database that is gone has its listeners reconnect, which wakes them.
    if !matches!(timeout(SEND_LIMIT, pool.execute(statement)).await, Ok(Ok(_))) {
        tracing::debug!("other replicas not told of commits, they poll");
    }
}
