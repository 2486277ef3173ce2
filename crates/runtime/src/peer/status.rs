//! The state of the peers of this process, for metrics and tests.

use std::sync::{Arc, LazyLock, Weak};

use parking_lot::Mutex;
use segue_metrics::{Bounded, KeyValue, Metric};

use super::pool::{PeerStatus, Pool};
use crate::metrics::load::{PEER, PEERS as ENDPOINTS, PEERS_DEAD as ENDPOINTS_DEAD, number};

const MOST_PEERS: usize = 32;
static NAMES: LazyLock<Bounded> = LazyLock::new(|| Bounded::new(MOST_PEERS));

static PEERS: Mutex<Vec<Weak<Pool>>> = Mutex::new(Vec::new());

pub(super) fn register(pool: &Arc<Pool>) {
    let mut peers = PEERS.lock();
    peers.retain(|peer| peer.strong_count() > 0);
    peers.push(Arc::downgrade(pool));
}

/// All peers of this process.
pub fn statuses() -> Vec<PeerStatus> {
    let peers = PEERS.lock();
    peers.iter().filter_map(Weak::upgrade).map(|pool| pool.status()).collect()
}

/// Records the endpoints of all peers whenever metrics are collected.
pub(crate) fn observe() {
    record(&ENDPOINTS, |peer| peer.endpoints);
    record(&ENDPOINTS_DEAD, |peer| peer.open);
}

/// Leaves channels for streams out: they have the same endpoints as those for calls.
fn record(metric: &Metric, what: fn(&PeerStatus) -> usize) {
    metric.observe(move |instrument| {
        for peer in statuses().iter().filter(|peer| !peer.streams) {
            let name = KeyValue::new(PEER.0, NAMES.name(&peer.authority));
            instrument.observe(number(what(peer)), &[name]);
        }
    });
}
