use std::time::Duration;

use segue_store::{
    Conn, StoreError,
    outbox::{self, NewCall, OwedCall},
};

use super::{
    Guessing, Record, Store, call, codes,
    limits::{self, Charged},
    record,
};
use crate::{
    domain::handoff::{Event, State},
    metrics::CodeFailure,
};

/// An attempt to redeem a code.
#[derive(Debug, Clone)]
pub(crate) struct Redemption {
    /// The request's id within its caller's ([`segue_core::CallerId::scoped`]).
    pub request: String,
    /// The codes that what was entered may stand for, each with the hashes it may be stored under: by key, bound and not.
    pub codes: Vec<Vec<String>>,
    /// Who is entering it.
    pub guessing: Guessing,
    pub platform: String,
    pub session: String,
    /// For how long the redemption can be taken back; 0 for never.
    pub revoke_grace_ms: i64,
    pub trace_parent: String,
}

/// What became of it.
pub(crate) enum Redeemed {
    /// This attempt won; the call is to be made now.
    Won { record: Box<Record>, admit: Option<OwedCall> },
    /// The same request won before.
    Repeated(Box<Record>),
    /// The request id redeemed another code, or elsewhere.
    RequestIdReused,
    /// No live code of this platform and account has any of the hashes.
    NotAccepted,
    /// Too many wrong codes before; nothing was looked up. The time until the next may be tried.
    TooManyAttempts(Duration),
}

impl Store {
    /// Redeems the code with any of the hashes, if it's live: one winner, whoever asks at the same time (I1).
    pub async fn redeem(&self, redemption: Redemption) -> Result<Redeemed, StoreError> {
        let redeemed = self.try_redeem(redemption).await?;
        match &redeemed {
            Redeemed::Won { record, .. } => self.metrics.redeemed(record.updated_at - record.created_at),
            Redeemed::NotAccepted => self.metrics.code_failed(CodeFailure::NotAccepted),
            Redeemed::TooManyAttempts(_) => self.metrics.code_failed(CodeFailure::TooManyAttempts),
            Redeemed::Repeated(_) | Redeemed::RequestIdReused => {}
        }
        Ok(redeemed)
    }

    async fn try_redeem(&self, redemption: Redemption) -> Result<Redeemed, StoreError> {
        if let Some(wait) = self.exhausted.wait(&redemption.guessing, self.now_ms())
            && redeemed_by(&mut *self.database.read().await?, &redemption.request).await?.is_none()
        {
            return Ok(Redeemed::TooManyAttempts(wait));
        }
        let input = (self.clone(), redemption);
        self.database.write(input, |conn, (this, redemption)| Box::pin(redeem(conn, this, redemption))).await
    }
}

async fn redeem(conn: &mut Conn, store: &Store, attempt: &Redemption) -> Result<Redeemed, StoreError> {
    limits::take_turn(conn).await?;
    if let Some(record) = redeemed_by(conn, &attempt.request).await? {
        let same = attempt.codes.iter().any(|hashes| hashes.contains(&record.redeem_hash))
            && record.target_platform == attempt.platform
            && record.redeem_session == attempt.session;
        return Ok(if same { Redeemed::Repeated(Box::new(record)) } else { Redeemed::RequestIdReused });
    }
    let now = store.now_ms();
    let charged = limits::charge(conn, store, &attempt.guessing, attempt.codes.len(), now).await?;
    let (guess, allowed) = match charged {
        Charged::Allowed { id, codes } => (id, codes),
        Charged::Wait { guesser, wait } => {
            store.exhausted.remember(guesser, wait, now);
            return Ok(Redeemed::TooManyAttempts(wait));
        }
    };
    for hash in attempt.codes.iter().take(allowed).flatten() {
        if let Some(record) = spend(conn, attempt, hash, now).await? {
            limits::refund(conn, &guess).await?;
            codes::kill(conn, &record.id, now).await?;
            let owed = NewCall {
                lane: record.lane(),
                kind: call::ADMIT,
                subject: record.id.clone(),
                payload: vec![],
                trace_parent: attempt.trace_parent.clone(),
            };
            let admit = outbox::owe(conn, &owed, now, &store.random).await?;
            return Ok(Redeemed::Won { record: Box::new(record), admit });
        }
    }
    limits::count_wrong(conn, &attempt.platform, allowed, now).await?;
    Ok(Redeemed::NotAccepted)
}

/// The guarded statement: only a live, unexpired code of this platform moves its handoff to REDEEMED.
async fn spend(
    conn: &mut Conn,
    attempt: &Redemption,
    hash: &str,
    now_ms: i64,
) -> Result<Option<Record>, StoreError> {
    let Ok(redeemed) = State::Issued.after(Event::Redeem) else { return Ok(None) };
    let row = sqlx::query(
        "UPDATE handoffs SET state = $1, redeem_request_id = $2, redeem_hash = $3, redeem_session = $4, updated_at = $5,
             revocable_until = CASE WHEN CAST($8 AS BIGINT) = 0 THEN 0 ELSE $5 + CAST($8 AS BIGINT) END
         WHERE state = $6 AND expires_at > $5 AND target_platform = $7
           AND id = (SELECT handoff_id FROM codes WHERE hash = $3 AND dead_at = 0)
           -- A reissue that commits while this waits for the row has made the next generation; PostgreSQL looks at the
           -- row again, but not at the code.
           AND generation = (SELECT generation FROM codes WHERE hash = $3 AND dead_at = 0)
         RETURNING *",
    )
    .bind(redeemed.name())
    .bind(attempt.request.as_str())
    .bind(hash)
    .bind(attempt.session.as_str())
    .bind(now_ms)
    .bind(State::Issued.name())
    .bind(attempt.platform.as_str())
    .bind(attempt.revoke_grace_ms)
    .fetch_optional(conn)
    .await?;
    row.as_ref().map(record::read).transpose()
}

async fn redeemed_by(conn: &mut Conn, request: &str) -> Result<Option<Record>, StoreError> {
    // Programs of before 0.2 stored the id alone.
    let id = request.rsplit('/').next().unwrap_or_default();
    let row =
        sqlx::query("SELECT * FROM handoffs WHERE redeem_request_id IN ($1, $2) AND redeem_request_id <> ''")
            .bind(request)
            .bind(id)
            .fetch_optional(conn)
            .await?;
    row.as_ref().map(record::read).transpose()
}
