use segue_store::{
    Conn, StoreError, audit,
    outbox::OwedCall,
    requests::{self, Begun, RequestKey},
};

use super::{
    CodeHash, Record, Store, codes,
    create::{issued, owe_issue},
    find, limits,
};
use crate::domain::{
    handoff::{Delivery, State},
    limits::Limits,
};

/// New codes for a handoff.
pub(crate) struct NewCodes {
    pub request: RequestKey,
    /// The handoff as it was read; it must not have changed since.
    pub before: Record,
    pub ttl_ms: i64,
    /// `CodeStrength`, encoded.
    pub strength: Vec<u8>,
    /// PENDING, or BY_AGENT without an adapter.
    pub delivery: Delivery,
    /// What guesses are limited to: a lock-out of the code's account is cleared.
    pub limits: Limits,
    pub codes: Vec<CodeHash>,
    pub sealed_access_info: Vec<u8>,
    pub trace_parent: String,
}

/// What became of them.
pub(crate) enum Reissued {
    /// They are the handoff's codes now; these calls are to be made.
    Done { record: Box<Record>, calls: Vec<OwedCall> },
    /// The request was done before.
    Repeated(Box<Record>),
    /// The request id was used with other content.
    RequestIdReused,
    /// The handoff is not ISSUED any more, or was reissued meanwhile.
    Changed,
    /// A code is taken: draw again.
    Collision,
}

impl Store {
    /// Replaces a handoff's codes; the old ones die in the same moment.
    pub async fn reissue(&self, new: NewCodes) -> Result<Reissued, StoreError> {
        let input = (self.clone(), new);
        self.database.write(input, |conn, (this, new)| Box::pin(reissue(conn, this, new))).await
    }
}

async fn reissue(conn: &mut Conn, store: &Store, new: &NewCodes) -> Result<Reissued, StoreError> {
    // A lock-out is read and cleared, which must not fall between the counts of redemptions.
    limits::take_turn(conn).await?;
    let now = store.now_ms();
    match requests::begin(conn, &new.request, now).await? {
        Begun::Fresh => {}
        Begun::Reused => return Ok(Reissued::RequestIdReused),
        Begun::Done(_) => {
            let record = find(conn, &new.before.id).await?.ok_or(StoreError::Failed)?;
            return Ok(Reissued::Repeated(Box::new(record)));
        }
    }
    if !codes::are_free(conn, &new.codes).await? {
        requests::forget(conn, &new.request).await?;
        return Ok(Reissued::Collision);
    }
    let Some(record) = next_generation(conn, new, now).await? else {
        requests::forget(conn, &new.request).await?;
        return Ok(Reissued::Changed);
    };
    for account in record.accounts() {
        limits::clear_lockout(conn, account, new.limits, now).await?;
    }
    codes::kill(conn, &record.id, now).await?;
    codes::insert(conn, &record.id, record.generation, &new.codes, now).await?;
    codes::put_access_info(conn, &record.id, record.generation, &new.sealed_access_info).await?;
    requests::finish(conn, &new.request, record.id.as_bytes()).await?;
    audit::append(conn, &issued(&record).by(&new.request, now)).await?;
    let calls = owe_issue(conn, store, &record, &new.trace_parent, now).await?;
    Ok(Reissued::Done { record: Box::new(record), calls })
}

async fn next_generation(conn: &mut Conn, new: &NewCodes, now_ms: i64) -> Result<Option<Record>, StoreError> {
    let row = sqlx::query(
        "UPDATE handoffs SET generation = generation + 1, delivery = $1, ttl_ms = $2, updated_at = $3, expires_at = $4,
             strength = $8
         WHERE id = $5 AND state = $6 AND expires_at > $3 AND generation = $7
         RETURNING *",
    )
    .bind(new.delivery.name())
    .bind(new.ttl_ms)
    .bind(now_ms)
    .bind(now_ms + new.ttl_ms)
    .bind(new.before.id.as_str())
    .bind(State::Issued.name())
    .bind(i64::from(new.before.generation))
    .bind(new.strength.as_slice())
    .fetch_optional(conn)
    .await?;
    row.as_ref().map(super::record::read).transpose()
}
