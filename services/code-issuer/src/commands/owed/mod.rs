//! The owed calls. Each may be made more than once; each receiver takes that. A call is settled in the same turn that records what
//! follows from it.

mod adapter;
mod router;

use std::time::Duration;

use segue_proto::common::v1::AccessInfo;
use segue_runtime::trace_context;
use segue_store::{
    StoreError,
    outbox::{OwedCall, Unsettled},
};
use tonic::Status;
use tracing::{Instrument as _, Span};

use super::Issuer;
use crate::{
    convert::{self, Parties},
    domain::{
        call,
        handoff::Handoff,
        turn::{CallOutcome, Owed},
    },
    store::Stored,
};

/// How long a desk waits for the source platform to take the access information.
const DELIVERY_PATIENCE: Duration = Duration::from_secs(2);
/// Longer than any call to a service of ours takes by its own limit.
const CALL_PATIENCE: Duration = Duration::from_secs(10);

/// The router among the receivers of calls; platforms' ids have no capitals.
pub(crate) const ROUTER: &str = "ROUTER";

/// What calls are about, with what a request knows already.
pub(crate) struct Subject {
    pub(crate) stored: Stored,
    /// None where they can't be read.
    pub(crate) parties: Option<Parties>,
    /// The hashes of the codes that were just drawn; none where they are to be read.
    pub(crate) code_hashes: Option<Vec<String>>,
    /// What the customer gets; none where it is to be read.
    pub(crate) access_info: Option<AccessInfo>,
}

/// What a call has led to, or that it has to be made again.
type Outcome = Result<CallOutcome, Unsettled>;

impl Issuer {
    /// Makes owed calls on the request's own path; what fails, or takes longer than a desk should wait for a platform,
    /// goes to the dispatcher. What they have changed is in the subject then.
    pub(super) async fn make_now(&self, calls: Vec<Owed>, subject: &mut Subject) {
        let (own, others): (Vec<Owed>, Vec<Owed>) =
            calls.into_iter().partition(|call| call.handoff == subject.stored.handoff.id);
        let made = async {
            let all = own.into_iter().map(|call| self.make_one(call, Some(subject)));
            futures::future::join_all(all).await
        };
        let (made, ()) = tokio::join!(made, self.release_now(others));
        let changed = made.into_iter().flatten().max_by_key(|handoff| handoff.updated_at);
        subject.stored.handoff = changed.unwrap_or_else(|| subject.stored.handoff.clone());
    }

    /// Gives calls to the dispatcher that their request can't make.
    pub(super) async fn give_back(&self, calls: Vec<Owed>) {
        for call in calls {
            self.handoffs.retry_later(&owed_call(call, self.now_ms())).await;
        }
    }

    /// Releases the router's entries of handoffs that have ended.
    pub(crate) async fn release_now(&self, calls: Vec<Owed>) {
        let leased = calls.into_iter().filter(|call| call.is_leased);
        futures::future::join_all(leased.map(|call| self.make_one(call, None))).await;
    }

    /// Has the router admit the customer of a handoff that was just redeemed. Answers the handoff as it is then.
    pub(super) async fn admit_now(&self, handoff: Handoff, admit: Owed) -> Handoff {
        if !admit.is_leased {
            return handoff;
        }
        let call = owed_call(admit, handoff.updated_at);
        let making = async {
            let outcome = self.admit(&call, &handoff).await?;
            self.settle(&call, outcome).await
        };
        match tokio::time::timeout(CALL_PATIENCE, making.instrument(span(&call))).await {
            Ok(Ok(changed)) => changed.unwrap_or(handoff),
            Ok(Err(Unsettled)) | Err(_) => {
                self.handoffs.retry_later(&call).await;
                handoff
            }
        }
    }

    async fn make_one(&self, owed: Owed, subject: Option<&Subject>) -> Option<Handoff> {
        let call = owed_call(owed, self.now_ms());
        let limit = if call.kind == call::DELIVER { DELIVERY_PATIENCE } else { CALL_PATIENCE };
        let making = async {
            let outcome = match subject {
                Some(subject) => self.make(&call, subject).await?,
                None => self.release(&call).await?,
            };
            self.settle(&call, outcome).await
        };
        match tokio::time::timeout(limit, making.instrument(span(&call))).await {
            Ok(Ok(changed)) => changed,
            Ok(Err(Unsettled)) | Err(_) => {
                self.handoffs.retry_later(&call).await;
                None
            }
        }
    }

    /// Makes a call that the outbox has handed out, and records what follows. The place at its receiver is free for the next call then.
    pub(crate) async fn make_again(
        &self,
        call: &OwedCall,
        subject: Option<Subject>,
        place: impl Drop,
    ) -> Result<(), Unsettled> {
        let making = async {
            let outcome = match subject {
                Some(subject) => self.make(call, &subject).await?,
                None => CallOutcome::Done,
            };
            drop(place);
            self.settle(call, outcome).await.map(drop)
        };
        making.instrument(span(call)).await
    }

    /// Records that a call is over, and has made what is owed since. Answers the handoff if it has changed.
    async fn settle(&self, call: &OwedCall, outcome: CallOutcome) -> Result<Option<Handoff>, Unsettled> {
        let settled = self.handoffs.settle(call, outcome).await.map_err(unsettled)?;
        if let Some(follows) = settled.follows
            && let Err(refused) = self.hand_over.make(owed_call(follows, self.now_ms()))
        {
            self.handoffs.retry_later(&refused).await;
        }
        Ok(settled.handoff.map(|handoff| *handoff))
    }

    /// What a call is about; none if it is gone.
    pub(crate) async fn subject_of(&self, call: &OwedCall) -> Result<Option<Subject>, Unsettled> {
        let Some(stored) = self.handoffs.find(&call.subject).await.map_err(unsettled)? else {
            return Ok(None);
        };
        Ok(Some(Subject::read(stored)))
    }

    async fn make(&self, call: &OwedCall, subject: &Subject) -> Outcome {
        let handoff = &subject.stored.handoff;
        match call.kind.as_str() {
            call::REGISTER => self.register(call, subject).await,
            call::DELIVER => self.deliver(call, subject).await,
            call::ADMIT => self.admit(call, handoff).await,
            call::CLOSE => self.close(call, subject).await,
            call::RELEASE => self.release(call).await,
            call::ABANDON => self.abandon(call, handoff).await,
            call::CLOSE_TARGET => self.close_target(call, subject).await,
            unknown => {
                // A newer version owed it; it knows.
                tracing::error!(kind = unknown, "unknown owed call");
                Err(Unsettled)
            }
        }
    }

    /// Ends a call that was refused for good. Asking again would change nothing: somebody has to look, and is told by an alert.
    fn refused(&self, call: &OwedCall, status: &Status, why: &'static str) -> Outcome {
        self.count_refused(call, status);
        Ok(CallOutcome::Refused(why))
    }

    /// Counts a call that its receiver refused for good.
    fn count_refused(&self, call: &OwedCall, status: &Status) {
        log_refused(call, status);
        self.handoffs.metrics().call_refused(&call.kind);
    }
}

impl Subject {
    /// A handoff that was read.
    pub(crate) fn read(stored: Stored) -> Self {
        let parties = convert::selection(&stored.documents).ok().map(|selection| Parties::of(&selection));
        Self { stored, parties, code_hashes: None, access_info: None }
    }

    /// The platforms, for calls that can't be made without.
    fn parties(&self) -> Result<&Parties, Unsettled> {
        self.parties.as_ref().ok_or_else(|| {
            tracing::error!(handoff = self.stored.handoff.id, "stored selection is not readable");
            Unsettled
        })
    }

    /// Who receives a call of this kind.
    pub(crate) fn receiver(&self, kind: &str) -> &str {
        match kind {
            call::DELIVER | call::CLOSE => &self.stored.handoff.source.platform,
            call::CLOSE_TARGET => &self.stored.handoff.target.platform,
            _ => ROUTER,
        }
    }
}

/// The span of a call, as a part of the trace of the request that owes it.
fn span(call: &OwedCall) -> Span {
    let span = tracing::info_span!(
        "owed call",
        otel.name = call.kind,
        handoff = call.subject,
        attempts = call.attempts,
        otel.status_code = tracing::field::Empty,
    );
    trace_context::resume(&span, &call.trace_parent);
    span
}

/// The generation of the codes that a call is about.
fn generation_of(call: &OwedCall) -> i32 {
    <[u8; 4]>::try_from(call.payload.as_slice()).map(i32::from_be_bytes).unwrap_or_default()
}

/// A call that its request makes under the lease that it was owed with.
fn owed_call(owed: Owed, created_at: i64) -> OwedCall {
    OwedCall {
        id: owed.id,
        kind: owed.kind.to_owned(),
        subject: owed.handoff,
        payload: owed.payload,
        trace_parent: owed.trace_parent,
        attempts: 0,
        created_at,
    }
}

fn failed(call: &OwedCall, status: &Status) -> Outcome {
    tracing::warn!(kind = call.kind, handoff = call.subject, code = ?status.code(), attempts = call.attempts, "owed call failed, trying again later");
    Err(Unsettled)
}

fn log_refused(call: &OwedCall, status: &Status) {
    let reason = segue_runtime::reason_of(status).map_or("", |reason| reason.as_str_name());
    tracing::warn!(kind = call.kind, handoff = call.subject, code = ?status.code(), reason, "owed call refused");
    Span::current().record("otel.status_code", "ERROR");
}

fn unsettled(error: StoreError) -> Unsettled {
    tracing::warn!(%error, "store failed during an owed call");
    Unsettled
}
