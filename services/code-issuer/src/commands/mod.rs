//! What the issuer does for each request: what the other services are asked, what is decided, and what is owed when they don't answer.

mod cancel;
mod codes;
mod create;
mod guessing;
mod issued;
mod owed;
mod redeem;
mod reissue;
mod revoke;
mod source;
mod view;

use std::time::Duration;

use segue_core::{KeyRing, Random};
use segue_runtime::Parts;
use segue_store::outbox::HandOver;

pub(crate) use create::CreateHandoff;
pub(crate) use issued::Issued;
pub(crate) use owed::ROUTER;
pub(crate) use redeem::RedeemCode;
pub use source::UnknownSessions;
pub(crate) use view::View;

use crate::{
    Config,
    clients::Clients,
    decider::Handoffs,
    domain::{limits::Limits, message::Messages},
};

/// Everything that a handoff needs.
pub(crate) struct Issuer {
    pub(crate) handoffs: Handoffs,
    clients: Clients,
    code_keys: KeyRing,
    directory_keys: KeyRing,
    limits: Limits,
    random: Random,
    revoke_grace: Duration,
    messages: Messages,
    unknown_sessions: UnknownSessions,
    hand_over: HandOver,
}

impl Issuer {
    pub(crate) fn new(handoffs: Handoffs, config: &Config, parts: &Parts, hand_over: HandOver) -> Self {
        Self {
            handoffs,
            clients: Clients::new(config),
            code_keys: config.code_keys.clone(),
            directory_keys: config.directory_keys.clone(),
            limits: config.limits,
            random: parts.random.clone(),
            revoke_grace: config.revoke_grace,
            messages: config.messages.clone(),
            unknown_sessions: config.unknown_sessions,
            hand_over,
        }
    }

    /// The key ring, for fingerprints of requests.
    pub(crate) fn code_keys(&self) -> &KeyRing {
        &self.code_keys
    }

    fn now_ms(&self) -> i64 {
        self.handoffs.now_ms()
    }
}
