use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::Instant;

/// What the writers of a database found out about its server.
#[derive(Clone)]
pub(crate) struct Health(Arc<Found>);

struct Found {
    /// Whether the decider reached the server the last time.
    is_deciding: AtomicBool,
    /// Connections of before this may lead to a server that has been demoted.
    discarded_at: Mutex<Option<Instant>>,
}

impl Health {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Found { is_deciding: AtomicBool::new(true), discarded_at: Mutex::default() }))
    }

    pub(crate) fn decider(&self, is_deciding: bool) {
        self.0.is_deciding.store(is_deciding, Ordering::Relaxed);
    }

    /// Has the pool's connections made anew when they are next needed.
    pub(crate) fn discard_connections(&self) {
        *self.0.discarded_at.lock() = Some(Instant::now());
    }

    /// Whether a connection of this age leads to the server that is written to now, as far as is known.
    pub(crate) fn is_of_use(&self, age: Duration) -> bool {
        let discarded_at = *self.0.discarded_at.lock();
        discarded_at.is_none_or(|at| age < at.elapsed())
    }

    /// Whether the decider reached the server the last time, if there is one.
    pub(crate) fn is_deciding(&self) -> bool {
        self.0.is_deciding.load(Ordering::Relaxed)
    }
}
