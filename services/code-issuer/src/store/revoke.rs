use segue_store::{
    Conn, StoreError, audit,
    outbox::{self, NewCall, OwedCall},
    requests::{self, Begun, RequestKey},
};

use super::{Record, Store, find, record::moved, transitions::step};
use crate::domain::{
    call,
    handoff::{Event, State},
};

/// What became of a revocation.
pub(crate) enum Revoked {
    /// It's revoked; the calls are to be made now.
    Done { record: Box<Record>, calls: Vec<OwedCall> },
    /// The request was done before.
    Repeated(Box<Record>),
    /// The request id was used with other content.
    RequestIdReused,
    /// No handoff has the id.
    NotFound,
    /// Its state doesn't allow it.
    NotAllowed(State),
    /// The grace time is over.
    TooLate,
}

impl Store {
    /// ADMITTED or SWITCHED -> REVOKED within the grace time, and the calls that end what was begun on the target.
    pub async fn revoke(
        &self,
        request: RequestKey,
        id: String,
        trace_parent: String,
    ) -> Result<Revoked, StoreError> {
        let input = (self.clone(), request, id, trace_parent);
        let revoked = self
            .database
            .write(input, |conn, (this, request, id, trace_parent)| {
                Box::pin(revoke(conn, this, request, id, trace_parent))
            })
            .await?;
        if let Revoked::Done { record, .. } = &revoked {
            self.metrics.ended(record.state, &record.target_platform);
        }
        Ok(revoked)
    }
}

async fn revoke(
    conn: &mut Conn,
    store: &Store,
    request: &RequestKey,
    id: &str,
    trace_parent: &str,
) -> Result<Revoked, StoreError> {
    let now = store.now_ms();
    match requests::begin(conn, request, now).await? {
        Begun::Fresh => {}
        Begun::Reused => return Ok(Revoked::RequestIdReused),
        Begun::Done(_) => {
            let record = find(conn, id).await?.ok_or(StoreError::Failed)?;
            return Ok(Revoked::Repeated(Box::new(record)));
        }
    }
    let refused = match find(conn, id).await? {
        None => Revoked::NotFound,
        Some(before) if before.state.after(Event::Revoke).is_err() => {
            Revoked::NotAllowed(before.state_at(now))
        }
        Some(before) if before.revocable_until <= now => Revoked::TooLate,
        Some(before) => {
            // The old session's end may be recorded between reading and this: look again.
            let record = step(conn, id, before.state, Event::Revoke, now).await?;
            let record = record.ok_or(StoreError::Contended)?;
            requests::finish(conn, request, id.as_bytes()).await?;
            audit::append(conn, &moved(before.state, &record).by(request, now)).await?;
            let calls = owe_end(conn, store, &record, trace_parent, now).await?;
            return Ok(Revoked::Done { record: Box::new(record), calls });
        }
    };
    requests::forget(conn, request).await?;
    Ok(refused)
}

/// Each call has a lane of its own: whoever entered the code is to lose the agent even while a platform doesn't answer.
async fn owe_end(
    conn: &mut Conn,
    store: &Store,
    record: &Record,
    trace_parent: &str,
    now_ms: i64,
) -> Result<Vec<OwedCall>, StoreError> {
    let mut calls = Vec::new();
    for kind in [call::ABANDON, call::CLOSE_TARGET] {
        let call = NewCall {
            lane: format!("{}/{kind}", record.id),
            kind,
            subject: record.id.clone(),
            payload: vec![],
            trace_parent: trace_parent.to_owned(),
        };
        calls.extend(outbox::owe(conn, &call, now_ms, &store.random).await?);
    }
    Ok(calls)
}
