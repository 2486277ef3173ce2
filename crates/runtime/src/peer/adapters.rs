use std::collections::{BTreeMap, BTreeSet};

use parking_lot::Mutex;
use segue_proto::channel::v1::channel_service_client::ChannelServiceClient;

use super::{Peer, PeerUri};
use crate::{Credentials, hosts::Reach};

/// Clients of the platforms' adapters, one for each address. They are few, as operations set them.
#[derive(Debug)]
pub struct Adapters {
    peers: Mutex<BTreeMap<String, Peer>>,
    credentials: Credentials,
    reach: Reach,
}

impl Adapters {
    /// Adapters that live where calls may go.
    pub fn new(credentials: Credentials, reach: Reach) -> Self {
        Self { peers: Mutex::default(), credentials, reach }
    }

    /// Where adapters may live.
    pub fn reach(&self) -> &Reach {
        &self.reach
    }

    /// The adapter at an address, or none when the address can't be one or is not to be called.
    pub fn peer(&self, uri: &str) -> Option<Peer> {
        let mut peers = self.peers.lock();
        if let Some(peer) = peers.get(uri) {
            return Some(peer.clone());
        }
        let peer = uri.parse::<PeerUri>().ok()?.within(&self.reach).ok()?.connect(&self.credentials);
        peers.insert(uri.to_owned(), peer.clone());
        Some(peer)
    }

    /// The same, as what it has to be.
    pub fn client(&self, uri: &str) -> Option<ChannelServiceClient<Peer>> {
        self.peer(uri).map(ChannelServiceClient::new)
    }

    /// Closes those that no platform has any more.
    pub fn keep(&self, uris: &BTreeSet<&str>) {
        let mut peers = self.peers.lock();
        peers.retain(|uri, _| uris.contains(uri.as_str()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URI: &str = "http://127.0.0.1:50054";

    #[tokio::test]
    async fn adapters_are_called_on_allowed_hosts_only() {
        let called = |list: &str, uri: &str| {
            Adapters::new(Credentials::none(), list.parse().unwrap()).peer(uri).is_some()
        };
        assert!(called("", URI) && called("*.example", "https://app.example"));
        assert!(!called("*.example", URI) && !called("", "http://169.254.169.254"));
        assert!(!called("", "app.example") && !called("", ""));
    }

    #[tokio::test]
    async fn an_address_has_one_peer_until_no_platform_has_it() {
        let adapters = Adapters::new(Credentials::none(), Reach::default());
        let peers = || adapters.peers.lock().len();
        for _ in 0..3 {
            assert!(adapters.peer(URI).is_some() && adapters.client("http://127.0.0.1:50055").is_some());
        }
        assert_eq!(peers(), 2);
        adapters.keep(&[URI].into());
        assert_eq!(peers(), 1);
    }
}
