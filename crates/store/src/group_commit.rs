//! Group commit: writes that wait at the same time share one transaction, since a commit costs a disk flush and a
//! statement hardly anything.
//!
//! There is one committing task per handle, so writes of one process never contend with each other. Work that fails
//! would undo its neighbours' too; then the batch is taken apart and each is done in a transaction of its own.
//! Savepoints were rejected: they cost two more round trips for every write to spare one that is rare.

use std::sync::Arc;

use futures::future::BoxFuture;
use sqlx::{AnyPool, Connection as _};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{Conn, Engine, StoreError};

const QUEUE: usize = 4096;
/// How often contended work is done again.
const ATTEMPTS: usize = 5;

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
        Box::pin(async move {
            self.output = Some((self.work)(conn, &self.input).await?);
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
        changed: Arc<watch::Sender<u64>>,
    ) -> Self {
        let (sender, mut queue) = mpsc::channel::<Box<dyn Job>>(QUEUE);
        tokio::spawn(async move {
            let mut batch = Vec::with_capacity(max_batch);
            while queue.recv_many(&mut batch, max_batch).await > 0 {
                commit_all(&pool, engine, &mut batch).await;
                changed.send_modify(|count| *count += 1);
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

async fn commit_all(pool: &AnyPool, engine: Engine, batch: &mut Vec<Box<dyn Job>>) {
    if batch.len() > 1 && commit(pool, engine, batch).await.is_ok() {
        for job in batch.drain(..) {
            job.answer(Ok(()));
        }
        return;
    }
    for mut job in batch.drain(..) {
        let outcome = commit_alone(pool, engine, &mut job).await;
        job.answer(outcome);
    }
}

async fn commit_alone(pool: &AnyPool, engine: Engine, job: &mut Box<dyn Job>) -> Result<(), StoreError> {
    for _ in 1..ATTEMPTS {
        match commit(pool, engine, std::slice::from_mut(job)).await {
            Err(StoreError::Contended) => tracing::debug!("contended write, doing it again"),
            outcome => return outcome,
        }
    }
    commit(pool, engine, std::slice::from_mut(job)).await
}

async fn commit(pool: &AnyPool, engine: Engine, jobs: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
    let mut conn = pool.acquire().await?;
    let mut transaction = conn.begin_with(engine.begin()).await?;
    for job in jobs {
        // Dropping the transaction rolls it back.
        job.run(&mut transaction).await?;
    }
    transaction.commit().await?;
    Ok(())
}
