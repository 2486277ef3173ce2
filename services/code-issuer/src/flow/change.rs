use std::time::Duration;

use prost::Message as _;
use segue_proto::{common::v1::ErrorReason, selector::v1::SelectPlatformResponse};
use segue_runtime::{Refusal, trace_context};
use segue_store::{StoreError, requests::RequestKey};

use super::{
    Flow, Issued,
    issue::{DRAWS, Drawn, Purposeful, first_delivery, is_sms, usable_faces},
    limits::figures,
};
use crate::{
    domain::handoff::State,
    store::{Cancelled, Created, NewCodes, Record, Reissued},
};

impl Flow {
    /// Ends a handoff whose code was not entered yet.
    pub async fn cancel(&self, request: RequestKey, id: String) -> Result<Record, Refusal> {
        match self.store.cancel(request, id.clone(), trace_context::current()).await? {
            Cancelled::Done { record, release } => {
                self.make_now(release).await;
                Ok(*record)
            }
            Cancelled::Repeated(record) => Ok(*record),
            Cancelled::RequestIdReused => Err(Refusal::request_id_reused()),
            Cancelled::NotFound => Err(handoff_not_found(&id)),
            Cancelled::NotAllowed(state) => Err(wrong_state(&id, state)),
        }
    }

    /// Replaces the code of a handoff whose code was not entered yet.
    pub async fn reissue(
        &self,
        request: RequestKey,
        id: String,
        ttl: Option<Duration>,
    ) -> Result<Issued, Refusal> {
        match self.store.made_by(&request).await? {
            None => {}
            Some(Created::Repeated(record)) => return Ok(self.issued(*record).await?),
            Some(_) => return Err(Refusal::request_id_reused()),
        }
        let before = self.store.find(&id).await?.ok_or_else(|| handoff_not_found(&id))?;
        let state = before.state_at(self.store.now_ms());
        if state != State::Issued {
            return Err(wrong_state(&id, state));
        }
        let ttl = ttl.unwrap_or_else(|| Duration::from_millis(before.ttl_ms.unsigned_abs()));
        for _ in 0..DRAWS {
            let (drawn, new) = self.new_codes(&request, &before, ttl).await?;
            match self.store.reissue(new).await? {
                Reissued::Collision => {}
                Reissued::RequestIdReused => return Err(Refusal::request_id_reused()),
                Reissued::Changed => return Err(wrong_state(&id, State::Redeemed)),
                Reissued::Repeated(record) => return Ok(self.issued(*record).await?),
                Reissued::Done { record, calls } => {
                    self.make_now(calls).await;
                    let record = self.store.find(&record.id).await.ok().flatten().unwrap_or(*record);
                    return Ok(Issued { record, access_info: Some(drawn.access_info) });
                }
            }
        }
        Err(Refusal::new(ErrorReason::Overloaded, "no free code was found; too many are live"))
    }

    async fn new_codes(
        &self,
        request: &RequestKey,
        before: &Record,
        ttl: Duration,
    ) -> Result<(Drawn, NewCodes), Refusal> {
        let failed = || Refusal::from(StoreError::Failed);
        let selection = SelectPlatformResponse::decode(before.selection.as_slice()).map_err(|_| failed())?;
        let (source, target) = selection.source.zip(selection.target).ok_or_else(failed)?;
        let faces = usable_faces(&source, &target, &[])?;
        let strength = self.strength(&target.id, before, &faces, false, ttl).await?;
        let drawn = self.draw(&Purposeful {
            handoff_id: &before.id,
            generation: before.generation + 1,
            target: &target,
            accounts: before.accounts().collect(),
            forms: &strength.forms,
            locale: before.locale,
            ttl,
            by_sms: is_sms(&source),
        })?;
        let new = NewCodes {
            request: request.clone(),
            before: before.clone(),
            ttl_ms: i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX),
            strength: figures(&strength).encode_to_vec(),
            delivery: first_delivery(&source),
            limits: self.limits,
            codes: drawn.codes.clone(),
            sealed_access_info: drawn.sealed.clone(),
            trace_parent: trace_context::current(),
        };
        Ok((drawn, new))
    }
}

pub(crate) fn handoff_not_found(id: &str) -> Refusal {
    Refusal::not_found(ErrorReason::HandoffNotFound, "handoff", "id", id)
}

fn wrong_state(id: &str, state: State) -> Refusal {
    let message = "the handoff's code can't be entered any more";
    Refusal::new(ErrorReason::HandoffState, message)
        .field("id", "must name a handoff that is ISSUED")
        .resource("handoff", id)
        .metadata("state", state.name())
}
