use segue_store::{
    Conn,
    Kind::{self, Bytes, Int, Text},
    Rows, StoreError, Value, Writes,
};
use sqlx::{Row as _, any::AnyRow};

use crate::domain::{
    handoff::{
        Admission, Conversation, Delivery, Documents, Handoff, Redemption, Relayed, Stage, State, Target,
    },
    locale::Locale,
    turn::{NewHandoff, Rewritten},
};

/// Handoffs that the sweep ends in one turn.
const MOST_DUE: i64 = 100;

/// A handoff with what is only kept of it.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub handoff: Handoff,
    pub documents: Documents,
}

/// Which handoffs to list.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    pub state: Option<State>,
    pub agent: String,
    /// Only those with a failure.
    pub failed_only: bool,
    /// Older than this one; empty: from the newest.
    pub before: String,
    pub limit: i64,
}

/// What is decided by, without what is only kept.
macro_rules! handoff_columns {
    () => {
        "h.id, h.state, h.work_order, h.agent, h.source_platform, h.source_session, h.target_platform, h.target_account,
         h.other_accounts, h.delivery, h.generation, h.agent_policy, h.locale, h.ttl_ms, h.redeem_request_id, h.redeem_hash,
         h.redeem_session, h.contact_id, h.contact_agent, h.contact_state, h.failure, h.revocable_until, h.created_at,
         h.updated_at, h.expires_at"
    };
}
pub(super) use handoff_columns;

/// The handoff with this id.
pub(crate) async fn find(conn: &mut Conn, id: &str) -> Result<Option<Stored>, StoreError> {
    let row = sqlx::query("SELECT * FROM handoffs WHERE id = $1").bind(id).fetch_optional(conn).await?;
    row.as_ref().map(stored).transpose()
}

/// Handoffs, newest first.
pub(crate) async fn list(conn: &mut Conn, filter: &Filter, now_ms: i64) -> Result<Vec<Stored>, StoreError> {
    // By the time now rather than by the sweep, like every other answer.
    let rows = sqlx::query(
        "SELECT * FROM handoffs
         WHERE ($1 = '' OR agent = $1) AND ($2 = '' OR id < $2)
           AND ($3 = '' OR CASE WHEN state = 'ISSUED' AND expires_at <= $4 THEN 'EXPIRED' ELSE state END = $3)
           AND ($6 = 0 OR failure <> '')
         ORDER BY id DESC LIMIT $5",
    )
    .bind(filter.agent.as_str())
    .bind(filter.before.as_str())
    .bind(filter.state.map_or("", State::name))
    .bind(now_ms)
    .bind(filter.limit)
    .bind(i64::from(filter.failed_only))
    .fetch_all(conn)
    .await?;
    rows.iter().map(stored).collect()
}

/// Handoffs whose code was not entered in time.
pub(crate) async fn due(conn: &mut Conn, now_ms: i64) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query(
        "SELECT id FROM handoffs WHERE state = 'ISSUED' AND expires_at <= $1 ORDER BY expires_at LIMIT $2",
    )
    .bind(now_ms)
    .bind(MOST_DUE)
    .fetch_all(conn)
    .await?;
    rows.iter().map(|row| Ok(row.try_get("id")?)).collect()
}

const NEW: &[(&str, Kind)] = &[
    ("id", Text),
    ("state", Text),
    ("work_order", Text),
    ("agent", Text),
    ("source_platform", Text),
    ("source_session", Text),
    ("target_platform", Text),
    ("target_account", Text),
    ("other_accounts", Text),
    ("delivery", Text),
    ("generation", Int),
    ("agent_policy", Int),
    ("locale", Text),
    ("ttl_ms", Int),
    ("selection", Bytes),
    ("remaining_work", Bytes),
    ("strength", Bytes),
    ("redeem_request_id", Text),
    ("redeem_hash", Text),
    ("redeem_session", Text),
    ("revocable_until", Int),
    ("created_at", Int),
    ("updated_at", Int),
    ("expires_at", Int),
];

/// Inserts handoffs. One may have been redeemed in the turn that it is made in, and is admitted in a later one.
pub(super) fn insert(writes: &mut Writes, new: &[NewHandoff<'_>]) {
    let mut rows = Rows::new(NEW);
    for NewHandoff { handoff: h, documents } in new {
        let [target_account, other_accounts] = account_columns(&h.target);
        let [request, hash, session, revocable_until] = redemption_columns(&h.stage);
        rows.push([
            h.id.as_str().into(),
            h.state().name().into(),
            h.work_order.as_str().into(),
            h.agent.as_str().into(),
            h.source.platform.as_str().into(),
            h.source.session.as_str().into(),
            h.target.platform.as_str().into(),
            target_account,
            other_accounts,
            h.delivery.name().into(),
            i64::from(h.generation).into(),
            i64::from(h.agent_policy.0).into(),
            h.locale.tag().into(),
            h.ttl_ms.into(),
            documents.selection.clone().into(),
            documents.remaining_work.clone().into(),
            documents.strength.clone().into(),
            request,
            hash,
            session,
            revocable_until,
            h.created_at.into(),
            h.updated_at.into(),
            h.expires_at.into(),
        ]);
    }
    writes.add(
        rows,
        "INSERT INTO handoffs (id, state, work_order, agent, source_platform, source_session, target_platform, target_account,
             other_accounts, delivery, generation, agent_policy, locale, ttl_ms, selection, remaining_work, strength,
             redeem_request_id, redeem_hash, redeem_session, revocable_until, created_at, updated_at, expires_at,
             contact_id, contact_agent, contact_state, failure)
         SELECT id, state, work_order, agent, source_platform, source_session, target_platform, target_account,
             other_accounts, delivery, generation, agent_policy, locale, ttl_ms, selection, remaining_work, strength,
             redeem_request_id, redeem_hash, redeem_session, revocable_until, created_at, updated_at, expires_at,
             '', '', 0, ''
         FROM v WHERE id IS NOT NULL",
    );
}

const REWRITTEN: &[(&str, Kind)] = &[
    ("id", Text),
    ("was_state", Text),
    ("was_generation", Int),
    ("was_updated_at", Int),
    ("state", Text),
    ("delivery", Text),
    ("generation", Int),
    ("ttl_ms", Int),
    ("strength", Bytes),
    ("redeem_request_id", Text),
    ("redeem_hash", Text),
    ("redeem_session", Text),
    ("revocable_until", Int),
    ("contact_id", Text),
    ("contact_agent", Text),
    ("contact_state", Int),
    ("failure", Text),
    ("updated_at", Int),
    ("expires_at", Int),
];

/// Writes handoffs that have changed, all of them or none. They are found by their ids: with few or no statistics PostgreSQL would look
/// for their states first, if these were compared as they stand in an index.
pub(super) fn rewrite(writes: &mut Writes, rewritten: &[Rewritten<'_>]) {
    let mut rows = Rows::new(REWRITTEN);
    for Rewritten { was, handoff: h, strength } in rewritten {
        let [request, hash, session, revocable_until] = redemption_columns(&h.stage);
        let (contact, agent, contact_state) = match h.stage.admission() {
            Some(admission) => {
                (admission.contact.as_str(), admission.agent.as_str(), admission.contact_state.0)
            }
            None => ("", "", 0),
        };
        rows.push([
            h.id.as_str().into(),
            was.state.name().into(),
            i64::from(was.generation).into(),
            was.updated_at.into(),
            h.state().name().into(),
            h.delivery.name().into(),
            i64::from(h.generation).into(),
            h.ttl_ms.into(),
            strength.map(<[u8]>::to_vec).into(),
            request,
            hash,
            session,
            revocable_until,
            contact.into(),
            agent.into(),
            i64::from(contact_state).into(),
            h.failure.as_deref().unwrap_or_default().into(),
            h.updated_at.into(),
            h.expires_at.into(),
        ]);
    }
    writes.change_each(
        rows,
        "UPDATE handoffs SET state = v.state, delivery = v.delivery, generation = v.generation, ttl_ms = v.ttl_ms,
             strength = COALESCE(v.strength, handoffs.strength), redeem_request_id = v.redeem_request_id,
             redeem_hash = v.redeem_hash, redeem_session = v.redeem_session, revocable_until = v.revocable_until,
             contact_id = v.contact_id, contact_agent = v.contact_agent, contact_state = v.contact_state,
             failure = v.failure, updated_at = v.updated_at, expires_at = v.expires_at
         FROM v WHERE handoffs.id = v.id AND handoffs.state || '' = v.was_state AND handoffs.generation = v.was_generation
             AND handoffs.updated_at = v.was_updated_at",
    );
}

/// The first account stands in a column of its own, where programs of before 0.2 look for it.
fn account_columns(target: &Target) -> [Value; 2] {
    let (first, others) = match target.accounts.split_first() {
        Some((first, others)) => (first.as_str(), others.join(" ")),
        None => ("", String::new()),
    };
    [first.into(), others.into()]
}

fn redemption_columns(stage: &Stage) -> [Value; 4] {
    match stage.redemption() {
        Some(Redemption { request, hash, session, revocable_until }) => [
            request.as_str().into(),
            hash.as_str().into(),
            session.as_str().into(),
            revocable_until.unwrap_or_default().into(),
        ],
        None => ["".into(), "".into(), "".into(), 0_i64.into()],
    }
}

fn stored(row: &AnyRow) -> Result<Stored, StoreError> {
    let documents = Documents {
        selection: row.try_get("selection")?,
        remaining_work: row.try_get("remaining_work")?,
        strength: row.try_get("strength")?,
    };
    Ok(Stored { handoff: read(row)?, documents })
}

pub(super) fn read(row: &AnyRow) -> Result<Handoff, StoreError> {
    let text = |name: &str| row.try_get::<String, _>(name);
    let number = |name: &str| row.try_get::<i64, _>(name);
    let small = |name: &str| -> Result<i32, StoreError> {
        i32::try_from(row.try_get::<i64, _>(name)?).map_err(|_| StoreError::Failed)
    };
    let accounts = format!("{} {}", text("target_account")?, text("other_accounts")?);
    Ok(Handoff {
        id: text("id")?,
        work_order: text("work_order")?,
        agent: text("agent")?,
        source: Conversation { platform: text("source_platform")?, session: text("source_session")? },
        target: Target {
            platform: text("target_platform")?,
            accounts: accounts.split_whitespace().map(str::to_owned).collect(),
        },
        delivery: Delivery::parse(&text("delivery")?).ok_or(StoreError::Failed)?,
        generation: small("generation")?,
        agent_policy: Relayed(small("agent_policy")?),
        locale: Locale::parse(&text("locale")?).ok_or(StoreError::Failed)?,
        ttl_ms: number("ttl_ms")?,
        stage: stage(row)?,
        failure: Some(text("failure")?).filter(|failure| !failure.is_empty()),
        created_at: number("created_at")?,
        updated_at: number("updated_at")?,
        expires_at: number("expires_at")?,
    })
}

fn stage(row: &AnyRow) -> Result<Stage, StoreError> {
    let state = State::parse(&row.try_get::<String, _>("state")?).ok_or(StoreError::Failed)?;
    let redemption = || -> Result<Redemption, StoreError> {
        Ok(Redemption {
            request: row.try_get("redeem_request_id")?,
            hash: row.try_get("redeem_hash")?,
            session: row.try_get("redeem_session")?,
            revocable_until: Some(row.try_get("revocable_until")?).filter(|until| *until > 0),
        })
    };
    let admission = || -> Result<Admission, StoreError> {
        let contact_state = row.try_get::<i64, _>("contact_state")?;
        Ok(Admission {
            contact: row.try_get("contact_id")?,
            agent: row.try_get("contact_agent")?,
            contact_state: Relayed(i32::try_from(contact_state).map_err(|_| StoreError::Failed)?),
        })
    };
    Ok(match state {
        State::Issued => Stage::Issued,
        State::Redeemed => Stage::Redeemed(redemption()?),
        State::Admitted => Stage::Admitted(redemption()?, admission()?),
        State::Switched => Stage::Switched(redemption()?, admission()?),
        State::Expired => Stage::Expired,
        State::Cancelled => Stage::Cancelled,
        State::Failed => Stage::Failed(redemption()?),
        State::Revoked => Stage::Revoked(redemption()?, admission()?),
    })
}
