//! What stands for a while: back-offs and wrap-ups.

use segue_store::{
    Conn,
    Kind::{Int, Text},
    Rows, StoreError,
};
use sqlx::Row as _;

use crate::domain::{ContactId, Name, WrapUp};

/// Writes until when agents are not offered contacts again; none ends that.
pub(crate) async fn put_back_offs(
    conn: &mut Conn,
    back_offs: &[(ContactId, Name, Option<i64>)],
) -> Result<(), StoreError> {
    let mut begun = Rows::new(&[("contact_id", Text), ("agent", Text), ("until_at", Int)]);
    let mut ended = Rows::new(&[("contact_id", Text), ("agent", Text)]);
    for (contact, agent, until) in back_offs {
        let key = [contact.to_string().into(), (**agent).into()];
        match until {
            Some(until) => {
                let [contact, agent] = key;
                begun.push([contact, agent, (*until).into()]);
            }
            None => ended.push(key),
        }
    }
    begun
        .execute(
            conn,
            "INSERT INTO back_offs (contact_id, agent, until_at)
             SELECT contact_id, agent, until_at FROM v WHERE contact_id IS NOT NULL
             ON CONFLICT (contact_id, agent) DO UPDATE SET until_at = excluded.until_at",
        )
        .await?;
    let delete = "DELETE FROM back_offs WHERE (contact_id, agent) IN (SELECT contact_id, agent FROM v)";
    ended.execute(conn, delete).await?;
    Ok(())
}

/// Writes wrap-ups; none ends one.
pub(crate) async fn put_wrap_ups(
    conn: &mut Conn,
    wrap_ups: &[(ContactId, Option<WrapUp>)],
) -> Result<(), StoreError> {
    let mut begun = Rows::new(&[("contact_id", Text), ("agent", Text), ("units", Int), ("until_at", Int)]);
    let mut ended = Rows::new(&[("contact_id", Text)]);
    for (contact, wrap_up) in wrap_ups {
        match wrap_up {
            Some(WrapUp { agent, units, until }) => {
                begun.push([contact.to_string().into(), (**agent).into(), (*units).into(), (*until).into()]);
            }
            None => ended.push([contact.to_string().into()]),
        }
    }
    begun
        .execute(
            conn,
            "INSERT INTO wrap_ups (contact_id, agent, units, until_at)
             SELECT contact_id, agent, units, until_at FROM v WHERE contact_id IS NOT NULL
             ON CONFLICT (contact_id) DO UPDATE SET agent = excluded.agent, units = excluded.units,
                                                    until_at = excluded.until_at",
        )
        .await?;
    ended.execute(conn, "DELETE FROM wrap_ups WHERE contact_id IN (SELECT contact_id FROM v)").await?;
    Ok(())
}

/// All back-offs.
pub(crate) async fn back_offs(conn: &mut Conn) -> Result<Vec<(ContactId, Name, i64)>, StoreError> {
    let rows = sqlx::query("SELECT contact_id, agent, until_at FROM back_offs").fetch_all(conn).await?;
    rows.iter()
        .map(|row| {
            let (contact, agent): (String, String) = (row.try_get("contact_id")?, row.try_get("agent")?);
            let contact = contact.parse().map_err(|_| StoreError::Failed)?;
            Ok((contact, agent.into(), row.try_get("until_at")?))
        })
        .collect()
}

/// All wrap-ups.
pub(crate) async fn wrap_ups(conn: &mut Conn) -> Result<Vec<(ContactId, WrapUp)>, StoreError> {
    let rows = sqlx::query("SELECT contact_id, agent, units, until_at FROM wrap_ups").fetch_all(conn).await?;
    rows.iter()
        .map(|row| {
            let (contact, agent): (String, String) = (row.try_get("contact_id")?, row.try_get("agent")?);
            let contact = contact.parse().map_err(|_| StoreError::Failed)?;
            let (units, until) = (row.try_get("units")?, row.try_get("until_at")?);
            Ok((contact, WrapUp { agent: agent.into(), units, until }))
        })
        .collect()
}
