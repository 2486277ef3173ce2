//! The customer-service list. Handoffs that are over keep the hashes of their codes, so that a repeated admission finds its entry
//! also when the code was drawn again.

use std::collections::BTreeMap;

use segue_store::{
    Conn,
    Kind::{self, Bytes, Int, Text},
    Rows, StoreError,
};
use sqlx::{Row as _, any::AnyRow};

use super::{join_skills, of_code, split_skills};
use crate::domain::{CodeHash, ContactId, Entry, EntryState, Hold, Name};

/// A row of the list as it is shown. The codes' hashes never leave the store.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub handoff: String,
    pub state: EntryState,
    pub work_order: String,
    pub agent: String,
    pub source_platform: String,
    pub source_session: String,
    pub target_platform: String,
    pub hold_units: i64,
    pub hold_until: i64,
    pub expires_at: i64,
    pub contact: String,
    pub created_at: i64,
}

/// What a row keeps and nothing is decided by.
#[derive(Debug, Clone, Default)]
pub(crate) struct Texts {
    pub work_order: String,
    /// The remaining work, encoded as the contract's message.
    pub remaining_work: Vec<u8>,
}

/// A live entry for its row.
#[derive(Debug)]
pub(crate) struct Live<'e> {
    pub handoff: Name,
    pub entry: Entry,
    /// For a row that is made.
    pub texts: Option<&'e Texts>,
    pub now_ms: i64,
}

/// An entry that has ended.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    pub handoff: Name,
    /// The contact of one that was admitted.
    pub contact: Option<ContactId>,
    pub at_ms: i64,
}

macro_rules! entry_columns {
    () => {
        "e.handoff_id, e.state, e.work_order, e.agent, e.source_platform, e.source_session, e.target_platform,
         e.hold_units, e.hold_until, e.expires_at, e.contact_id, e.created_at"
    };
}

const LIVE: &[(&str, Kind)] = &[
    ("handoff_id", Text),
    ("generation", Int),
    ("work_order", Text),
    ("agent", Text),
    ("source_platform", Text),
    ("source_session", Text),
    ("source_contact", Text),
    ("source_skills", Text),
    ("target_platform", Text),
    ("cost_units", Int),
    ("hold_units", Int),
    ("hold_until", Int),
    ("remaining_work", Bytes),
    ("same_agent_only", Int),
    ("expires_at", Int),
    ("now", Int),
];

/// Writes live entries.
pub(crate) async fn put_live(conn: &mut Conn, entries: &[Live<'_>]) -> Result<(), StoreError> {
    let mut rows = Rows::new(LIVE);
    let nothing = Texts::default();
    for Live { handoff, entry, texts, now_ms } in entries {
        let texts = texts.unwrap_or(&nothing);
        let hold = entry.hold.unwrap_or(Hold { units: 0, until: 0 });
        rows.push([
            (**handoff).into(),
            entry.generation.into(),
            texts.work_order.as_str().into(),
            (*entry.agent).into(),
            (*entry.source_platform).into(),
            (*entry.source_session).into(),
            entry.source.map(|source| source.to_string()).unwrap_or_default().into(),
            entry.source_skills.as_ref().map(join_skills).into(),
            (*entry.target_platform).into(),
            entry.cost_units.into(),
            hold.units.into(),
            hold.until.into(),
            texts.remaining_work.clone().into(),
            entry.same_agent_only.into(),
            entry.expires_at.into(),
            (*now_ms).into(),
        ]);
    }
    rows.execute(
        conn,
        "INSERT INTO service_list (handoff_id, generation, state, work_order, agent, source_platform,
                                   source_session, source_contact, source_skills, target_platform, cost_units,
                                   hold_units, hold_until, remaining_work, same_agent_only, expires_at,
                                   contact_id, created_at, closed_at)
         SELECT handoff_id, generation, 1, work_order, agent, source_platform, source_session, source_contact,
                source_skills, target_platform, cost_units, hold_units, hold_until, remaining_work,
                same_agent_only, expires_at, '', now, 0
         FROM v WHERE handoff_id IS NOT NULL
         ON CONFLICT (handoff_id) DO UPDATE SET
             generation = excluded.generation, source_session = excluded.source_session,
             source_contact = excluded.source_contact, source_skills = excluded.source_skills,
             cost_units = excluded.cost_units, hold_units = excluded.hold_units,
             hold_until = excluded.hold_until, expires_at = excluded.expires_at",
    )
    .await?;
    Ok(())
}

/// Ends entries. One that was never put leaves a tombstone.
pub(crate) async fn put_ended(conn: &mut Conn, entries: &[Ended]) -> Result<(), StoreError> {
    let mut rows = Rows::new(&[
        ("handoff_id", Text),
        ("state", Int),
        ("contact_id", Text),
        ("at", Int),
        ("remaining_work", Bytes),
    ]);
    for Ended { handoff, contact, at_ms } in entries {
        let state = if contact.is_some() { EntryState::Admitted } else { EntryState::Released };
        let contact = contact.map(|contact| contact.to_string()).unwrap_or_default();
        rows.push([(**handoff).into(), state.code().into(), contact.into(), (*at_ms).into(), vec![].into()]);
    }
    rows.execute(
        conn,
        "INSERT INTO service_list (handoff_id, generation, state, work_order, agent, source_platform,
                                   source_session, target_platform, cost_units, hold_units, hold_until,
                                   remaining_work, same_agent_only, expires_at, contact_id, created_at, closed_at)
         SELECT handoff_id, 0, state, '', '', '', '', '', 0, 0, 0, remaining_work, 0, 0, contact_id, at, at
         FROM v WHERE handoff_id IS NOT NULL
         ON CONFLICT (handoff_id) DO UPDATE SET
             state = excluded.state, hold_units = 0, contact_id = excluded.contact_id,
             closed_at = excluded.closed_at",
    )
    .await?;
    Ok(())
}

/// Replaces the code hashes of handoffs.
pub(crate) async fn set_codes(
    conn: &mut Conn,
    codes: &BTreeMap<Name, Vec<CodeHash>>,
) -> Result<(), StoreError> {
    let mut handoffs = Rows::new(&[("handoff_id", Text)]);
    let mut hashes = Rows::new(&[("handoff_id", Text), ("code_hash", Text)]);
    for (handoff, codes) in codes {
        handoffs.push([(**handoff).into()]);
        for code in codes {
            hashes.push([(**handoff).into(), (*code.0).into()]);
        }
    }
    let delete = "DELETE FROM service_list_codes WHERE handoff_id IN (SELECT handoff_id FROM v)";
    handoffs.execute(conn, delete).await?;
    let insert = "INSERT INTO service_list_codes (code_hash, handoff_id)
                  SELECT code_hash, handoff_id FROM v WHERE handoff_id IS NOT NULL";
    hashes.execute(conn, insert).await?;
    Ok(())
}

/// Entries by their handoffs.
pub(crate) async fn of_handoffs(
    conn: &mut Conn,
    handoffs: impl Iterator<Item = Name>,
) -> Result<Vec<Stored>, StoreError> {
    let mut rows = Rows::new(&[("handoff_id", Text)]);
    for handoff in handoffs {
        rows.push([(*handoff).into()]);
    }
    let select =
        concat!("SELECT ", entry_columns!(), " FROM v JOIN service_list e ON e.handoff_id = v.handoff_id");
    rows.fetch(conn, select).await?.iter().map(stored).collect()
}

/// All live entries.
pub(crate) async fn live(conn: &mut Conn) -> Result<Vec<(Name, Entry)>, StoreError> {
    let mut codes: BTreeMap<String, Vec<CodeHash>> = BTreeMap::new();
    let select = "SELECT k.handoff_id, k.code_hash FROM service_list e
                  JOIN service_list_codes k ON k.handoff_id = e.handoff_id WHERE e.state = 1
                  ORDER BY k.handoff_id, k.code_hash";
    for row in sqlx::query(select).fetch_all(&mut *conn).await? {
        let hash: String = row.try_get("code_hash")?;
        codes.entry(row.try_get("handoff_id")?).or_default().push(CodeHash(hash.into()));
    }
    let select = "SELECT e.handoff_id, e.generation, e.agent, e.source_platform, e.source_session,
                         e.source_contact, e.source_skills, e.target_platform, e.cost_units, e.hold_units,
                         e.hold_until, e.same_agent_only, e.expires_at
                  FROM service_list e WHERE e.state = 1";
    let rows = sqlx::query(select).fetch_all(conn).await?;
    rows.iter()
        .map(|row| {
            let handoff: String = row.try_get("handoff_id")?;
            let codes = codes.remove(&handoff).unwrap_or_default();
            Ok((handoff.into(), entry(row, codes)?))
        })
        .collect()
}

fn entry(row: &AnyRow, codes: Vec<CodeHash>) -> Result<Entry, StoreError> {
    let text = |column: &str| row.try_get::<String, _>(column).map(Name::from).map_err(StoreError::from);
    let (units, until): (i64, i64) = (row.try_get("hold_units")?, row.try_get("hold_until")?);
    let source_skills: Option<String> = row.try_get("source_skills")?;
    Ok(Entry {
        generation: row.try_get("generation")?,
        agent: text("agent")?,
        source_platform: text("source_platform")?,
        source_session: text("source_session")?,
        source: text("source_contact")?.parse().ok(),
        source_skills: source_skills.as_deref().map(split_skills),
        target_platform: text("target_platform")?,
        cost_units: row.try_get("cost_units")?,
        hold: (until > 0).then_some(Hold { units, until }),
        same_agent_only: row.try_get::<i64, _>("same_agent_only")? != 0,
        expires_at: row.try_get("expires_at")?,
        codes,
    })
}

/// Entries newest first, before one; state 0 is any, an empty agent too.
pub(crate) async fn list(
    conn: &mut Conn,
    state: i64,
    agent: &str,
    before: Option<(i64, &str)>,
    limit: i64,
) -> Result<Vec<Stored>, StoreError> {
    let (created_at, handoff_id) = before.unwrap_or((i64::MAX, ""));
    let rows = sqlx::query(concat!(
        "SELECT ",
        entry_columns!(),
        " FROM service_list e WHERE (e.created_at, e.handoff_id) < ($1, $2)
           AND ($3 = CAST(0 AS BIGINT) OR e.state = $3) AND ($4 = CAST('' AS TEXT) OR e.agent = $4)
         ORDER BY e.created_at DESC, e.handoff_id DESC LIMIT $5"
    ))
    .bind(created_at)
    .bind(handoff_id)
    .bind(state)
    .bind(agent)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    rows.iter().map(stored).collect()
}

fn stored(row: &AnyRow) -> Result<Stored, StoreError> {
    Ok(Stored {
        handoff: row.try_get("handoff_id")?,
        state: of_code(EntryState::of_code(row.try_get("state")?))?,
        work_order: row.try_get("work_order")?,
        agent: row.try_get("agent")?,
        source_platform: row.try_get("source_platform")?,
        source_session: row.try_get("source_session")?,
        target_platform: row.try_get("target_platform")?,
        hold_units: row.try_get("hold_units")?,
        hold_until: row.try_get("hold_until")?,
        expires_at: row.try_get("expires_at")?,
        contact: row.try_get("contact_id")?,
        created_at: row.try_get("created_at")?,
    })
}
