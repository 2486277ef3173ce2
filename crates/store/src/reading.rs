use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use scopeguard::ScopeGuard;
use sqlx::{Any, AnyPool, pool::PoolConnection};
use tokio::time::Instant;

use crate::{
    Conn,
    health::Health,
    metrics::{DatabaseMetrics, Operation, Timer},
};

/// Most connections that are kept for the next readers, and of how many of the pool's one may be: writers take theirs from the pool.
const MOST: usize = 2;
const OF: u32 = 4;
/// For how long. One whose server has gone meanwhile fails its readers until then.
const KEPT_FOR: Duration = Duration::from_secs(1);

/// Readers' way to a connection. The pool asks a connection whether its server is there when it is taken and again when it is given back,
/// and both are waited for as long as a read. So a few are kept for the readers that come in the next moment.
pub(crate) struct Readers {
    pool: AnyPool,
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
    pub(crate) fn new(pool: AnyPool, health: Health, metrics: Arc<DatabaseMetrics>) -> Arc<Self> {
        let most =
            usize::try_from(pool.options().get_max_connections() / OF).map_or(0, |some| some.min(MOST));
        Arc::new(Self { pool, kept: Mutex::new(Some(vec![])), most, health, metrics })
    }

    pub(crate) async fn take(self: &Arc<Self>) -> Result<Reading, sqlx::Error> {
        let taken = match self.take_kept() {
            Some(taken) => taken,
            None => Taken { conn: self.metrics.acquire(&self.pool).await?, at: Instant::now() },
        };
        let timer = Some(self.metrics.timer(Operation::Read));
        let readers = self.clone();
        let keep = Box::new(move |taken| readers.keep(taken)) as Box<dyn FnOnce(Taken) + Send + Sync>;
        Ok(Reading { taken: scopeguard::guard(taken, keep), timer })
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

/// A connection to read with. The next readers have it when it's dropped, and its time is recorded then.
pub struct Reading {
    taken: ScopeGuard<Taken, Box<dyn FnOnce(Taken) + Send + Sync>>,
    timer: Option<Timer>,
}

impl Drop for Reading {
    fn drop(&mut self) {
        if let Some(timer) = self.timer.take() {
            timer.done(None);
        }
    }
}

impl Deref for Reading {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        &self.taken.conn
    }
}

impl DerefMut for Reading {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.taken.conn
    }
}

impl std::fmt::Debug for Reading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reading").finish_non_exhaustive()
    }
}
