use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use segue_proto::channel::v1::channel_service_client::ChannelServiceClient;
use segue_runtime::{
    Credentials,
    peer::{Peer, PeerUri},
};

/// Channels to the platforms' adapters, one for each address. They are few, as operations set them.
pub(super) struct Adapters {
    peers: Mutex<HashMap<String, Peer>>,
    credentials: Credentials,
}

impl Adapters {
    pub fn new(credentials: Credentials) -> Self {
        Self { peers: Mutex::default(), credentials }
    }

    /// A client of the adapter, or none when its address can't be one.
    pub fn client(&self, uri: &str) -> Option<ChannelServiceClient<Peer>> {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(peer) = peers.get(uri) {
            return Some(ChannelServiceClient::new(peer.clone()));
        }
        let peer = uri.parse::<PeerUri>().ok()?.connect(&self.credentials);
        peers.insert(uri.to_owned(), peer.clone());
        Some(ChannelServiceClient::new(peer))
    }
}
