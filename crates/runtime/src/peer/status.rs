//! How the peers of this process are, for those who publish it.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::pool::Pool;

/// A peer at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerStatus {
    /// Host and port, as they are set.
    pub authority: String,
    /// Whether it is a channel for streams.
    pub streams: bool,
    /// Addresses behind the name.
    pub endpoints: usize,
    /// Those of them that are left alone because they don't answer. When that's all of them, calls fail at once.
    pub open: usize,
    /// Calls and streams under way.
    pub under_way: usize,
    /// Attempts since the start, each try of a call.
    pub attempts: u64,
    /// Those that were made again because nobody knew what had become of the one before.
    pub retries: u64,
    /// Calls that failed at once because nobody is there.
    pub failed_fast: u64,
}

static PEERS: Mutex<Vec<Weak<Pool>>> = Mutex::new(Vec::new());

pub(super) fn register(pool: &Arc<Pool>) {
    let mut peers = PEERS.lock().unwrap_or_else(PoisonError::into_inner);
    peers.retain(|peer| peer.strong_count() > 0);
    peers.push(Arc::downgrade(pool));
}

/// All peers of this process.
pub fn statuses() -> Vec<PeerStatus> {
    let peers = PEERS.lock().unwrap_or_else(PoisonError::into_inner);
    peers.iter().filter_map(Weak::upgrade).map(|pool| pool.status()).collect()
}
