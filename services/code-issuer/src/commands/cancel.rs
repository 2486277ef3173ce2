use segue_runtime::{Refusal, trace_context};
use segue_store::requests::RequestKey;

use super::Issuer;
use crate::{decider::Idempotent, domain::turn::Cancelled, errors, store::Stored};

impl Issuer {
    /// Ends a handoff whose code was not entered yet.
    pub(crate) async fn cancel(&self, request: RequestKey, id: &str) -> Result<Stored, Refusal> {
        match self.handoffs.cancel(request, id, trace_context::current()).await? {
            Idempotent::Repeated(id) => self.find(&id).await,
            Idempotent::New(Cancelled::NotFound) => Err(errors::handoff_not_found(id)),
            Idempotent::New(Cancelled::NotAllowed(state)) => Err(errors::not_issued(id, state)),
            Idempotent::New(Cancelled::Done { release, .. }) => {
                self.release_now(vec![release]).await;
                self.find(id).await
            }
        }
    }
}
