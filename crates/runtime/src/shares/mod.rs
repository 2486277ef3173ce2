//! How much of something one caller, network or session may take, so that others find some of it (ADR 0028).
//!
//! [`Shares`] is the arithmetic, [`Holders`] counts what is held until it's given back, and [`Quota`] what was done in a time. What is
//! refused is counted in the metric `segue.server.share.refused`.
//!
//! To bound something new, make a [`Holders`] or a [`Quota`] with a name that is listed in that metric, and claim a share for each key
//! that it is to be bounded by.

mod arithmetic;
mod holders;
mod quota;

use std::net::IpAddr;

use segue_core::Network;
use segue_metrics::{Counter, KeyValue};

pub use arithmetic::{Full, Share, Shares};
pub use holders::{Held, Holders};
pub use quota::Quota;

use crate::metrics::load::{LIMIT_OF, SHARE, SHARE_REFUSED};

/// What an address may take: so much itself, and the wider networks around it some times as much, but for half of all at most.
pub fn of_network(address: IpAddr, most: usize, all: usize) -> Vec<(Network, Share)> {
    let widest = most.max(all / 2);
    let share = |network: Network| Share::Most(most.saturating_mul(network.weight()).min(widest));
    Network::around(address).into_iter().map(|network| (network, share(network))).collect()
}

/// Counts refusals.
#[derive(Debug)]
pub(crate) struct Refused {
    name: &'static str,
    counter: Counter<u64>,
}

impl Refused {
    pub(crate) fn new(name: &'static str) -> Self {
        let this = Self { name, counter: SHARE_REFUSED.to_counter() };
        // A rate can only be told of what is there before it goes up.
        this.add(0, Full::Share);
        this.add(0, Full::All);
        this
    }

    pub(crate) fn one(&self, full: Full) {
        self.add(1, full);
    }

    fn add(&self, count: u64, full: Full) {
        let limit = match full {
            Full::Share => "share",
            Full::All => "all",
        };
        self.counter.add(count, &[KeyValue::new(SHARE.0, self.name), KeyValue::new(LIMIT_OF.0, limit)]);
    }
}
