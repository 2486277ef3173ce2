use segue_core::Secret;
use segue_store::{Conn, StoreError};
use sqlx::{Row as _, any::AnyRow};

use super::{Store, lock::OPEN};
use crate::domain::Admitted;

const CLOSED: &str = "closed";

/// A conversation to be stored.
pub(crate) struct NewSession {
    pub(crate) id: String,
    pub(crate) platform: String,
    /// What the customer's cookie holds.
    pub(crate) secret: Secret<String>,
    pub(crate) name: String,
    pub(crate) account: Secret<String>,
    pub(crate) contact_id: String,
}

/// A conversation.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) platform: String,
    pub(crate) open: bool,
    /// Empty once the conversation is over.
    pub(crate) name: Secret<String>,
    /// The account the customer is signed in as; empty: none.
    pub(crate) account: Secret<String>,
    pub(crate) contact_id: String,
    pub(crate) agent: String,
    pub(crate) work_order: String,
}

struct SealedSession {
    id: String,
    platform: String,
    secret_hash: String,
    name: Vec<u8>,
    account: Vec<u8>,
    contact_id: String,
    now_ms: i64,
}

impl Store {
    /// Stores a conversation. Storing it again, as a repeated start does, gives it the new secret.
    pub(crate) async fn put_session(&self, session: &NewSession) -> Result<(), StoreError> {
        let sealed = SealedSession {
            id: session.id.clone(),
            platform: session.platform.clone(),
            secret_hash: self.secret_hashes(session.secret.reveal()).swap_remove(0),
            name: self.seal(&name_context(&session.id), &session.name)?,
            account: self.seal(&account_context(&session.id), session.account.reveal())?,
            contact_id: session.contact_id.clone(),
            now_ms: self.now_ms(),
        };
        self.db.write(sealed, |conn, sealed| Box::pin(insert(conn, sealed))).await
    }

    /// The conversation that a cookie belongs to.
    pub(crate) async fn session_of_secret(
        &self,
        platform: &str,
        secret: &str,
    ) -> Result<Option<Session>, StoreError> {
        let find = async |conn: &mut Conn| {
            for hash in self.secret_hashes(secret) {
                let row = sqlx::query("SELECT * FROM sessions WHERE secret_hash = $1 AND platform = $2")
                    .bind(hash)
                    .bind(platform.to_owned())
                    .fetch_optional(&mut *conn)
                    .await?;
                if let Some(row) = row {
                    return self.session(&row).map(Some);
                }
            }
            Ok(None)
        };
        self.db.read(find).await
    }

    /// A conversation by its public id.
    pub(crate) async fn session_by_id(&self, id: &str) -> Result<Option<Session>, StoreError> {
        let query = sqlx::query("SELECT * FROM sessions WHERE id = $1").bind(id.to_owned());
        let row = self.db.read(async |conn| Ok::<_, StoreError>(query.fetch_optional(conn).await?)).await?;
        row.map(|row| self.session(&row)).transpose()
    }

    /// Records the router's contact for a conversation that began without one.
    pub(crate) async fn set_contact(&self, id: &str, contact_id: &str) -> Result<(), StoreError> {
        let input = (id.to_owned(), contact_id.to_owned());
        self.db
            .write(input, |conn, (id, contact_id)| {
                Box::pin(async move {
                    sqlx::query("UPDATE sessions SET contact_id = $2 WHERE id = $1")
                        .bind(id.as_str())
                        .bind(contact_id.as_str())
                        .execute(conn)
                        .await?;
                    Ok(())
                })
            })
            .await
    }

    fn session(&self, row: &AnyRow) -> Result<Session, StoreError> {
        let id: String = row.try_get("id")?;
        let (name, account): (Vec<u8>, Vec<u8>) = (row.try_get("name")?, row.try_get("account")?);
        Ok(Session {
            platform: row.try_get("platform")?,
            open: row.try_get::<String, _>("state")? == OPEN,
            name: Secret::new(self.open(&name_context(&id), &name).unwrap_or_default()),
            account: Secret::new(self.open(&account_context(&id), &account).unwrap_or_default()),
            contact_id: row.try_get("contact_id")?,
            agent: row.try_get("agent")?,
            work_order: row.try_get("work_order")?,
            id,
        })
    }
}

fn name_context(id: &str) -> String {
    format!("web-channel name {id}")
}

fn account_context(id: &str) -> String {
    format!("web-channel account {id}")
}

async fn insert(conn: &mut Conn, session: &SealedSession) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO sessions (id, platform, secret_hash, state, name, account, contact_id, agent, work_order,
                               handoff_id, last_seq, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, '', '', '', 0, $8, $8)
         ON CONFLICT (id) DO UPDATE SET secret_hash = excluded.secret_hash",
    )
    .bind(session.id.as_str())
    .bind(session.platform.as_str())
    .bind(session.secret_hash.as_str())
    .bind(OPEN)
    .bind(session.name.as_slice())
    .bind(session.account.as_slice())
    .bind(session.contact_id.as_str())
    .bind(session.now_ms)
    .execute(conn)
    .await?;
    Ok(())
}

/// Records what a redeemed code says.
pub(crate) async fn record_admission(
    conn: &mut Conn,
    id: &str,
    admitted: &Admitted,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE sessions SET handoff_id = $2, contact_id = $3, agent = $4, work_order = $5 WHERE id = $1",
    )
    .bind(id)
    .bind(admitted.handoff_id.as_str())
    .bind(admitted.contact_id.as_str())
    .bind(admitted.agent.as_str())
    .bind(admitted.work_order.as_str())
    .execute(conn)
    .await?;
    Ok(())
}

/// Ends a conversation, and forgets who the customer was and what its cards held.
pub(crate) async fn forget_customer(conn: &mut Conn, id: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE sessions SET state = $2, name = $3, account = $3 WHERE id = $1")
        .bind(id)
        .bind(CLOSED)
        .bind(&[][..] as &[u8])
        .execute(&mut *conn)
        .await?;
    sqlx::query("UPDATE cards SET content = $2 WHERE session = $1")
        .bind(id)
        .bind(&[][..] as &[u8])
        .execute(conn)
        .await?;
    Ok(())
}

/// Forgets conversations that nobody has touched since.
pub(crate) async fn forget_before(conn: &mut Conn, before_ms: i64) -> Result<(), StoreError> {
    for statement in [
        "DELETE FROM uploads WHERE session IN (SELECT id FROM sessions WHERE updated_at < $1)",
        "DELETE FROM cards WHERE session IN (SELECT id FROM sessions WHERE updated_at < $1)",
        "DELETE FROM entries WHERE session IN (SELECT id FROM sessions WHERE updated_at < $1)",
        "DELETE FROM sessions WHERE updated_at < $1",
    ] {
        sqlx::query(statement).bind(before_ms).execute(&mut *conn).await?;
    }
    Ok(())
}
