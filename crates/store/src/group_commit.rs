//! Group commit: writes that wait at the same time share one transaction, since a commit costs a disk flush and a
//! statement hardly anything.
//!
//! There is one committing task per handle, so writes of one process never contend with each other. Work that fails
//! would undo its neighbours' too; then the batch is taken apart and each is done in a transaction of its own.
//! Savepoints were rejected (docs/adr/0001): they cost two more round trips for every write to spare one that is rare.
//!
//! Work is done again only after a certain rollback. A commit whose answer was lost may have happened, so all of its
//! callers are told that the store is unavailable, which leaves open whether their writes stand.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::{FutureExt as _, future::BoxFuture};
use sqlx::{AnyPool, Connection as _, Executor as _};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};

use crate::{
    Conn, Engine, StoreError,
    health::Health,
    metrics::{DatabaseMetrics, Operation},
    notify::Signals,
};

const QUEUE: usize = 4096;
/// How long a transaction may take: a server that vanished without a word answers nothing.
const WRITE_LIMIT: Duration = Duration::from_secs(20);
/// How often contended work is done again.
const ATTEMPTS: u32 = 8;
/// After the first of them; it doubles. Who has won goes on without a pause, and would win again.
const PAUSE: Duration = Duration::from_millis(1);

#[derive(Clone)]
pub(crate) struct GroupCommit(mpsc::Sender<Box<dyn Job>>);

trait Job: Send {
    fn run<'c>(&'c mut self, conn: &'c mut Conn) -> BoxFuture<'c, Result<(), StoreError>>;
    fn answer(self: Box<Self>, outcome: Result<(), StoreError>);
}

struct Pending<I, T, F> {
    input: I,
    work: F,
    output: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<I, T, F> Job for Pending<I, T, F>
where
    I: Send + Sync,
    T: Send,
    F: for<'c> Fn(&'c mut Conn, &'c I) -> BoxFuture<'c, Result<T, StoreError>> + Send + Sync,
{
    fn run<'c>(&'c mut self, conn: &'c mut Conn) -> BoxFuture<'c, Result<(), StoreError>> {
        let Self { input, work, output, .. } = self;
        Box::pin(async move {
            // A panic would end the committing task, and with it every later write of this process.
            let done = AssertUnwindSafe(async { work(conn, input).await }).catch_unwind().await;
            *output = Some(done.unwrap_or_else(|_| {
                tracing::error!("a write panicked");
                Err(StoreError::Failed)
            })?);
            Ok(())
        })
    }

    fn answer(self: Box<Self>, outcome: Result<(), StoreError>) {
        let Self { output, reply, .. } = *self;
        // The caller may have gone; its write stands.
        drop(reply.send(outcome.and_then(|()| output.ok_or(StoreError::Failed))));
    }
}

impl GroupCommit {
    pub(crate) fn start(
        pool: AnyPool,
        engine: Engine,
        max_batch: usize,
        signals: Arc<Signals>,
        metrics: Arc<DatabaseMetrics>,
        health: Health,
    ) -> Self {
        let (sender, mut queue) = mpsc::channel::<Box<dyn Job>>(QUEUE);
        let committer = Committer { pool, engine, signals, metrics, health };
        tokio::spawn(async move {
            let mut batch = Vec::with_capacity(max_batch);
            while queue.recv_many(&mut batch, max_batch).await > 0 {
                committer.commit_all(&mut batch).await;
            }
        });
        Self(sender)
    }

    pub(crate) async fn submit<I, T, F>(&self, input: I, work: F) -> Result<T, StoreError>
    where
        I: Send + Sync + 'static,
        T: Send + 'static,
        F: for<'c> Fn(&'c mut Conn, &'c I) -> BoxFuture<'c, Result<T, StoreError>> + Send + Sync + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Pending { input, work, output: None, reply });
        self.0.send(job).await.map_err(|_| StoreError::Unavailable)?;
        answer.await.map_err(|_| StoreError::Unavailable)?
    }
}

/// Why a transaction was not committed, by what may be done next.
enum Aborted {
    /// It did not begin: no work is to blame, and each alone would meet the same.
    NotBegun(StoreError),
    /// It was rolled back for certain: its work may be done again.
    RolledBack(StoreError),
    /// The answer to the commit was lost: doing the work again might do it twice.
    Unknown(StoreError),
}

impl Aborted {
    fn error(self) -> StoreError {
        let (Self::NotBegun(error) | Self::RolledBack(error) | Self::Unknown(error)) = self;
        error
    }

    fn kind(&self) -> StoreError {
        let (Self::NotBegun(error) | Self::RolledBack(error) | Self::Unknown(error)) = self;
        *error
    }
}

struct Committer {
    pool: AnyPool,
    engine: Engine,
    signals: Arc<Signals>,
    metrics: Arc<DatabaseMetrics>,
    health: Health,
}

impl Committer {
    async fn commit_all(&self, batch: &mut Vec<Box<dyn Job>>) {
        if batch.len() > 1 {
            let outcome = self.commit(batch).await;
            if !matches!(outcome, Err(Aborted::RolledBack(_))) {
                let outcome = outcome.map_err(Aborted::error);
                batch.drain(..).for_each(|job| job.answer(outcome));
                return;
            }
        }
        let mut gone = None;
        for mut job in batch.drain(..) {
            let outcome = match gone {
                // Waiting for a dead database once for each of a batch would take minutes.
                Some(error) => Err(Aborted::NotBegun(error)),
                None => self.commit_alone(&mut job).await,
            };
            if let Err(Aborted::NotBegun(error)) = outcome {
                gone = Some(error);
            }
            job.answer(outcome.map_err(Aborted::error));
        }
    }

    async fn commit_alone(&self, job: &mut Box<dyn Job>) -> Result<(), Aborted> {
        for attempt in 1..ATTEMPTS {
            match self.commit(std::slice::from_mut(job)).await {
                Err(Aborted::RolledBack(StoreError::Contended)) => {
                    tracing::debug!("contended write, doing it again");
                    tokio::time::sleep(PAUSE * 2_u32.pow(attempt - 1)).await;
                }
                outcome => return outcome,
            }
        }
        self.commit(std::slice::from_mut(job)).await
    }

    async fn commit(&self, jobs: &mut [Box<dyn Job>]) -> Result<(), Aborted> {
        let mut conn =
            self.metrics.acquire(&self.pool).await.map_err(|error| Aborted::NotBegun(error.into()))?;
        let timer = self.metrics.timer(Operation::Write);
        let writes = jobs.len();
        let committed = self.transact(&mut conn, jobs).await;
        timer.done(committed.as_ref().err().map(Aborted::kind));
        match &committed {
            Ok(()) => self.metrics.committed(writes),
            Err(aborted) if aborted.kind() == StoreError::Unavailable => self.health.discard_connections(),
            Err(_) => {}
        }
        committed
    }

    async fn transact(&self, conn: &mut Conn, jobs: &mut [Box<dyn Job>]) -> Result<(), Aborted> {
        let limit = Instant::now() + WRITE_LIMIT;
        let beginning = in_time(limit, conn.begin_with(self.engine.begin()));
        let mut transaction = beginning.await.map_err(Aborted::NotBegun)?;
        for job in jobs {
            // Dropping the transaction rolls it back.
            let run = timeout_at(limit, job.run(&mut transaction)).await;
            run.unwrap_or(Err(StoreError::Unavailable)).map_err(Aborted::RolledBack)?;
        }
        if let Some(check) = self.engine.before_commit() {
            in_time(limit, transaction.execute(check)).await.map_err(Aborted::RolledBack)?;
        }
        let committed = in_time(limit, transaction.commit()).await.map_err(|error| match error {
            StoreError::Unavailable => Aborted::Unknown(StoreError::Unavailable),
            error => Aborted::RolledBack(error),
        });
        // Before the callers are answered, so that none of them is woken later by its own write.
        self.signals.committed();
        committed
    }
}

async fn in_time<T>(
    limit: Instant,
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, StoreError> {
    match timeout_at(limit, work).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(StoreError::Unavailable),
    }
}
