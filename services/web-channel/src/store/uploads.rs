use segue_store::{Conn, StoreError};
use sqlx::Row as _;

use super::{Store, entries::SealedEntry};

/// A file as it is stored.
pub(crate) struct SealedUpload {
    id: String,
    pub(crate) size_bytes: i64,
    content: Vec<u8>,
}

impl Store {
    /// A file to be stored.
    pub(crate) fn sealed_upload(
        &self,
        id: String,
        bytes: &[u8],
        size_bytes: i64,
    ) -> Result<SealedUpload, StoreError> {
        Ok(SealedUpload { content: self.seal_bytes(&context(&id), bytes)?, id, size_bytes })
    }

    /// Finds out how large all files are together, those that other replicas have stored and those that are gone, too.
    pub(crate) async fn measure_uploads(&self) -> Result<(), StoreError> {
        let query = sqlx::query("SELECT CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) AS bytes FROM uploads");
        let row = self.db.read(async |conn| Ok::<_, StoreError>(query.fetch_one(conn).await?)).await?;
        self.room.measured(row.try_get("bytes")?);
        Ok(())
    }

    /// A file of a conversation.
    pub(crate) async fn file(&self, session: &str, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let query = sqlx::query("SELECT content FROM uploads WHERE id = $1 AND session = $2")
            .bind(id.to_owned())
            .bind(session.to_owned());
        let row = self.db.read(async |conn| Ok::<_, StoreError>(query.fetch_optional(conn).await?)).await?;
        let Some(row) = row else { return Ok(None) };
        Ok(self.keys().open(&context(id), &row.try_get::<Vec<u8>, _>("content")?).ok())
    }
}

fn context(id: &str) -> String {
    format!("web-channel upload {id}")
}

/// Adds a file, as what an entry shows.
pub(crate) async fn insert(
    conn: &mut Conn,
    upload: &SealedUpload,
    entry: &SealedEntry,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO uploads (id, session, size_bytes, content, created_at) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(upload.id.as_str())
    .bind(entry.session.as_str())
    .bind(upload.size_bytes)
    .bind(upload.content.as_slice())
    .bind(entry.now_ms)
    .execute(conn)
    .await?;
    Ok(())
}

/// How many files a conversation has, and how large they are together.
pub(crate) async fn of_session(conn: &mut Conn, session: &str) -> Result<(i64, i64), StoreError> {
    let row = sqlx::query(
        "SELECT CAST(COUNT(*) AS BIGINT) AS files, CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) AS bytes
         FROM uploads WHERE session = $1",
    )
    .bind(session)
    .fetch_one(conn)
    .await?;
    Ok((row.try_get("files")?, row.try_get("bytes")?))
}
