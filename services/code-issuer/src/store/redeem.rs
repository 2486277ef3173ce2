use std::time::Duration;

use segue_core::CallerId;
use segue_store::{
    Conn, StoreError,
    audit::{self, Change, DONE, Entry},
    outbox::{self, NewCall, OwedCall},
};
use sqlx::Row as _;

use super::{
    Guessing, Record, Store, codes,
    limits::{self, Allowance, Charged},
    record::{self, moved},
    totals,
};
use crate::{
    domain::{
        call,
        handoff::{Event, State},
    },
    metrics::CodeFailure,
};

/// An attempt to redeem a code.
#[derive(Debug, Clone)]
pub(crate) struct Redemption {
    /// The request's id within its caller's ([`segue_core::CallerId::scoped`]).
    pub request: String,
    /// Who asks, for the audit log.
    pub caller: CallerId,
    /// The codes that what was entered may stand for.
    pub codes: Vec<Candidate>,
    /// Who is entering it.
    pub guessing: Guessing,
    pub platform: String,
    pub session: String,
    /// For how long the redemption can be taken back; 0 for never.
    pub revoke_grace_ms: i64,
    pub trace_parent: String,
}

/// A code that may have been entered, by the hashes that it may be stored under, one for each key.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    /// As a code for whoever has it.
    pub unbound: Vec<String>,
    /// As one that is bound to the account that is named.
    pub bound: Vec<String>,
}

impl Candidate {
    fn hashes(&self) -> impl Iterator<Item = &String> {
        self.unbound.iter().chain(&self.bound)
    }
}

impl Redemption {
    /// The hashes that may be looked up.
    fn allowed(&self, allowance: Allowance) -> impl Iterator<Item = &String> {
        let also_unbound = allowance.bound_only.is_none();
        self.codes.iter().take(allowance.codes).flat_map(move |code| {
            let unbound = if also_unbound { code.unbound.as_slice() } else { &[] };
            unbound.iter().chain(&code.bound)
        })
    }
}

/// What became of it.
pub(crate) enum Redeemed {
    /// This attempt won; the call is to be made now.
    Won { record: Box<Record>, admit: Option<OwedCall> },
    /// The same request, or the same conversation with the same code, won before.
    Repeated(Box<Record>),
    /// The request id redeemed another code, or elsewhere.
    RequestIdReused,
    /// The code was this account's, and is none any more.
    Dead { record: Box<Record>, code: DeadCode },
    /// No live code of this platform and account has any of the hashes.
    NotAccepted,
    /// Too many wrong codes before; nothing was looked up. The time until the next may be tried.
    TooManyAttempts(Duration),
}

/// Why a code that was bound to the account doesn't work. Its owner is told; it opens nothing, so it's no guess either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeadCode {
    /// The agent has issued another one for the same handoff.
    Replaced,
    /// Somebody who is signed in to the account has entered it, in another conversation.
    AlreadyUsed,
    /// The agent has cancelled the handoff, or replaced it with a newer one.
    Cancelled,
    /// Its time is over.
    Expired,
    /// More wrong codes were tried under its account than it bears, by those who only claim it.
    Retired,
}

impl Store {
    /// Redeems the code with any of the hashes, if it's live: one winner, whoever asks at the same time (I1).
    pub async fn redeem(&self, redemption: Redemption) -> Result<Redeemed, StoreError> {
        let redeemed = self.try_redeem(redemption).await?;
        match &redeemed {
            Redeemed::Won { record, .. } => self.metrics.redeemed(record.updated_at - record.created_at),
            Redeemed::Dead { .. } => self.metrics.code_failed(CodeFailure::Dead),
            Redeemed::NotAccepted => self.metrics.code_failed(CodeFailure::NotAccepted),
            Redeemed::TooManyAttempts(_) => self.metrics.code_failed(CodeFailure::TooManyAttempts),
            Redeemed::Repeated(_) | Redeemed::RequestIdReused => {}
        }
        Ok(redeemed)
    }

    async fn try_redeem(&self, redemption: Redemption) -> Result<Redeemed, StoreError> {
        if let Some(wait) = self.still_exhausted(&redemption.guessing).await? {
            let mut conn = self.database.read().await?;
            if redeemed_by(&mut conn, &redemption.request).await?.is_none() {
                let won = won_here(&mut conn, &redemption).await?;
                return Ok(won.map_or(Redeemed::TooManyAttempts(wait), Redeemed::Repeated));
            }
        }
        let input = (self.clone(), redemption);
        self.database.write(input, |conn, (this, redemption)| Box::pin(redeem(conn, this, redemption))).await
    }
}

async fn redeem(conn: &mut Conn, store: &Store, attempt: &Redemption) -> Result<Redeemed, StoreError> {
    limits::take_turn(conn).await?;
    if let Some(record) = redeemed_by(conn, &attempt.request).await? {
        let same = attempt.codes.iter().flat_map(Candidate::hashes).any(|hash| *hash == record.redeem_hash)
            && record.target_platform == attempt.platform
            && record.redeem_session == attempt.session;
        return Ok(if same { Redeemed::Repeated(Box::new(record)) } else { Redeemed::RequestIdReused });
    }
    let now = store.now_ms();
    let charged = limits::charge(conn, store, &attempt.guessing, attempt.codes.len(), now).await?;
    let (guess, allowance) = match charged {
        Charged::Allowed { id, allowance } => (id, allowance),
        Charged::Wait { guesser, wait } => {
            store.exhausted.remember(guesser, wait, now);
            let won = won_here(conn, attempt).await?;
            return Ok(won.map_or(Redeemed::TooManyAttempts(wait), Redeemed::Repeated));
        }
    };
    for hash in attempt.allowed(allowance) {
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
            audit::append(conn, &attempt.entry(&record, now)).await?;
            return Ok(Redeemed::Won { record: Box::new(record), admit });
        }
    }
    if let Some(known) = formerly(conn, attempt, allowance, now).await? {
        limits::refund(conn, &guess).await?;
        return Ok(known);
    }
    count_wrong(conn, attempt, allowance, now).await?;
    Ok(allowance.bound_only.map_or(Redeemed::NotAccepted, Redeemed::TooManyAttempts))
}

/// Counts a wrong code for what it was a guess at.
async fn count_wrong(
    conn: &mut Conn,
    attempt: &Redemption,
    allowance: Allowance,
    now_ms: i64,
) -> Result<(), StoreError> {
    let guessing = &attempt.guessing;
    if !guessing.guessable {
        return Ok(());
    }
    for account in &guessing.claimed {
        totals::count_wrong(conn, account, allowance.codes, now_ms).await?;
    }
    if allowance.bound_only.is_none() {
        totals::count_wrong(conn, &attempt.platform, allowance.codes, now_ms).await?;
        limits::count_shared(conn, guessing, allowance.codes, now_ms).await?;
    }
    Ok(())
}

impl Redemption {
    /// For the audit log.
    fn entry(&self, record: &Record, now_ms: i64) -> Entry {
        let Change { resource, old_value, new_value } = moved(State::Issued, record);
        let request_id = self.request.rsplit('/').next().unwrap_or_default().to_owned();
        Entry {
            at_ms: now_ms,
            subject: self.caller.subject().to_owned(),
            method: "RedeemCode".to_owned(),
            resource,
            request_id,
            outcome: DONE.to_owned(),
            occurrences: 1,
            old_value,
            new_value,
        }
    }
}

/// A code that was issued, living or dead.
struct KnownCode {
    handoff: Record,
    generation: i32,
    /// The request that redeemed the handoff, within its caller's; empty for none.
    redeem_request: String,
}

impl KnownCode {
    /// Whether the same caller redeemed the handoff for the same conversation, with any face of the code.
    fn was_won_by(&self, attempt: &Redemption) -> bool {
        let caller = |request: &str| request.rsplit_once('/').map(|(caller, _)| caller.to_owned());
        !self.redeem_request.is_empty()
            && caller(&self.redeem_request) == caller(&attempt.request)
            && self.generation == self.handoff.generation
            && self.handoff.target_platform == attempt.platform
            && self.handoff.redeem_session == attempt.session
    }

    /// Why it doesn't work; of no concern where anybody may have entered it.
    fn death(&self, now_ms: i64) -> Option<DeadCode> {
        match self.handoff.state_at(now_ms) {
            _ if self.handoff.target_account.is_empty() => None,
            _ if self.generation < self.handoff.generation => Some(DeadCode::Replaced),
            State::Redeemed | State::Admitted | State::Switched | State::Failed | State::Revoked => {
                Some(DeadCode::AlreadyUsed)
            }
            State::Cancelled => Some(DeadCode::Cancelled),
            State::Expired => Some(DeadCode::Expired),
            // It lives, and was refused all the same.
            State::Issued => Some(DeadCode::Retired),
        }
    }
}

/// The handoff that this conversation has redeemed with the code before, by whatever request: a reload, a second tap.
async fn won_here(conn: &mut Conn, attempt: &Redemption) -> Result<Option<Box<Record>>, StoreError> {
    for hash in attempt.codes.iter().flat_map(Candidate::hashes) {
        if let Some(known) = known_code(conn, hash).await?
            && known.was_won_by(attempt)
        {
            return Ok(Some(Box::new(known.handoff)));
        }
    }
    Ok(None)
}

/// What the code was, for those who may know: the conversation that redeemed it, and the account that it was bound to.
async fn formerly(
    conn: &mut Conn,
    attempt: &Redemption,
    allowance: Allowance,
    now_ms: i64,
) -> Result<Option<Redeemed>, StoreError> {
    for hash in attempt.allowed(allowance) {
        let Some(known) = known_code(conn, hash).await? else { continue };
        if known.was_won_by(attempt) {
            return Ok(Some(Redeemed::Repeated(Box::new(known.handoff))));
        }
        if let Some(code) = known.death(now_ms) {
            return Ok(Some(Redeemed::Dead { record: Box::new(known.handoff), code }));
        }
    }
    let won = if allowance.bound_only.is_some() { won_here(conn, attempt).await? } else { None };
    Ok(won.map(Redeemed::Repeated))
}

async fn known_code(conn: &mut Conn, hash: &str) -> Result<Option<KnownCode>, StoreError> {
    let row = sqlx::query(
        "SELECT h.*, c.generation AS code_generation FROM codes c JOIN handoffs h ON h.id = c.handoff_id
         WHERE c.hash = $1",
    )
    .bind(hash)
    .fetch_optional(conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(KnownCode {
        handoff: record::read(&row)?,
        generation: i32::try_from(row.try_get::<i64, _>("code_generation")?)
            .map_err(|_| StoreError::Failed)?,
        redeem_request: row.try_get("redeem_request_id")?,
    }))
}

/// The guarded statement: only a live, unexpired code of this platform moves its handoff to REDEEMED, and only while it bears the wrong
/// codes that were tried since it was issued. What others claim of an account doesn't keep its owner from a code that is bound to it.
async fn spend(
    conn: &mut Conn,
    attempt: &Redemption,
    hash: &str,
    now_ms: i64,
) -> Result<Option<Record>, StoreError> {
    let Ok(redeemed) = State::Issued.after(Event::Redeem) else { return Ok(None) };
    let row = sqlx::query(concat!(
        "UPDATE handoffs SET state = $1, redeem_request_id = $2, redeem_hash = $3, redeem_session = $4, updated_at = $5,
             revocable_until = CASE WHEN CAST($8 AS BIGINT) = 0 THEN 0 ELSE $5 + CAST($8 AS BIGINT) END
         WHERE state = $6 AND expires_at > $5 AND target_platform = $7
           AND id = (SELECT handoff_id FROM codes WHERE hash = $3 AND dead_at = 0)
           -- A reissue that commits while this waits for the row has made the next generation; PostgreSQL looks at the
           -- row again, but not at the code.
           AND generation = (SELECT generation FROM codes WHERE hash = $3 AND dead_at = 0)
           AND ((target_account <> '' AND CAST($9 AS BIGINT) = 1)
                OR EXISTS (SELECT 1 FROM codes c WHERE c.hash = $3 AND c.budget > ",
        totals::wrong_codes_since!(),
        "))
         RETURNING *",
    ))
    .bind(redeemed.name())
    .bind(attempt.request.as_str())
    .bind(hash)
    .bind(attempt.session.as_str())
    .bind(now_ms)
    .bind(State::Issued.name())
    .bind(attempt.platform.as_str())
    .bind(attempt.revoke_grace_ms)
    .bind(i64::from(attempt.guessing.vouched))
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
