use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use sqlx::{Any, AnyPool, pool::PoolConnection};
use tokio::time::{Instant, timeout};

use crate::{
    Conn, Engine, StoreError,
    health::Health,
    metrics::{DatabaseMetrics, Operation},
};

/// Most connections that are kept for the next readers, and of how many of the pool's one may be: writers take theirs from the pool.
const MOST: usize = 2;
const OF: u32 = 4;
/// For how long. One whose server has gone meanwhile fails its readers until then.
const KEPT_FOR: Duration = Duration::from_secs(1);
/// How long a read may take once it has its connection. A server that has vanished without a word answers nothing.
const LIMIT: Duration = Duration::from_secs(8);

/// Readers' way to a connection. The pool asks a connection whether its server is there when it is taken and again when it is given back,
/// and both are waited for as long as a read. So a few are kept for the readers that come in the next moment.
pub(crate) struct Readers {
    pool: AnyPool,
    engine: Engine,
    /// None once the database is being closed.
    kept: Mutex<Option<Vec<Taken>>>,
    most: usize,
    health: Health,
    metrics: Arc<DatabaseMetrics>,
}

/// A connection of the pool's.
#[derive(Debug)]
struct Taken {
    conn: PoolConnection<Any>,
    /// When the pool has last asked for its server.
    at: Instant,
}

impl Readers {
    pub(crate) fn new(pool: AnyPool, engine: Engine, health: Health, metrics: Arc<DatabaseMetrics>) -> Self {
        let most =
            usize::try_from(pool.options().get_max_connections() / OF).map_or(0, |some| some.min(MOST));
        Self { pool, engine, kept: Mutex::new(Some(vec![])), most, health, metrics }
    }

    pub(crate) async fn read<T, E: From<StoreError>>(
        &self,
        work: impl AsyncFnOnce(&mut Conn) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut taken = match self.take_kept() {
            Some(taken) => taken,
            None => {
                let conn = self.metrics.acquire(&self.pool).await.map_err(StoreError::from)?;
                Taken { conn, at: Instant::now() }
            }
        };
        let timer = self.metrics.timer(Operation::Read);
        // One that is left in the middle of its work goes to the pool, which asks it what it is good for.
        let done = timeout(LIMIT, work(&mut taken.conn)).await;
        timer.done(done.is_err().then_some(StoreError::Unavailable));
        match done {
            Ok(done) => {
                self.keep(taken);
                done
            }
            Err(_) => {
                // The pool would wait for it. A database in memory is its connection.
                if self.engine != Engine::SqliteMemory {
                    drop(taken.conn.detach());
                }
                Err(StoreError::Unavailable.into())
            }
        }
    }

    /// Gives all back that are kept, and keeps none from now on.
    pub(crate) fn close(&self) {
        self.kept.lock().take();
    }

    fn take_kept(&self) -> Option<Taken> {
        let mut stale = vec![];
        let mut kept = self.kept.lock();
        let mut of_use = None;
        while let Some(taken) = kept.as_mut()?.pop() {
            if self.is_of_use(&taken) {
                of_use = Some(taken);
                break;
            }
            stale.push(taken);
        }
        // The pool takes its own locks when it gets one back.
        drop(kept);
        drop(stale);
        of_use
    }

    fn keep(&self, taken: Taken) {
        let mut kept = self.kept.lock();
        if let Some(kept) = kept.as_mut()
            && kept.len() < self.most
            && self.is_of_use(&taken)
        {
            kept.push(taken);
            return;
        }
        drop(kept);
        drop(taken);
    }

    fn is_of_use(&self, taken: &Taken) -> bool {
        let age = taken.at.elapsed();
        age < KEPT_FOR && self.health.is_of_use(age)
    }
}
