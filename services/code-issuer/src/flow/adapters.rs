use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use segue_proto::channel::v1::channel_service_client::ChannelServiceClient;
use segue_runtime::peer::{Peer, PeerUri};

/// Channels to the platforms' adapters, one for each address. They are few, as operations set them.
#[derive(Default)]
pub(super) struct Adapters(Mutex<HashMap<String, Peer>>);

impl Adapters {
    /// A client of the adapter, or none when its address can't be one.
    pub fn client(&self, uri: &str) -> Option<ChannelServiceClient<Peer>> {
        let mut peers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(peer) = peers.get(uri) {
            return Some(ChannelServiceClient::new(peer.clone()));
        }
        let peer = uri.parse::<PeerUri>().ok()?.connect();
        peers.insert(uri.to_owned(), peer.clone());
        Some(ChannelServiceClient::new(peer))
    }
}
