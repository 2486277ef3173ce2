//! The platforms' adapters: the only ones whom the selector calls (ADR 0009). They are asked for the customer's accounts
//! ([`lookup`]) and whether they are well ([`health`]); neither can keep a selection from being answered.

pub(crate) mod health;
pub(crate) mod lookup;

use std::collections::{BTreeMap, BTreeSet};

use parking_lot::Mutex;
use segue_runtime::{
    Credentials,
    hosts::Reach,
    peer::{Peer, PeerUri},
};

/// Channels to the adapters, one for each address.
#[derive(Debug)]
pub(crate) struct Channels {
    peers: Mutex<BTreeMap<String, Peer>>,
    credentials: Credentials,
    reach: Reach,
}

impl Channels {
    pub(crate) fn new(credentials: Credentials, reach: Reach) -> Self {
        Self { peers: Mutex::default(), credentials, reach }
    }

    /// Where adapters may live.
    pub(crate) fn reach(&self) -> &Reach {
        &self.reach
    }

    /// A channel, or none when the address can't be one or is not to be called.
    fn to(&self, uri: &str) -> Option<Peer> {
        let mut channels = self.peers.lock();
        if let Some(channel) = channels.get(uri) {
            return Some(channel.clone());
        }
        let channel = uri.parse::<PeerUri>().ok()?.within(&self.reach).ok()?.connect(&self.credentials);
        channels.insert(uri.to_owned(), channel.clone());
        Some(channel)
    }

    /// Closes those that no platform has any more.
    pub(crate) fn keep(&self, uris: &BTreeSet<&str>) {
        let mut channels = self.peers.lock();
        channels.retain(|uri, _| uris.contains(uri.as_str()));
    }
}
