use segue_runtime::{Refusal, trace_context};
use segue_store::requests::RequestKey;

use super::{Issuer, owed::Subject};
use crate::{decider::Idempotent, domain::turn::Revoked, errors, store::Stored};

impl Issuer {
    /// Takes a switch back: whoever entered the code loses the agent and the conversation there.
    pub(crate) async fn revoke(&self, request: RequestKey, id: &str) -> Result<Stored, Refusal> {
        match self.handoffs.revoke(request, id, trace_context::current()).await? {
            Idempotent::Repeated(id) => self.find(&id).await,
            Idempotent::New(Revoked::NotFound) => Err(errors::handoff_not_found(id)),
            Idempotent::New(Revoked::NotAllowed(state)) => Err(errors::not_revocable(id, state)),
            Idempotent::New(Revoked::TooLate) => Err(errors::revoke_too_late(id, self.revoke_grace)),
            Idempotent::New(Revoked::Done { calls, .. }) => {
                tracing::warn!(handoff = id, "handoff revoked");
                match self.find(id).await {
                    Ok(stored) => {
                        let mut subject = Subject::read(stored);
                        self.make_now(calls, &mut subject).await;
                        Ok(subject.stored)
                    }
                    Err(refused) => {
                        self.give_back(calls).await;
                        Err(refused)
                    }
                }
            }
        }
    }

    pub(super) fn revoke_grace_ms(&self) -> i64 {
        i64::try_from(self.revoke_grace.as_millis()).unwrap_or(i64::MAX)
    }
}
