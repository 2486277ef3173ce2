//! Processes: alive or dead.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

thread_local! {
    static LIVES: RefCell<BTreeMap<String, Arc<Life>>> = const { RefCell::new(BTreeMap::new()) };
}

/// Whether a process is alive. What a dead one still does reaches nobody: its statements and calls never go on.
#[derive(Debug)]
pub struct Life {
    /// Unique, with the number of the start.
    pub name: String,
    is_dead: AtomicBool,
    /// Told at the death.
    pub end: CancellationToken,
}

impl Life {
    /// A process that has just started.
    pub fn begin(name: String) -> Arc<Self> {
        let life = Arc::new(Self {
            name: name.clone(),
            is_dead: AtomicBool::new(false),
            end: CancellationToken::new(),
        });
        LIVES.with_borrow_mut(|lives| lives.insert(name, life.clone()));
        life
    }

    /// Ends it at once, without a word to anybody.
    pub fn kill(&self) {
        if !self.is_dead.swap(true, Ordering::Relaxed) {
            self.end.cancel();
        }
    }

    /// Whether it was killed.
    pub fn is_dead(&self) -> bool {
        self.is_dead.load(Ordering::Relaxed)
    }

    /// Goes on, if the process still lives.
    pub async fn or_never(&self) {
        if self.is_dead() {
            std::future::pending::<()>().await;
        }
    }

    pub(crate) fn forget_all() {
        LIVES.with_borrow_mut(BTreeMap::clear);
    }

    pub(crate) fn of(name: &str) -> Option<Arc<Self>> {
        LIVES.with_borrow(|lives| lives.get(name).cloned())
    }
}

/// Where a process may die.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// With a transaction that is complete but for its commit.
    BeforeCommit,
    /// After the commit, before anybody knows of it.
    AfterCommit,
    /// With a call that has come in, and is not begun.
    BeforeWork,
    /// With the answer to a call that is ready.
    BeforeAnswer,
}

/// Deaths that wait for their moment: the start of the process's name, and the point.
#[derive(Debug, Default)]
pub struct Crashes(Mutex<Vec<(String, Point)>>);

impl Crashes {
    /// Has a process die when it next comes to a point.
    pub fn arm(&self, process: &str, point: Point) {
        self.0.lock().push((process.to_owned(), point));
    }

    /// Whether it dies there now.
    pub(crate) fn strikes(&self, process: &str, point: Point) -> bool {
        let mut armed = self.0.lock();
        let found = armed.iter().position(|(name, at)| *at == point && process.starts_with(name.as_str()));
        found.map(|index| armed.remove(index)).is_some()
    }
}
