//! Counts warnings.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tracing::{
    Event, Level, Metadata, Subscriber,
    span::{Attributes, Id, Record},
    subscriber::{DefaultGuard, set_default},
};

/// Warnings of one module and those below it.
#[derive(Clone)]
pub struct Warnings {
    module: &'static str,
    count: Arc<AtomicUsize>,
}

impl Warnings {
    pub fn of(module: &'static str) -> Self {
        Self { module, count: Arc::default() }
    }

    /// Collects on this thread, as long as the guard is held.
    pub fn collect(&self) -> DefaultGuard {
        set_default(self.clone())
    }

    pub fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN && metadata.target().starts_with(self.module)
    }

    fn event(&self, _: &Event<'_>) {
        self.count.fetch_add(1, Ordering::SeqCst);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
