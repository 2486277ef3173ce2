use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;

use crate::domain::guessing::{Guessing, Waiting};

/// Beyond so many, those whose time is over are forgotten, or else all: the database still knows.
const MOST: usize = 10_000;

/// Guessers that this replica has refused, and until when. A limit that is used up stays so until the time has passed or
/// the desk clears it: so whoever hammers on costs a read and no commit, and holds up nobody's turn.
#[derive(Debug, Clone, Default)]
pub(super) struct Exhausted(Arc<Mutex<HashMap<String, i64>>>);

impl Exhausted {
    /// Whether the guesser has to wait, unless the desk has cleared its lock-out.
    pub(super) fn may_be(&self, guessing: &Guessing, now_ms: i64) -> bool {
        let known = self.0.lock();
        guessing.keys().filter_map(|key| known.get(key)).any(|until| *until > now_ms)
    }

    /// There is something to try again.
    pub(super) fn forget(&self, guessing: &Guessing) {
        let mut known = self.0.lock();
        for key in guessing.suspects.iter().flat_map(|suspect| &suspect.keys) {
            known.remove(key);
        }
    }

    pub(super) fn remember(&self, waiting: &Waiting, now_ms: i64) {
        if waiting.guesser.is_empty() {
            return;
        }
        let mut known = self.0.lock();
        if known.len() >= MOST {
            known.retain(|_, until| *until > now_ms);
        }
        if known.len() >= MOST {
            known.clear();
        }
        let wait_ms = i64::try_from(waiting.wait.as_millis()).unwrap_or(i64::MAX);
        known.insert(waiting.guesser.clone(), now_ms.saturating_add(wait_ms));
    }
}
