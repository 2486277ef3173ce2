//! What the tables say of what is over. Nothing changes about it any more.

use std::collections::BTreeSet;

use segue_store::{Conn, StoreError};
use sqlx::Row as _;

use super::{contacts, of_code, split_skills};
use crate::domain::{CodeHash, ContactId, EntryState, Name, Need, Past, PastContact, PastEntry, Stage};

/// Looks for what a command needs.
pub(crate) async fn find(conn: &mut Conn, needs: Vec<Need>) -> Result<Past, StoreError> {
    let mut past = Past::default();
    for need in needs {
        match need {
            Need::Contact(id) => {
                let found = contacts::get(conn, id).await?;
                past.contact = found.and_then(|stored| {
                    let is_handoff = stored.contact.is_handoff();
                    match stored.contact.stage {
                        Stage::Over { ending, agent } => Some(PastContact { ending, agent, is_handoff }),
                        _ => None,
                    }
                });
            }
            Need::Entry(handoff, code) => past.entry = entry(conn, &handoff, code.as_ref()).await?,
            Need::Source(agent, platform, session) => {
                past.source = source(conn, &agent, &platform, &session).await?;
            }
        }
    }
    Ok(past)
}

async fn entry(
    conn: &mut Conn,
    handoff: &str,
    code: Option<&CodeHash>,
) -> Result<Option<PastEntry>, StoreError> {
    let row = sqlx::query(
        "SELECT e.state, e.contact_id, e.target_platform, k.code_hash FROM service_list e
         LEFT JOIN service_list_codes k ON k.handoff_id = e.handoff_id AND k.code_hash = $2
         WHERE e.handoff_id = $1",
    )
    .bind(handoff)
    .bind(code.map_or("", |code| &*code.0))
    .fetch_optional(conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let (contact, target): (String, String) = (row.try_get("contact_id")?, row.try_get("target_platform")?);
    let has_code = row.try_get::<Option<String>, _>("code_hash")?.is_some();
    let state = of_code(EntryState::of_code(row.try_get("state")?))?;
    Ok(Some(PastEntry {
        contact: (state == EntryState::Admitted).then(|| contact.parse().ok()).flatten(),
        admits_to: has_code.then(|| target.into()),
    }))
}

async fn source(
    conn: &mut Conn,
    agent: &str,
    platform: &str,
    session: &str,
) -> Result<Option<(ContactId, BTreeSet<Name>)>, StoreError> {
    let row = sqlx::query(
        "SELECT c.id, c.skills FROM contacts c
         WHERE c.platform = $2 AND c.session = $3 AND c.agent = $1 AND c.closed_at > 0
         ORDER BY c.id DESC LIMIT 1",
    )
    .bind(agent)
    .bind(platform)
    .bind(session)
    .fetch_optional(conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let (id, skills): (String, String) = (row.try_get("id")?, row.try_get("skills")?);
    Ok(Some((id.parse().map_err(|_| StoreError::Failed)?, split_skills(&skills))))
}
