//! The owed calls. Each may be made more than once; each receiver takes that. A call is settled in the same transaction
//! that records what follows from it.

use futures::future::BoxFuture;
use prost::Message as _;
use segue_proto::{
    channel::v1::{CloseSessionRequest, DeliverAccessInfoRequest},
    common::v1::{RemainingWork, Session},
    router::v1::{AdmitHandoffRequest, PutServiceListEntryRequest, ReleaseServiceListEntryRequest},
    selector::v1::{Platform, SelectPlatformResponse},
};
use segue_runtime::{peer, timestamp, trace_context};
use segue_store::{
    StoreError,
    outbox::{Handler, OwedCall, Unsettled},
};
use tonic::{Code, Status};
use tracing::{Instrument as _, Span};

use super::{Flow, shares::Share};
use crate::{
    domain::{
        call,
        handoff::{Delivery, State},
    },
    store::{Admission, Record},
};

pub(super) type Settled = Result<(), Unsettled>;

impl Handler for Flow {
    fn call<'a>(&'a self, call: &'a OwedCall) -> BoxFuture<'a, Settled> {
        let span = tracing::info_span!(
            "owed call",
            otel.name = call.kind,
            handoff = call.subject,
            attempts = call.attempts,
            otel.status_code = tracing::field::Empty,
        );
        trace_context::resume(&span, &call.trace_parent);
        Box::pin(self.make(call).instrument(span))
    }
}

/// Code hashes of a handoff that routers of before 0.2 take.
const MOST_HASHES_BEFORE: usize = 16;

impl Flow {
    async fn make(&self, call: &OwedCall) -> Settled {
        let record = self.store.find(&call.subject).await.map_err(unsettled)?;
        let Some(record) = record else {
            return self.store.settle(call).await.map_err(unsettled);
        };
        // A request's own path makes its calls at once. Those of the dispatcher share its places.
        let share = (call.attempts > 0).then(|| self.shares.take(&receiver(call, &record)));
        let Some(_share) = share.unwrap_or(Some(Share::default())) else {
            return Err(Unsettled);
        };
        match call.kind.as_str() {
            call::REGISTER => self.register(call, &record).await,
            call::DELIVER => self.deliver(call, &record).await,
            call::ADMIT => self.admit(call, &record).await,
            call::CLOSE => self.close(call, &record).await,
            call::RELEASE => self.release(call, &record).await,
            call::ABANDON => self.abandon(call, &record).await,
            call::CLOSE_TARGET => self.close_target(call, &record).await,
            unknown => {
                // A newer version owed it; it knows.
                tracing::error!(kind = unknown, "unknown owed call");
                Err(Unsettled)
            }
        }
    }

    async fn register(&self, call: &OwedCall, record: &Record) -> Settled {
        let hashes = self.store.live_hashes(&record.id).await.map_err(unsettled)?;
        let stale = generation_of(call) != record.generation;
        // A code that was entered at once is dead here, but the router needs its entry to admit the customer.
        let code_hashes = if hashes.is_empty() && !record.redeem_hash.is_empty() {
            vec![record.redeem_hash.clone()]
        } else {
            hashes
        };
        if stale || code_hashes.is_empty() {
            return self.store.settle(call).await.map_err(unsettled);
        }
        let selection = selection_of(record)?;
        let code_hashes_sent = code_hashes.len();
        let request = PutServiceListEntryRequest {
            handoff_id: record.id.clone(),
            generation: record.generation,
            work_order: record.work_order.clone(),
            agent: record.agent.clone(),
            source: Some(source_of(record)),
            target_platform: record.target_platform.clone(),
            cost_units: selection.target.map_or(0, |target| target.cost_units),
            code_hashes,
            remaining_work: RemainingWork::decode(record.remaining_work.as_slice()).ok(),
            agent_policy: record.agent_policy,
            expire_time: timestamp(record.expires_at),
        };
        match self.router.clone().put_service_list_entry(request).await {
            Ok(_) => {}
            // A router of before 0.2, which takes fewer: the next one takes them.
            Err(status)
                if status.code() == Code::InvalidArgument && code_hashes_sent > MOST_HASHES_BEFORE =>
            {
                return failed(call, &status);
            }
            // The admission will be refused for the same reason, and that is what the desk is told.
            Err(status) if peer::is_refusal(&status) => {
                log_refused(call, &status);
                self.store.count_refused(call);
            }
            Err(status) => return failed(call, &status),
        }
        self.store.settle(call).await.map_err(unsettled)
    }

    async fn deliver(&self, call: &OwedCall, record: &Record) -> Settled {
        let generation = generation_of(call);
        let access_info = match self.reopen(record).await {
            Ok(Some(info)) if generation == record.generation => info,
            // The code is dead or replaced: nothing to deliver any more.
            Ok(_) => return self.undelivered(call, generation, record).await,
            Err(error) => return Err(unsettled(error)),
        };
        let selection = selection_of(record)?;
        let adapter = selection.source.as_ref().and_then(|source| self.adapters.client(&source.adapter_uri));
        let Some(mut adapter) = adapter else { return self.undelivered(call, generation, record).await };
        let request = DeliverAccessInfoRequest {
            handoff_id: record.id.clone(),
            generation,
            platform: record.source_platform.clone(),
            session: record.source_session.clone(),
            access_info: Some(access_info),
            target_display_name: selection.target.as_ref().map(shown_name).unwrap_or_default(),
            expire_time: timestamp(record.expires_at),
        };
        match adapter.deliver_access_info(request).await {
            Ok(_) => self.store.delivered(call, generation, Delivery::Delivered).await.map_err(unsettled),
            Err(status) if peer::is_unsettled(&status) => failed(call, &status),
            Err(status) => {
                log_refused(call, &status);
                self.store.count_refused(call);
                self.undelivered(call, generation, record).await
            }
        }
    }

    async fn undelivered(&self, call: &OwedCall, generation: i32, record: &Record) -> Settled {
        let delivery = if record.delivery == Delivery::Pending { Delivery::Failed } else { record.delivery };
        self.store.delivered(call, generation, delivery).await.map_err(unsettled)
    }

    async fn admit(&self, call: &OwedCall, record: &Record) -> Settled {
        if record.state != State::Redeemed {
            return self.store.settle(call).await.map_err(unsettled);
        }
        let request = AdmitHandoffRequest {
            handoff_id: record.id.clone(),
            code_hash: record.redeem_hash.clone(),
            platform: record.target_platform.clone(),
            session: record.redeem_session.clone(),
        };
        let contact = match self.router.clone().admit_handoff(request).await {
            Ok(answer) => answer.into_inner().contact.ok_or(Unsettled)?,
            Err(status) if !peer::is_refusal(&status) => return failed(call, &status),
            Err(status) => {
                log_refused(call, &status);
                self.store.count_refused(call);
                let why = "the router refused the admission; its reason is in the log";
                return self.store.failed(call, why).await.map_err(unsettled);
            }
        };
        let source = selection_of(record)?.source;
        let admission = Admission {
            contact_id: contact.id,
            agent: contact.agent,
            contact_state: contact.state,
            close_through_adapter: source.is_some_and(|source| !source.adapter_uri.is_empty()),
        };
        self.store.admitted(call, admission).await.map_err(unsettled)
    }

    async fn close(&self, call: &OwedCall, record: &Record) -> Settled {
        if record.state != State::Admitted {
            // Revoked meanwhile: the customer goes on where they are.
            return self.store.settle(call).await.map_err(unsettled);
        }
        let selection = selection_of(record)?;
        let adapter = selection.source.as_ref().and_then(|source| self.adapters.client(&source.adapter_uri));
        let request = CloseSessionRequest {
            handoff_id: record.id.clone(),
            platform: record.source_platform.clone(),
            session: record.source_session.clone(),
            message: self.messages.farewell(
                record.locale,
                &selection.target.as_ref().map(shown_name).unwrap_or_default(),
                self.revoke_grace,
            ),
        };
        if let Some(mut adapter) = adapter {
            match adapter.close_session(request).await {
                Ok(_) => {}
                // A session that isn't there is closed.
                Err(status) if status.code() == Code::NotFound => log_refused(call, &status),
                Err(status) if peer::is_unsettled(&status) => return failed(call, &status),
                Err(status) => {
                    return self
                        .refused(call, &status, "the source platform refused to end the old session")
                        .await;
                }
            }
        }
        self.store.switched(call).await.map_err(unsettled)
    }

    async fn release(&self, call: &OwedCall, record: &Record) -> Settled {
        let request = ReleaseServiceListEntryRequest { handoff_id: record.id.clone() };
        match self.router.clone().release_service_list_entry(request).await {
            Ok(_) => self.store.settle(call).await.map_err(unsettled),
            Err(status) if !peer::is_refusal(&status) => failed(call, &status),
            Err(status) => {
                self.refused(call, &status, "the router refused to release the service list's entry").await
            }
        }
    }

    /// Ends a call that was refused for good. Asking again would change nothing: somebody has to look, and is told by an alert.
    pub(super) async fn refused(&self, call: &OwedCall, status: &Status, why: &'static str) -> Settled {
        log_refused(call, status);
        self.store.count_refused(call);
        self.store.refused(call, why).await.map_err(unsettled)
    }
}

/// Whose places among the dispatcher's a call takes.
fn receiver(call: &OwedCall, record: &Record) -> String {
    match call.kind.as_str() {
        call::DELIVER | call::CLOSE => record.source_platform.clone(),
        call::CLOSE_TARGET => record.target_platform.clone(),
        // Platforms' ids have no capitals.
        _ => "ROUTER".to_owned(),
    }
}

fn generation_of(call: &OwedCall) -> i32 {
    <[u8; 4]>::try_from(call.payload.as_slice()).map(i32::from_be_bytes).unwrap_or_default()
}

fn source_of(record: &Record) -> Session {
    Session { platform: record.source_platform.clone(), session: record.source_session.clone() }
}

pub(super) fn selection_of(record: &Record) -> Result<SelectPlatformResponse, Unsettled> {
    SelectPlatformResponse::decode(record.selection.as_slice()).map_err(|_| {
        tracing::error!(handoff = record.id, "stored selection is not readable");
        Unsettled
    })
}

fn shown_name(platform: &Platform) -> String {
    if platform.display_name.is_empty() { platform.id.clone() } else { platform.display_name.clone() }
}

pub(super) fn failed(call: &OwedCall, status: &Status) -> Settled {
    tracing::warn!(kind = call.kind, handoff = call.subject, code = ?status.code(), attempts = call.attempts, "owed call failed, trying again later");
    Err(Unsettled)
}

pub(super) fn log_refused(call: &OwedCall, status: &Status) {
    let reason = segue_runtime::reason_of(status).map_or("", |reason| reason.as_str_name());
    tracing::warn!(kind = call.kind, handoff = call.subject, code = ?status.code(), reason, "owed call refused");
    Span::current().record("otel.status_code", "ERROR");
}

pub(super) fn unsettled(error: StoreError) -> Unsettled {
    tracing::warn!(%error, "store failed during an owed call");
    Unsettled
}
