//! Calls to other services.

mod issuer;
mod router;

use segue_proto::{
    issuer::v1::code_issuer_service_client::CodeIssuerServiceClient,
    router::v1::priority_router_service_client::PriorityRouterServiceClient,
};
use segue_runtime::peer::Peer;

use crate::Config;

/// Clients of the other services.
pub(crate) struct Clients {
    issuer: CodeIssuerServiceClient<Peer>,
    router: PriorityRouterServiceClient<Peer>,
    /// A connection of its own for streams.
    router_streams: PriorityRouterServiceClient<Peer>,
}

impl Clients {
    pub(crate) fn new(config: &Config) -> Self {
        let credentials = &config.server.credentials;
        Self {
            issuer: CodeIssuerServiceClient::new(config.issuer.connect(credentials)),
            router: PriorityRouterServiceClient::new(config.router.connect(credentials)),
            router_streams: PriorityRouterServiceClient::new(config.router.connect_for_streams(credentials)),
        }
    }
}
