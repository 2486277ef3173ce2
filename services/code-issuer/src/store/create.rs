use segue_runtime::audit::object;
use segue_store::{
    Conn, StoreError,
    audit::{self, Change},
    outbox::{self, NewCall, OwedCall},
    requests::{self, Begun, RequestKey},
};

use super::{CodeHash, Record, Store, codes, find, limits, transitions, transitions::Expired};
use crate::domain::{call, handoff::Delivery};

/// A handoff to be recorded.
pub(crate) struct NewHandoff {
    pub request: RequestKey,
    pub record: Record,
    pub codes: Vec<CodeHash>,
    pub sealed_access_info: Vec<u8>,
    pub trace_parent: String,
}

/// What became of it.
pub(crate) enum Created {
    /// It's recorded; these calls are to be made now.
    Done {
        record: Box<Record>,
        calls: Vec<OwedCall>,
        /// The session's handoff before, if its time was over.
        expired: Option<Box<Expired>>,
        /// Older handoffs that this one takes the place of.
        replaced: Vec<Record>,
    },
    /// The request was done before; this is its handoff.
    Repeated(Box<Record>),
    /// The request id was used with other content.
    RequestIdReused,
    /// The session has a live handoff already.
    InProgress,
    /// A code is taken: draw again.
    Collision,
}

impl Store {
    /// What is known of a request: the handoff it made.
    pub async fn made_by(&self, request: &RequestKey) -> Result<Option<Created>, StoreError> {
        let mut conn = self.database.read().await?;
        match requests::look_up(&mut conn, request).await? {
            None | Some(Begun::Fresh) => Ok(None),
            Some(Begun::Reused) => Ok(Some(Created::RequestIdReused)),
            Some(Begun::Done(id)) => repeated(&mut conn, &id).await.map(Some),
        }
    }

    /// Records a handoff, its codes and the calls it owes.
    pub async fn create(&self, new: NewHandoff) -> Result<Created, StoreError> {
        let this = self.clone();
        let created =
            self.database.write((this, new), |conn, (this, new)| Box::pin(create(conn, this, new))).await?;
        if let Created::Done { record, expired, replaced, .. } = &created {
            self.metrics.issued(&record.target_platform);
            expired.iter().for_each(|expired| self.count_expired(expired));
            replaced.iter().for_each(|replaced| self.count_end(Some(replaced)));
        }
        Ok(created)
    }
}

async fn create(conn: &mut Conn, store: &Store, new: &NewHandoff) -> Result<Created, StoreError> {
    let (record, now) = (&new.record, new.record.created_at);
    // Else two for one work order, on two replicas, would not see each other.
    limits::take_turn(conn).await?;
    match requests::begin(conn, &new.request, now).await? {
        Begun::Fresh => {}
        Begun::Reused => return Ok(Created::RequestIdReused),
        Begun::Done(id) => return repeated(conn, &id).await,
    }
    if !codes::are_free(conn, &new.codes).await? {
        requests::forget(conn, &new.request).await?;
        return Ok(Created::Collision);
    }
    let (platform, session) = (&record.source_platform, &record.source_session);
    let expired = transitions::expire_session(conn, store, platform, session, now).await?;
    if !insert(conn, record).await? {
        requests::forget(conn, &new.request).await?;
        return Ok(Created::InProgress);
    }
    let (replaced, releases) = transitions::replace_older(conn, store, record, now).await?;
    codes::insert(conn, &record.id, record.generation, &new.codes, now).await?;
    codes::put_access_info(conn, &record.id, record.generation, &new.sealed_access_info).await?;
    requests::finish(conn, &new.request, record.id.as_bytes()).await?;
    audit::append(conn, &issued(record).by(&new.request, now)).await?;
    let mut calls = owe_issue(conn, store, record, &new.trace_parent, now).await?;
    calls.extend(expired.as_ref().and_then(|expired| expired.release.clone()));
    calls.extend(releases);
    Ok(Created::Done { record: Box::new(record.clone()), calls, expired: expired.map(Box::new), replaced })
}

/// For the audit log: whose customer may go where with the new code.
pub(super) fn issued(record: &Record) -> Change {
    let bound = if record.target_account.is_empty() { "no" } else { "yes" };
    let generation = record.generation.to_string();
    Change {
        resource: format!("handoff/{}", record.id),
        old_value: String::new(),
        new_value: object(&[
            ("agent", &record.agent),
            ("source_platform", &record.source_platform),
            ("target_platform", &record.target_platform),
            ("bound", bound),
            ("generation", &generation),
        ]),
    }
}

/// Owes what follows from a new code: its registration, and its delivery if the source has an adapter.
pub(super) async fn owe_issue(
    conn: &mut Conn,
    store: &Store,
    record: &Record,
    trace_parent: &str,
    now_ms: i64,
) -> Result<Vec<OwedCall>, StoreError> {
    let call = |kind, lane| NewCall {
        lane,
        kind,
        subject: record.id.clone(),
        payload: record.generation.to_be_bytes().to_vec(),
        trace_parent: trace_parent.to_owned(),
    };
    let mut owed =
        vec![outbox::owe(conn, &call(call::REGISTER, record.lane()), now_ms, &store.random).await?];
    if record.delivery == Delivery::Pending {
        owed.push(
            outbox::owe(conn, &call(call::DELIVER, record.delivery_lane()), now_ms, &store.random).await?,
        );
    }
    Ok(owed.into_iter().flatten().collect())
}

async fn repeated(conn: &mut Conn, id: &[u8]) -> Result<Created, StoreError> {
    let id = std::str::from_utf8(id).map_err(|_| StoreError::Failed)?;
    let record = find(conn, id).await?.ok_or(StoreError::Failed)?;
    Ok(Created::Repeated(Box::new(record)))
}

/// False when the session has a live handoff.
async fn insert(conn: &mut Conn, r: &Record) -> Result<bool, StoreError> {
    let inserted = sqlx::query(
        "INSERT INTO handoffs (id, state, work_order, agent, source_platform, source_session, target_platform,
             target_account, delivery, generation, agent_policy, locale, ttl_ms, selection, remaining_work,
             redeem_request_id, redeem_hash, redeem_session, contact_id, contact_agent, contact_state, failure,
             created_at, updated_at, expires_at, strength, other_accounts)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
             '', '', '', '', '', 0, '', $16, $16, $17, $18, $19)
         ON CONFLICT DO NOTHING",
    )
    .bind(r.id.as_str())
    .bind(r.state.name())
    .bind(r.work_order.as_str())
    .bind(r.agent.as_str())
    .bind(r.source_platform.as_str())
    .bind(r.source_session.as_str())
    .bind(r.target_platform.as_str())
    .bind(r.target_account.as_str())
    .bind(r.delivery.name())
    .bind(i64::from(r.generation))
    .bind(i64::from(r.agent_policy))
    .bind(r.locale.tag())
    .bind(r.ttl_ms)
    .bind(r.selection.as_slice())
    .bind(r.remaining_work.as_slice())
    .bind(r.created_at)
    .bind(r.expires_at)
    .bind(r.strength.as_slice())
    .bind(r.other_accounts.as_str())
    .execute(conn)
    .await?;
    Ok(inserted.rows_affected() == 1)
}
