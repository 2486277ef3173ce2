use segue_store::{Conn, StoreError};
use sqlx::{Row as _, any::AnyRow};

use super::{Store, lock::Locked};
use crate::domain::{Author, Content, Entry};

/// Most entries that a reader is given at a time.
const PAGE: i64 = 200;

/// An entry as it is stored.
#[derive(Clone)]
pub(crate) struct SealedEntry {
    pub(crate) session: String,
    pub(crate) id: String,
    pub(crate) author: &'static str,
    pub(crate) agent: String,
    pub(crate) content: Vec<u8>,
    pub(crate) now_ms: i64,
}

/// What was done with a sealed entry inside a write.
pub(crate) enum Inserted {
    Done,
    /// An entry of this id is there; this is its sealed content.
    Repeated(Vec<u8>),
}

impl Store {
    /// The next entries of a conversation.
    pub(crate) async fn entries(&self, session: &str, after_seq: i64) -> Result<Vec<Entry>, StoreError> {
        let query =
            sqlx::query("SELECT * FROM entries WHERE session = $1 AND seq > $2 ORDER BY seq LIMIT $3")
                .bind(session.to_owned())
                .bind(after_seq)
                .bind(PAGE);
        let rows = self.db.read(async |conn| Ok::<_, StoreError>(query.fetch_all(conn).await?)).await?;
        rows.iter().map(|row| self.entry(session, row)).collect()
    }

    /// An entry to be stored.
    pub(crate) fn sealed_entry(
        &self,
        session: &str,
        id: &str,
        author: Author,
        agent: &str,
        content: &Content,
    ) -> Result<SealedEntry, StoreError> {
        Ok(SealedEntry {
            session: session.to_owned(),
            id: id.to_owned(),
            author: author.name(),
            agent: agent.to_owned(),
            content: self.seal(&context(session, id), content)?,
            now_ms: self.now_ms(),
        })
    }

    /// What a stored entry shows.
    pub(crate) fn content_of(&self, session: &str, id: &str, sealed: &[u8]) -> Option<Content> {
        self.open(&context(session, id), sealed)
    }

    fn entry(&self, session: &str, row: &AnyRow) -> Result<Entry, StoreError> {
        let (id, sealed): (String, Vec<u8>) = (row.try_get("id")?, row.try_get("content")?);
        Ok(Entry {
            seq: row.try_get("seq")?,
            author: Author::parse(&row.try_get::<String, _>("author")?),
            agent: row.try_get("agent")?,
            at_ms: row.try_get("created_at")?,
            content: self.open(&context(session, &id), &sealed).unwrap_or(Content::Unreadable),
        })
    }
}

fn context(session: &str, id: &str) -> String {
    format!("web-channel entry {session} {id}")
}

/// Adds an entry under the conversation's next number, unless one of its id is there.
pub(crate) async fn insert(
    conn: &mut Conn,
    locked: &Locked,
    entry: &SealedEntry,
) -> Result<Inserted, StoreError> {
    let seq = locked.last_seq + 1;
    let inserted = sqlx::query(
        "INSERT INTO entries (session, seq, id, author, agent, content, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (session, id) DO NOTHING",
    )
    .bind(entry.session.as_str())
    .bind(seq)
    .bind(entry.id.as_str())
    .bind(entry.author)
    .bind(entry.agent.as_str())
    .bind(entry.content.as_slice())
    .bind(entry.now_ms)
    .execute(&mut *conn)
    .await?;
    if inserted.rows_affected() == 0 {
        let row = sqlx::query("SELECT content FROM entries WHERE session = $1 AND id = $2")
            .bind(entry.session.as_str())
            .bind(entry.id.as_str())
            .fetch_one(conn)
            .await?;
        return Ok(Inserted::Repeated(row.try_get("content")?));
    }
    sqlx::query("UPDATE sessions SET last_seq = $2 WHERE id = $1")
        .bind(entry.session.as_str())
        .bind(seq)
        .execute(conn)
        .await?;
    Ok(Inserted::Done)
}
