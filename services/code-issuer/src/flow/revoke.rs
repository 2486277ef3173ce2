use std::time::Duration;

use segue_proto::{
    channel::v1::CloseSessionRequest, common::v1::ErrorReason, router::v1::AbandonContactRequest,
};
use segue_runtime::{Refusal, peer, reason_of, trace_context};
use segue_store::{outbox::OwedCall, requests::RequestKey};
use tonic::Code;

use super::{
    Flow,
    calls::{Settled, failed, log_refused, selection_of, unsettled},
    handoff_not_found,
};
use crate::{
    domain::handoff::State,
    store::{Record, Revoked},
};

impl Flow {
    /// Takes a switch back: whoever entered the code loses the agent and the conversation there.
    pub async fn revoke(&self, request: RequestKey, id: String) -> Result<Record, Refusal> {
        match self.store.revoke(request, id.clone(), trace_context::current()).await? {
            Revoked::Done { record, calls } => {
                tracing::warn!(handoff = record.id, "handoff revoked");
                self.make_now(calls).await;
                Ok(*record)
            }
            Revoked::Repeated(record) => Ok(*record),
            Revoked::RequestIdReused => Err(Refusal::request_id_reused()),
            Revoked::NotFound => Err(handoff_not_found(&id)),
            Revoked::NotAllowed(state) => Err(not_revocable(&id, state)),
            Revoked::TooLate => Err(too_late(&id, self.revoke_grace)),
        }
    }

    pub(super) fn revoke_grace_ms(&self) -> i64 {
        i64::try_from(self.revoke_grace.as_millis()).unwrap_or(i64::MAX)
    }

    /// Ends the contact. A contact that is over already, or that the router has forgotten, needs no end.
    pub(super) async fn abandon(&self, call: &OwedCall, record: &Record) -> Settled {
        // The one request of its kind, so that a repetition is one.
        let request_id = self.code_keys.request_id(&["abandon", &record.id]);
        let request = AbandonContactRequest { request_id, id: record.contact_id.clone() };
        match self.router.clone().abandon_contact(request).await {
            Ok(_) => {}
            Err(status) if is_over(reason_of(&status)) => log_refused(call, &status),
            Err(status) if !peer::is_refusal(&status) => return failed(call, &status),
            Err(status) => {
                return self.refused(call, &status, "the router refused to end the contact").await;
            }
        }
        self.store.settle(call).await.map_err(unsettled)
    }

    /// Ends the conversation that the code was entered in, if its platform has an adapter.
    pub(super) async fn close_target(&self, call: &OwedCall, record: &Record) -> Settled {
        let target = selection_of(record)?.target;
        let adapter = target.as_ref().and_then(|target| self.adapters.client(&target.adapter_uri));
        let request = CloseSessionRequest {
            handoff_id: record.id.clone(),
            platform: record.target_platform.clone(),
            session: record.redeem_session.clone(),
            message: self.messages.revoked(record.locale),
        };
        if let Some(mut adapter) = adapter {
            match adapter.close_session(request).await {
                Ok(_) => {}
                Err(status) if status.code() == Code::NotFound => log_refused(call, &status),
                Err(status) if peer::is_unsettled(&status) => return failed(call, &status),
                Err(status) => {
                    return self
                        .refused(call, &status, "the target platform refused to end the session")
                        .await;
                }
            }
        }
        self.store.settle(call).await.map_err(unsettled)
    }
}

fn is_over(reason: Option<ErrorReason>) -> bool {
    matches!(reason, Some(ErrorReason::ContactState | ErrorReason::ContactNotFound))
}

fn not_revocable(id: &str, state: State) -> Refusal {
    Refusal::new(ErrorReason::HandoffState, "the handoff has no admission to be taken back")
        .field("id", "must name a handoff that is ADMITTED or SWITCHED")
        .resource("handoff", id)
        .metadata("state", state.name())
}

fn too_late(id: &str, grace: Duration) -> Refusal {
    Refusal::new(ErrorReason::RevokeTooLate, "the time in which the handoff could be revoked is over")
        .field("id", "must name a handoff whose code was entered a short time ago")
        .resource("handoff", id)
        .metadata("grace_seconds", grace.as_secs().to_string())
}
