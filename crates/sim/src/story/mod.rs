//! What has happened, in order: for people as lines ([`text`], [`short`]) and as a picture ([`svg`]).

mod timeline;

use std::sync::Arc;

use parking_lot::Mutex;
pub use timeline::svg;
use tokio::time::Instant;

/// One thing that has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Virtual milliseconds since the beginning.
    pub at_ms: u64,
    /// Where: a service's replica, a database, an actor, or `fault`.
    pub lane: String,
    /// What.
    pub text: String,
    /// The lane that it leads to, for a call.
    pub to: Option<String>,
}

/// Records events. Cloning is cheap and shares them.
#[derive(Debug, Clone)]
pub struct Log(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    began: Instant,
    events: Mutex<Vec<Event>>,
}

impl Log {
    /// Empty.
    pub fn new(began: Instant) -> Self {
        Self(Arc::new(Inner { began, events: Mutex::default() }))
    }

    /// Records something.
    pub fn note(&self, lane: &str, text: impl FnOnce() -> String) {
        self.push(lane, None, text());
    }

    /// Records something between two.
    pub fn between(&self, from: &str, to: &str, text: impl FnOnce() -> String) {
        self.push(from, Some(to.to_owned()), text());
    }

    fn push(&self, lane: &str, to: Option<String>, text: String) {
        let at_ms = u64::try_from(self.0.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.events.lock().push(Event { at_ms, lane: lane.to_owned(), text, to });
    }

    /// All of it.
    pub fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.0.events.lock())
    }
}

/// As text, a line for each.
pub fn text(events: &[Event]) -> String {
    events
        .iter()
        .map(|event| {
            let to = event.to.as_ref().map(|to| format!(" -> {to}")).unwrap_or_default();
            format!(
                "{:>4}.{:03} {:<14}{to} {}\n",
                event.at_ms / 1000,
                event.at_ms % 1000,
                event.lane,
                event.text
            )
        })
        .collect()
}

/// The lines that a person needs: faults, lives and deaths, what customers and desks do, and what is wrong. Commits and calls are left out.
pub fn short(events: &[Event]) -> String {
    let told: Vec<Event> = events
        .iter()
        .filter(|event| event.to.is_none() && !event.text.starts_with("commit "))
        .cloned()
        .collect();
    text(&told)
}
