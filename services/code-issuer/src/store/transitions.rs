use segue_store::{
    Conn, StoreError, audit,
    outbox::{self, NewCall, OwedCall},
    requests::{self, Begun, RequestKey},
};
use sqlx::Row as _;

use super::{
    Record, Store, codes, find,
    record::{self, moved},
};
use crate::domain::{
    call,
    handoff::{Delivery, Event, State},
};

const SWEEP_LIMIT: i64 = 100;

/// What the router answered.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    pub contact_id: String,
    pub agent: String,
    pub contact_state: i32,
    /// Whether the old session is to be closed through an adapter.
    pub close_through_adapter: bool,
}

/// A handoff whose code was not entered in time.
pub(crate) struct Expired {
    /// The target.
    pub platform: String,
    /// To be made now.
    pub release: Option<OwedCall>,
}

/// What became of a cancellation.
pub(crate) enum Cancelled {
    /// It's cancelled; the call is to be made now.
    Done { record: Box<Record>, release: Option<OwedCall> },
    /// The request was done before.
    Repeated(Box<Record>),
    /// The request id was used with other content.
    RequestIdReused,
    /// No handoff has the id.
    NotFound,
    /// Its state doesn't allow it.
    NotAllowed(State),
}

impl Store {
    /// REDEEMED -> ADMITTED, and the call to close the old session; without an adapter there is nothing to close, and the
    /// handoff is SWITCHED. Settles the call that brought it.
    pub async fn admitted(&self, call: &OwedCall, admission: Admission) -> Result<(), StoreError> {
        let input = (self.clone(), call.clone(), admission);
        let admitted = self
            .database
            .write(input, |conn, (this, call, admission)| Box::pin(admitted(conn, this, call, admission)))
            .await?;
        if let Some(record) = admitted {
            self.metrics.admitted(record.updated_at - record.created_at);
            self.metrics.ended(record.state, &record.target_platform);
        }
        Ok(())
    }

    /// REDEEMED -> FAILED, and the call to release the router's entry. Settles the call that failed.
    pub async fn failed(&self, call: &OwedCall, why: &'static str) -> Result<(), StoreError> {
        let input = (self.clone(), call.clone(), why);
        let failed = self
            .database
            .write(input, |conn, (this, call, why)| {
                Box::pin(async move {
                    let failed =
                        step(conn, &call.subject, State::Redeemed, Event::Refuse, this.now_ms()).await?;
                    if failed.is_some() {
                        sqlx::query("UPDATE handoffs SET failure = $2 WHERE id = $1")
                            .bind(call.subject.as_str())
                            .bind(*why)
                            .execute(&mut *conn)
                            .await?;
                        let release = new_call(&call.subject, call::RELEASE, &call.trace_parent);
                        outbox::owe_to_dispatcher(conn, &release, this.now_ms(), &this.random).await?;
                    }
                    outbox::settle(conn, &call.id).await?;
                    Ok(failed)
                })
            })
            .await?;
        self.count_end(failed.as_ref());
        Ok(())
    }

    /// ADMITTED -> SWITCHED. Settles the call that closed the session.
    pub async fn switched(&self, call: &OwedCall) -> Result<(), StoreError> {
        let input = (call.clone(), self.now_ms());
        let switched = self
            .database
            .write(input, |conn, (call, now)| {
                Box::pin(async move {
                    let switched = step(conn, &call.subject, State::Admitted, Event::Close, *now).await?;
                    outbox::settle(conn, &call.id).await?;
                    Ok(switched)
                })
            })
            .await?;
        self.count_end(switched.as_ref());
        Ok(())
    }

    /// Ends a call that its receiver refused for good, and says so on the handoff. A refused close leaves nothing to wait for: the
    /// customer is with the agent, and the handoff is SWITCHED.
    pub async fn refused(&self, call: &OwedCall, why: &'static str) -> Result<(), StoreError> {
        let input = (call.clone(), why, self.now_ms());
        let switched = self
            .database
            .write(input, |conn, (call, why, now)| {
                Box::pin(async move {
                    let closes = call.kind == call::CLOSE;
                    let switched = match closes {
                        true => step(conn, &call.subject, State::Admitted, Event::Close, *now).await?,
                        false => None,
                    };
                    sqlx::query("UPDATE handoffs SET failure = $2, updated_at = $3 WHERE id = $1")
                        .bind(call.subject.as_str())
                        .bind(*why)
                        .bind(*now)
                        .execute(&mut *conn)
                        .await?;
                    outbox::settle(conn, &call.id).await?;
                    Ok(switched)
                })
            })
            .await?;
        self.count_end(switched.as_ref());
        Ok(())
    }

    /// Counts a call that its receiver refused for good.
    pub fn count_refused(&self, call: &OwedCall) {
        self.metrics.call_refused(&call.kind);
    }

    /// Counts a handoff that has come to its end, if it has.
    pub(super) fn count_end(&self, ended: Option<&Record>) {
        if let Some(record) = ended {
            self.metrics.ended(record.state, &record.target_platform);
        }
    }

    /// Records how a generation's delivery went, and settles the call.
    pub async fn delivered(
        &self,
        call: &OwedCall,
        generation: i32,
        delivery: Delivery,
    ) -> Result<(), StoreError> {
        let input = (call.clone(), generation, delivery, self.now_ms());
        self.database
            .write(input, |conn, (call, generation, delivery, now)| {
                Box::pin(async move {
                    sqlx::query(
                        "UPDATE handoffs SET delivery = $1, updated_at = $2 WHERE id = $3 AND generation = $4",
                    )
                    .bind(delivery.name())
                    .bind(*now)
                    .bind(call.subject.as_str())
                    .bind(i64::from(*generation))
                    .execute(&mut *conn)
                    .await?;
                    outbox::settle(conn, &call.id).await.map(|_| ())
                })
            })
            .await
    }

    /// ISSUED -> CANCELLED, and the call to release the router's entry.
    pub async fn cancel(
        &self,
        request: RequestKey,
        id: String,
        trace_parent: String,
    ) -> Result<Cancelled, StoreError> {
        let input = (self.clone(), request, id, trace_parent);
        let cancelled = self
            .database
            .write(input, |conn, (this, request, id, trace_parent)| {
                Box::pin(cancel(conn, this, request, id, trace_parent))
            })
            .await?;
        if let Cancelled::Done { record, .. } = &cancelled {
            self.count_end(Some(record));
        }
        Ok(cancelled)
    }

    /// Ends handoffs whose code was not entered in time; returns the calls to be made now. None when none was due.
    pub async fn expire_due(&self) -> Result<Option<Vec<OwedCall>>, StoreError> {
        let now = self.now_ms();
        let due = due(&mut *self.database.read().await?, now).await?;
        if due.is_empty() {
            return Ok(None);
        }
        let input = (self.clone(), due, now);
        let expired = self
            .database
            .write(input, |conn, (this, due, now)| {
                Box::pin(async move {
                    let mut expired = Vec::new();
                    for id in due {
                        expired.extend(expire(conn, this, id, *now).await?);
                    }
                    Ok(expired)
                })
            })
            .await?;
        expired.iter().for_each(|expired| self.count_expired(expired));
        Ok(Some(expired.into_iter().filter_map(|expired| expired.release).collect()))
    }

    /// Counts a handoff whose code was not entered in time.
    pub(super) fn count_expired(&self, expired: &Expired) {
        self.metrics.ended(State::Expired, &expired.platform);
    }
}

async fn admitted(
    conn: &mut Conn,
    store: &Store,
    call: &OwedCall,
    admission: &Admission,
) -> Result<Option<Record>, StoreError> {
    let now = store.now_ms();
    outbox::settle(conn, &call.id).await?;
    let Some(admitted) = step(conn, &call.subject, State::Redeemed, Event::Admit, now).await? else {
        return Ok(None);
    };
    sqlx::query("UPDATE handoffs SET contact_id = $2, contact_agent = $3, contact_state = $4 WHERE id = $1")
        .bind(call.subject.as_str())
        .bind(admission.contact_id.as_str())
        .bind(admission.agent.as_str())
        .bind(i64::from(admission.contact_state))
        .execute(&mut *conn)
        .await?;
    if admission.close_through_adapter {
        // The customer need not wait for the old session's end.
        let close = new_call(&call.subject, call::CLOSE, &call.trace_parent);
        outbox::owe_to_dispatcher(conn, &close, now, &store.random).await?;
        Ok(Some(admitted))
    } else {
        step(conn, &call.subject, State::Admitted, Event::Close, now).await
    }
}

async fn cancel(
    conn: &mut Conn,
    store: &Store,
    request: &RequestKey,
    id: &str,
    trace_parent: &str,
) -> Result<Cancelled, StoreError> {
    let now = store.now_ms();
    match requests::begin(conn, request, now).await? {
        Begun::Fresh => {}
        Begun::Reused => return Ok(Cancelled::RequestIdReused),
        Begun::Done(_) => {
            let record = find(conn, id).await?.ok_or(StoreError::Failed)?;
            return Ok(Cancelled::Repeated(Box::new(record)));
        }
    }
    let live = find(conn, id).await?.map(|record| record.state_at(now));
    if live == Some(State::Issued)
        && let Some(record) = step(conn, id, State::Issued, Event::Cancel, now).await?
    {
        codes::kill(conn, id, now).await?;
        requests::finish(conn, request, id.as_bytes()).await?;
        audit::append(conn, &moved(State::Issued, &record).by(request, now)).await?;
        let release = owe(conn, store, id, call::RELEASE, trace_parent).await?;
        return Ok(Cancelled::Done { record: Box::new(record), release });
    }
    requests::forget(conn, request).await?;
    let found = find(conn, id).await?;
    Ok(found.map_or(Cancelled::NotFound, |record| Cancelled::NotAllowed(record.state_at(now))))
}

/// Ends what a new handoff takes the place of: live ones of the same agent for the same work order, or for the same account on the same
/// platform. A customer whose call dropped and who came again has one code that works, not two.
pub(super) async fn replace_older(
    conn: &mut Conn,
    store: &Store,
    new: &Record,
    now_ms: i64,
) -> Result<(Vec<Record>, Vec<OwedCall>), StoreError> {
    let rows = sqlx::query("SELECT * FROM handoffs WHERE agent = $1 AND state = 'ISSUED' AND id <> $2")
        .bind(new.agent.as_str())
        .bind(new.id.as_str())
        .fetch_all(&mut *conn)
        .await?;
    let is_older = |old: &Record| {
        let same_place = old.target_platform == new.target_platform;
        let same_customer = old.accounts().any(|account| new.accounts().any(|other| other == account));
        old.work_order == new.work_order || (same_place && same_customer)
    };
    let older: Vec<Record> = rows.iter().map(record::read).collect::<Result<_, _>>()?;
    let (mut replaced, mut releases) = (Vec::new(), Vec::new());
    for Record { id, .. } in older.into_iter().filter(is_older) {
        // One whose code was entered meanwhile goes on.
        if let Some(record) = step(conn, &id, State::Issued, Event::Cancel, now_ms).await? {
            codes::kill(conn, &id, now_ms).await?;
            releases.extend(owe(conn, store, &id, call::RELEASE, "").await?);
            replaced.push(record);
        }
    }
    Ok((replaced, releases))
}

/// Ends the handoff of a session if its time is over, so that the session is free for a new one before the sweep comes.
pub(super) async fn expire_session(
    conn: &mut Conn,
    store: &Store,
    platform: &str,
    session: &str,
    now_ms: i64,
) -> Result<Option<Expired>, StoreError> {
    let row = sqlx::query(
        "SELECT id FROM handoffs
         WHERE source_platform = $1 AND source_session = $2 AND state = $3 AND expires_at <= $4",
    )
    .bind(platform)
    .bind(session)
    .bind(State::Issued.name())
    .bind(now_ms)
    .fetch_optional(&mut *conn)
    .await?;
    match row {
        Some(row) => expire(conn, store, row.try_get("id")?, now_ms).await,
        None => Ok(None),
    }
}

async fn expire(
    conn: &mut Conn,
    store: &Store,
    id: &str,
    now_ms: i64,
) -> Result<Option<Expired>, StoreError> {
    let Ok(expired) = State::Issued.after(Event::Expire) else { return Ok(None) };
    // The guard looks at the time again: a reissue, also on another replica, may have come between.
    let ended = sqlx::query(
        "UPDATE handoffs SET state = $1, updated_at = $2 WHERE id = $3 AND state = $4 AND expires_at <= $2
         RETURNING target_platform",
    )
    .bind(expired.name())
    .bind(now_ms)
    .bind(id)
    .bind(State::Issued.name())
    .fetch_optional(&mut *conn)
    .await?;
    let Some(ended) = ended else { return Ok(None) };
    codes::kill(conn, id, now_ms).await?;
    let release = owe(conn, store, id, call::RELEASE, "").await?;
    Ok(Some(Expired { platform: ended.try_get("target_platform")?, release }))
}

async fn due(conn: &mut Conn, now_ms: i64) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query(
        "SELECT id FROM handoffs WHERE state = $1 AND expires_at <= $2 ORDER BY expires_at LIMIT $3",
    )
    .bind(State::Issued.name())
    .bind(now_ms)
    .bind(SWEEP_LIMIT)
    .fetch_all(conn)
    .await?;
    rows.iter().map(|row| Ok(row.try_get("id")?)).collect()
}

/// One transition, guarded by the state it starts from; none when the handoff is elsewhere by now.
pub(super) async fn step(
    conn: &mut Conn,
    id: &str,
    from: State,
    event: Event,
    now_ms: i64,
) -> Result<Option<Record>, StoreError> {
    let Ok(to) = from.after(event) else { return Ok(None) };
    let row = sqlx::query(
        "UPDATE handoffs SET state = $1, updated_at = $2 WHERE id = $3 AND state = $4 RETURNING *",
    )
    .bind(to.name())
    .bind(now_ms)
    .bind(id)
    .bind(from.name())
    .fetch_optional(conn)
    .await?;
    row.as_ref().map(record::read).transpose()
}

async fn owe(
    conn: &mut Conn,
    store: &Store,
    handoff_id: &str,
    kind: &'static str,
    trace_parent: &str,
) -> Result<Option<OwedCall>, StoreError> {
    outbox::owe(conn, &new_call(handoff_id, kind, trace_parent), store.now_ms(), &store.random).await
}

fn new_call(handoff_id: &str, kind: &'static str, trace_parent: &str) -> NewCall {
    NewCall {
        lane: record::lane(handoff_id),
        kind,
        subject: handoff_id.to_owned(),
        payload: vec![],
        trace_parent: trace_parent.to_owned(),
    }
}
