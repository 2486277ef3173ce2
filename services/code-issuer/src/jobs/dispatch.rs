use std::sync::Arc;

use futures::future::BoxFuture;
use segue_store::outbox::{CALLS_AT_ONCE, Handler, OwedCall, Unsettled};

use super::shares::Shares;
use crate::commands::{Issuer, ROUTER};

/// Makes the calls that no request's own path has made.
pub(crate) struct OwedCalls {
    issuer: Arc<Issuer>,
    shares: Shares,
}

impl OwedCalls {
    pub(crate) fn new(issuer: Arc<Issuer>) -> Self {
        Self { issuer, shares: Shares::new(CALLS_AT_ONCE / 4) }
    }

    async fn make(&self, call: &OwedCall) -> Result<(), Unsettled> {
        let subject = self.issuer.subject_of(call).await?;
        let receiver = subject.as_ref().map(|subject| subject.receiver(&call.kind));
        let Some(share) = self.shares.take(receiver.unwrap_or(ROUTER)) else { return Err(Unsettled) };
        self.issuer.make_again(call, subject, share).await
    }
}

impl Handler for OwedCalls {
    fn call<'a>(&'a self, call: &'a OwedCall) -> BoxFuture<'a, Result<(), Unsettled>> {
        Box::pin(self.make(call))
    }
}
