use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use segue_proto::channel::v1::channel_service_client::ChannelServiceClient;
use segue_runtime::{
    Credentials,
    hosts::Reach,
    peer::{Peer, PeerUri},
};

/// Channels to the platforms' adapters, one for each address. They are few, as operations set them.
pub(super) struct Adapters {
    peers: Mutex<HashMap<String, Peer>>,
    credentials: Credentials,
    reach: Reach,
}

impl Adapters {
    pub fn new(credentials: Credentials, reach: Reach) -> Self {
        Self { peers: Mutex::default(), credentials, reach }
    }

    /// A client of the adapter, or none when its address can't be one or is not to be called.
    pub fn client(&self, uri: &str) -> Option<ChannelServiceClient<Peer>> {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(peer) = peers.get(uri) {
            return Some(ChannelServiceClient::new(peer.clone()));
        }
        let peer = uri.parse::<PeerUri>().ok()?.within(&self.reach).ok()?.connect(&self.credentials);
        peers.insert(uri.to_owned(), peer.clone());
        Some(ChannelServiceClient::new(peer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn codes_go_to_allowed_hosts_only() {
        let called = |list: &str, uri: &str| {
            Adapters::new(Credentials::none(), list.parse().unwrap()).client(uri).is_some()
        };
        assert!(called("", "http://127.0.0.1:50054") && called("*.example", "https://app.example"));
        assert!(!called("*.example", "http://127.0.0.1:50054") && !called("", "http://169.254.169.254"));
    }
}
