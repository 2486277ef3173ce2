//! Who is outside of the services: customers, agents with their desks, platforms, operators and an attacker.

mod adapter;
mod attacker;
mod customer;
mod desk;
mod facts;
mod patience;

use std::sync::Arc;

pub use adapter::Adapter;
pub use attacker::attack;
pub use customer::customer;
pub use desk::desk;
pub use facts::{Conversation, End, Facts};
pub use patience::{Patience, patiently};
use segue_proto::{
    issuer::v1::code_issuer_service_client::CodeIssuerServiceClient,
    router::v1::priority_router_service_client::PriorityRouterServiceClient,
    selector::v1::platform_selector_service_client::PlatformSelectorServiceClient,
};
use segue_runtime::{
    Credentials,
    peer::{Peer, PeerUri},
};

use crate::world::{World, resolver};

/// An actor's clients: those that services use for each other.
#[derive(Clone)]
pub struct Clients {
    /// platform-selector.
    pub selector: PlatformSelectorServiceClient<Peer>,
    /// priority-router.
    pub router: PriorityRouterServiceClient<Peer>,
    /// priority-router, for streams.
    pub router_streams: PriorityRouterServiceClient<Peer>,
    /// code-issuer.
    pub issuer: CodeIssuerServiceClient<Peer>,
}

impl Clients {
    /// Clients of an actor.
    pub fn new(world: &Arc<World>, name: &str) -> Self {
        let credentials = Credentials::over(world.outside(name));
        let uri = |uri: &str| uri.parse::<PeerUri>().unwrap().resolved_by(resolver(world));
        let router = uri("http://router:50053");
        Self {
            selector: PlatformSelectorServiceClient::new(uri("http://selector:50051").connect(&credentials)),
            router: PriorityRouterServiceClient::new(router.connect(&credentials)),
            router_streams: PriorityRouterServiceClient::new(router.connect_for_streams(&credentials)),
            issuer: CodeIssuerServiceClient::new(uri("http://issuer:50052").connect(&credentials)),
        }
    }
}
