//! How a handoff goes: what is decided here, what the other services are asked, and what is owed when they don't answer.

mod adapters;
mod calls;
mod change;
mod create;
mod issue;
mod limits;
mod redeem;
mod revoke;
mod shares;
mod source;
mod sweep;

use std::time::Duration;

use segue_core::{KeyRing, Random};
use segue_proto::{
    router::v1::priority_router_service_client::PriorityRouterServiceClient,
    selector::v1::platform_selector_service_client::PlatformSelectorServiceClient,
};
use segue_runtime::{Parts, peer::Peer};
use segue_store::outbox::{CALLS_AT_ONCE, Handler as _, OwedCall};

pub(crate) use change::handoff_not_found;
pub(crate) use create::CreateHandoff;
pub(crate) use issue::Issued;
pub(crate) use redeem::Redeem;
pub use source::UnknownSessions;
pub(crate) use sweep::sweep;

use crate::{
    Config,
    domain::{call, limits::Limits, message::Messages},
    store::Store,
};
use adapters::Adapters;
use shares::Shares;

/// How long a desk waits for the source platform to take the access information.
const DELIVERY_PATIENCE: Duration = Duration::from_secs(2);
/// Longer than any call to a service of ours takes by its own limit.
const CALL_PATIENCE: Duration = Duration::from_secs(10);

/// Everything that a handoff needs.
pub(crate) struct Flow {
    pub store: Store,
    code_keys: KeyRing,
    directory_keys: KeyRing,
    limits: Limits,
    random: Random,
    selector: PlatformSelectorServiceClient<Peer>,
    router: PriorityRouterServiceClient<Peer>,
    adapters: Adapters,
    history: Duration,
    revoke_grace: Duration,
    messages: Messages,
    unknown_sessions: UnknownSessions,
    shares: Shares,
}

impl Flow {
    pub fn new(store: Store, config: &Config, parts: &Parts) -> Self {
        let credentials = &config.server.credentials;
        Self {
            store,
            code_keys: config.code_keys.clone(),
            directory_keys: config.directory_keys.clone(),
            limits: config.limits,
            random: parts.random.clone(),
            selector: PlatformSelectorServiceClient::new(config.selector.connect(credentials)),
            router: PriorityRouterServiceClient::new(config.router.connect(credentials)),
            adapters: Adapters::new(credentials.clone(), config.adapter_hosts.clone()),
            history: config.history,
            revoke_grace: config.revoke_grace,
            messages: config.messages.clone(),
            unknown_sessions: config.unknown_sessions,
            shares: Shares::new(CALLS_AT_ONCE / 4),
        }
    }

    /// The key ring, for fingerprints of requests.
    pub fn code_keys(&self) -> &KeyRing {
        &self.code_keys
    }

    /// Makes owed calls on the request's own path; what fails, or takes longer than a desk should wait for a platform,
    /// goes to the dispatcher.
    async fn make_now(&self, calls: impl IntoIterator<Item = OwedCall>) {
        let all = calls.into_iter().map(|call| async move {
            let limit = if call.kind == call::DELIVER { DELIVERY_PATIENCE } else { CALL_PATIENCE };
            if !matches!(tokio::time::timeout(limit, self.call(&call)).await, Ok(Ok(()))) {
                self.store.retry_later(&call).await;
            }
        });
        futures::future::join_all(all).await;
    }
}
