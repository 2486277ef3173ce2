use prost::Message as _;
use segue_proto::{
    common::v1::{ErrorReason, RemainingWork},
    router::v1::{AbandonContactRequest, AdmitHandoffRequest, PutServiceListEntryRequest},
};
use segue_runtime::{peer, reason_of, timestamp};
use segue_store::outbox::OwedCall;
use tonic::Code;

use super::{Issuer, Outcome, Subject, failed, generation_of, log_refused, unsettled};
use crate::{
    convert::source_session,
    domain::{
        handoff::{Admission, Handoff, Relayed, Stage},
        turn::CallOutcome,
    },
};

/// Code hashes of a handoff that routers of before 0.2 take.
const MOST_HASHES_BEFORE: usize = 16;

impl Issuer {
    /// Has the router record the handoff in the service list.
    pub(super) async fn register(&self, call: &OwedCall, subject: &Subject) -> Outcome {
        let handoff = &subject.stored.handoff;
        let code_hashes = match &subject.code_hashes {
            Some(hashes) => hashes.clone(),
            None => self.hashes_to_register(handoff).await?,
        };
        if generation_of(call) != handoff.generation || code_hashes.is_empty() {
            return Ok(CallOutcome::Done);
        }
        let code_hashes_sent = code_hashes.len();
        let request = PutServiceListEntryRequest {
            handoff_id: handoff.id.clone(),
            generation: handoff.generation,
            work_order: handoff.work_order.clone(),
            agent: handoff.agent.clone(),
            source: Some(source_session(handoff)),
            target_platform: handoff.target.platform.clone(),
            cost_units: subject.parties()?.target.cost_units,
            code_hashes,
            remaining_work: RemainingWork::decode(subject.stored.documents.remaining_work.as_slice()).ok(),
            agent_policy: handoff.agent_policy.0,
            expire_time: timestamp(handoff.expires_at),
        };
        match self.clients.put_entry(request).await {
            Ok(()) => {}
            // A router of before 0.2, which takes fewer: the next one takes them.
            Err(status)
                if status.code() == Code::InvalidArgument && code_hashes_sent > MOST_HASHES_BEFORE =>
            {
                return failed(call, &status);
            }
            // The admission will be refused for the same reason, and that is what the desk is told.
            Err(status) if peer::is_refusal(&status) => self.count_refused(call, &status),
            Err(status) => return failed(call, &status),
        }
        Ok(CallOutcome::Done)
    }

    async fn hashes_to_register(
        &self,
        handoff: &Handoff,
    ) -> Result<Vec<String>, segue_store::outbox::Unsettled> {
        let hashes = self.handoffs.live_hashes(&handoff.id).await.map_err(unsettled)?;
        if !hashes.is_empty() {
            return Ok(hashes);
        }
        // A code that was entered at once is dead here, but the router needs its entry to admit the customer. The handoff is read after the
        // hashes: as it was read before them, the code may not have been entered yet.
        let stored = self.handoffs.find(&handoff.id).await.map_err(unsettled)?;
        let redemption = stored.as_ref().and_then(|stored| stored.handoff.stage.redemption());
        Ok(redemption.map(|redemption| redemption.hash.clone()).into_iter().collect())
    }

    /// Has the router admit the customer.
    pub(super) async fn admit(&self, call: &OwedCall, handoff: &Handoff) -> Outcome {
        let Stage::Redeemed(redemption) = &handoff.stage else { return Ok(CallOutcome::Done) };
        let request = AdmitHandoffRequest {
            handoff_id: handoff.id.clone(),
            code_hash: redemption.hash.clone(),
            platform: handoff.target.platform.clone(),
            session: redemption.session.clone(),
        };
        match self.clients.admit(request).await {
            Ok(contact) => Ok(CallOutcome::Admitted(Admission {
                contact: contact.id,
                agent: contact.agent,
                contact_state: Relayed(contact.state),
            })),
            Err(status) if !peer::is_refusal(&status) => failed(call, &status),
            Err(status) => {
                self.count_refused(call, &status);
                let why = "the router refused the admission; its reason is in the log";
                Ok(CallOutcome::AdmissionRefused(why))
            }
        }
    }

    /// Has the router release its entry.
    pub(super) async fn release(&self, call: &OwedCall) -> Outcome {
        match self.clients.release_entry(&call.subject).await {
            Ok(()) => Ok(CallOutcome::Done),
            Err(status) if !peer::is_refusal(&status) => failed(call, &status),
            Err(status) => {
                self.refused(call, &status, "the router refused to release the service list's entry")
            }
        }
    }

    /// Ends the contact. A contact that is over already, or that the router has forgotten, needs no end.
    pub(super) async fn abandon(&self, call: &OwedCall, handoff: &Handoff) -> Outcome {
        let Some(admission) = handoff.stage.admission() else { return Ok(CallOutcome::Done) };
        // The one request of its kind, so that a repetition is one.
        let request_id = self.code_keys.request_id(&["abandon", &handoff.id]);
        let request = AbandonContactRequest { request_id, id: admission.contact.clone() };
        match self.clients.abandon(request).await {
            Ok(()) => {}
            Err(status) if is_over(reason_of(&status)) => log_refused(call, &status),
            Err(status) if !peer::is_refusal(&status) => return failed(call, &status),
            Err(status) => return self.refused(call, &status, "the router refused to end the contact"),
        }
        Ok(CallOutcome::Done)
    }
}

fn is_over(reason: Option<ErrorReason>) -> bool {
    matches!(reason, Some(ErrorReason::ContactState | ErrorReason::ContactNotFound))
}
