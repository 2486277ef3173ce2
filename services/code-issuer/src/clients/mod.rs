//! Calls to other services.

mod router;
mod selector;

use segue_proto::{
    router::v1::priority_router_service_client::PriorityRouterServiceClient,
    selector::v1::platform_selector_service_client::PlatformSelectorServiceClient,
};
use segue_runtime::peer::{Adapters, Peer};

use crate::Config;

/// Clients of the other services.
pub(crate) struct Clients {
    selector: PlatformSelectorServiceClient<Peer>,
    router: PriorityRouterServiceClient<Peer>,
    pub(crate) adapters: Adapters,
}

impl Clients {
    pub(crate) fn new(config: &Config) -> Self {
        let credentials = &config.server.credentials;
        Self {
            selector: PlatformSelectorServiceClient::new(config.selector.connect(credentials)),
            router: PriorityRouterServiceClient::new(config.router.connect(credentials)),
            adapters: Adapters::new(credentials.clone(), config.adapter_hosts.clone()),
        }
    }
}
