use segue_proto::channel::v1::{CloseSessionRequest, DeliverAccessInfoRequest};
use segue_runtime::{peer, timestamp};
use segue_store::outbox::OwedCall;
use tonic::Code;

use super::{Issuer, Outcome, Subject, failed, generation_of, log_refused, unsettled};
use crate::domain::{
    handoff::{Delivery, Handoff, Stage},
    turn::CallOutcome,
};

impl Issuer {
    /// Has the source platform show the access information.
    pub(super) async fn deliver(&self, call: &OwedCall, subject: &Subject) -> Outcome {
        let handoff = &subject.stored.handoff;
        let generation = generation_of(call);
        let access_info = match &subject.access_info {
            Some(info) => Some(info.clone()),
            None => self.reopen(handoff).await.map_err(unsettled)?,
        };
        // Without it the code is dead or replaced: there is nothing to deliver any more.
        let access_info = access_info.filter(|_| generation == handoff.generation);
        let adapter = self.clients.adapters.client(&subject.parties()?.source.adapter_uri);
        let (Some(access_info), Some(mut adapter)) = (access_info, adapter) else {
            return Ok(undelivered(generation, handoff));
        };
        let request = DeliverAccessInfoRequest {
            handoff_id: handoff.id.clone(),
            generation,
            platform: handoff.source.platform.clone(),
            session: handoff.source.session.clone(),
            access_info: Some(access_info),
            target_display_name: subject.parties()?.target.shown_name.clone(),
            expire_time: timestamp(handoff.expires_at),
        };
        match adapter.deliver_access_info(request).await {
            Ok(_) => Ok(CallOutcome::Delivered(generation, Delivery::Delivered)),
            Err(status) if peer::is_unsettled(&status) => failed(call, &status),
            Err(status) => {
                self.count_refused(call, &status);
                Ok(undelivered(generation, handoff))
            }
        }
    }

    /// Has the source platform end the old session.
    pub(super) async fn close(&self, call: &OwedCall, subject: &Subject) -> Outcome {
        let handoff = &subject.stored.handoff;
        if !matches!(handoff.stage, Stage::Admitted(..)) {
            // Revoked meanwhile: the customer goes on where they are.
            return Ok(CallOutcome::Done);
        }
        let target = &subject.parties()?.target.shown_name;
        let request = CloseSessionRequest {
            handoff_id: handoff.id.clone(),
            platform: handoff.source.platform.clone(),
            session: handoff.source.session.clone(),
            message: self.messages.farewell(handoff.locale, target, self.revoke_grace),
        };
        let refused = "the source platform refused to end the old session";
        let adapter = &subject.parties()?.source.adapter_uri;
        self.end_session(call, adapter, request, CallOutcome::Closed, refused).await
    }

    /// Ends the conversation that the code was entered in, if its platform has an adapter.
    pub(super) async fn close_target(&self, call: &OwedCall, subject: &Subject) -> Outcome {
        let handoff = &subject.stored.handoff;
        let session = handoff.stage.redemption().map(|redemption| redemption.session.clone());
        let request = CloseSessionRequest {
            handoff_id: handoff.id.clone(),
            platform: handoff.target.platform.clone(),
            session: session.unwrap_or_default(),
            message: self.messages.revoked(handoff.locale),
        };
        let refused = "the target platform refused to end the session";
        let adapter = &subject.parties()?.target.adapter_uri;
        self.end_session(call, adapter, request, CallOutcome::Done, refused).await
    }

    async fn end_session(
        &self,
        call: &OwedCall,
        adapter_uri: &str,
        request: CloseSessionRequest,
        ended: CallOutcome,
        refused: &'static str,
    ) -> Outcome {
        let Some(mut adapter) = self.clients.adapters.client(adapter_uri) else { return Ok(ended) };
        match adapter.close_session(request).await {
            Ok(_) => {}
            // A session that isn't there is closed.
            Err(status) if status.code() == Code::NotFound => log_refused(call, &status),
            Err(status) if peer::is_unsettled(&status) => return failed(call, &status),
            Err(status) => return self.refused(call, &status, refused),
        }
        Ok(ended)
    }
}

fn undelivered(generation: i32, handoff: &Handoff) -> CallOutcome {
    let delivery = if handoff.delivery == Delivery::Pending { Delivery::Failed } else { handoff.delivery };
    CallOutcome::Delivered(generation, delivery)
}
