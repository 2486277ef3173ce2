use std::time::Duration;

use prost::Message as _;
use segue_runtime::{Refusal, trace_context};
use segue_store::{StoreError, requests::RequestKey};

use super::{
    Issued, Issuer, View,
    codes::{DRAWS, Drawn, Purposeful, usable_faces},
    owed::Subject,
};
use crate::{
    convert::{self, Parties, first_delivery, is_sms},
    decider::Idempotent,
    domain::{
        handoff::State,
        turn::{Reissue, Reissued},
    },
    errors,
    store::Stored,
};

/// What new codes are drawn by.
struct Redrawn {
    drawn: Drawn,
    reissue: Reissue,
    parties: Parties,
}

impl Issuer {
    /// Replaces the code of a handoff whose code was not entered yet.
    pub(crate) async fn reissue(
        &self,
        request: RequestKey,
        id: String,
        ttl: Option<Duration>,
    ) -> Result<Issued, Refusal> {
        match self.reissue_fresh(&request, &id, ttl).await {
            Err(refused) => match self.handoffs.made_by(&request).await? {
                Some(id) => self.issued_before(&id).await,
                None => Err(refused),
            },
            issued => issued,
        }
    }

    async fn reissue_fresh(
        &self,
        request: &RequestKey,
        id: &str,
        ttl: Option<Duration>,
    ) -> Result<Issued, Refusal> {
        let before = self.find(id).await?;
        let state = before.handoff.state_at(self.now_ms());
        if state != State::Issued {
            return Err(errors::not_issued(id, state));
        }
        let ttl = ttl.unwrap_or_else(|| Duration::from_millis(before.handoff.ttl_ms.unsigned_abs()));
        for _ in 0..DRAWS {
            let Redrawn { drawn, reissue, parties } = self.redraw(&before, ttl).await?;
            let strength = reissue.strength.clone();
            match self.handoffs.reissue(request.clone(), reissue).await? {
                Idempotent::Repeated(id) => return self.issued_before(&id).await,
                Idempotent::New(Reissued::Collision) => {}
                Idempotent::New(Reissued::Changed) => return Err(errors::not_issued(id, State::Redeemed)),
                Idempotent::New(Reissued::Done { handoff, calls, lockout_end_ms }) => {
                    let mut documents = before.documents;
                    documents.strength = strength;
                    let mut subject = Subject {
                        stored: Stored { handoff: *handoff, documents },
                        parties: Some(parties),
                        code_hashes: Some(drawn.codes.iter().map(|code| code.hash.clone()).collect()),
                        access_info: Some(drawn.access_info.clone()),
                    };
                    self.make_now(calls, &mut subject).await;
                    return Ok(Issued {
                        stored: subject.stored,
                        candidates: None,
                        access_info: Some(drawn.access_info),
                        view: View::New { lockout_end_ms },
                    });
                }
            }
        }
        Err(errors::no_free_code())
    }

    async fn redraw(&self, before: &Stored, ttl: Duration) -> Result<Redrawn, Refusal> {
        let selection = convert::selection(&before.documents)?;
        let parties = Parties::of(&selection);
        let (source, target) = selection.source.zip(selection.target).ok_or(StoreError::Failed)?;
        let handoff = &before.handoff;
        let faces = usable_faces(&source, &target, &[])?;
        let strength = self.strength(&handoff.target, &faces, false, ttl).await?;
        let drawn = self.draw(&Purposeful {
            handoff_id: &handoff.id,
            generation: handoff.generation + 1,
            target: &target,
            accounts: &handoff.target.accounts,
            forms: &strength.forms,
            locale: handoff.locale,
            ttl,
            by_sms: is_sms(&source),
        })?;
        let reissue = Reissue {
            id: handoff.id.clone(),
            generation: handoff.generation,
            ttl_ms: i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX),
            strength: convert::strength(&strength).encode_to_vec(),
            delivery: first_delivery(&source),
            limits: self.limits,
            codes: drawn.codes.clone(),
            sealed_access_info: drawn.sealed.clone(),
            accounts: handoff.target.accounts.clone(),
            trace_parent: trace_context::current(),
        };
        Ok(Redrawn { drawn, reissue, parties })
    }
}
