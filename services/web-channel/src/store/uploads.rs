use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use segue_core::new_id;
use segue_store::{Conn, StoreError};
use sqlx::Row as _;

use super::{
    Appended, Store,
    entries::{self, Inserted, SealedEntry},
    lock::lock,
};
use crate::{
    PageLimits,
    domain::{Author, Content},
};

/// Most files in one conversation.
const MAX_FILES: i64 = 20;

/// A file that a customer sends.
pub(crate) struct NewUpload<'a> {
    pub(crate) session: &'a str,
    /// The page's own id of it.
    pub(crate) id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) bytes: &'a [u8],
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Uploaded {
    /// As with any entry.
    Entry(Appended),
    /// The conversation has as many files as it may.
    TooMany,
    /// The conversation's files would be larger than they may be together.
    TooLarge,
    /// All files together would be.
    NoRoom,
}

/// How much room there is for files. Clones share what is known of it.
#[derive(Debug, Clone)]
pub(crate) struct UploadRoom {
    most: i64,
    most_of_session: i64,
    /// As it was measured, and what was stored here since.
    stored: Arc<AtomicI64>,
}

impl UploadRoom {
    pub(crate) fn new(limits: &PageLimits) -> Self {
        let bytes = |bytes: usize| i64::try_from(bytes).unwrap_or(i64::MAX);
        Self {
            most: bytes(limits.stored_upload_bytes),
            most_of_session: bytes(limits.upload_bytes_per_session),
            stored: Arc::default(),
        }
    }

    fn has(&self, size_bytes: i64) -> bool {
        self.stored.load(Ordering::Relaxed).saturating_add(size_bytes) <= self.most
    }
}

struct SealedUpload {
    id: String,
    size_bytes: i64,
    most_of_session: i64,
    content: Vec<u8>,
    entry: SealedEntry,
}

enum Outcome {
    Uploaded(Uploaded),
    Repeated(Vec<u8>),
}

impl Store {
    /// Keeps a file and shows it in its conversation.
    pub(crate) async fn upload(&self, new: &NewUpload<'_>) -> Result<Uploaded, StoreError> {
        let upload = new_id("upl", self.now_ms(), self.random());
        let size_bytes = i64::try_from(new.bytes.len()).unwrap_or(i64::MAX);
        if !self.room.has(size_bytes) {
            return Ok(Uploaded::NoRoom);
        }
        let content = Content::File { upload: upload.clone(), name: new.name.to_owned(), size_bytes };
        let sealed = SealedUpload {
            content: self.seal_bytes(&context(&upload), new.bytes)?,
            id: upload,
            size_bytes,
            most_of_session: self.room.most_of_session,
            entry: self.sealed_entry(new.session, new.id, Author::Customer, "", &content)?,
        };
        match self.db.write(sealed, |conn, sealed| Box::pin(put(conn, sealed))).await? {
            Outcome::Uploaded(uploaded) => {
                if uploaded == Uploaded::Entry(Appended::Done) {
                    self.room.stored.fetch_add(size_bytes, Ordering::Relaxed);
                }
                Ok(uploaded)
            }
            Outcome::Repeated(sealed) => Ok(Uploaded::Entry(self.compare_file(new, &sealed))),
        }
    }

    /// Finds out how large all files are together, those that other replicas have stored and those that are gone, too.
    pub(crate) async fn measure_uploads(&self) -> Result<(), StoreError> {
        let mut conn = self.db.read().await?;
        let row = sqlx::query("SELECT CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) AS bytes FROM uploads")
            .fetch_one(&mut *conn)
            .await?;
        self.room.stored.store(row.try_get("bytes")?, Ordering::Relaxed);
        Ok(())
    }

    /// A file of a conversation.
    pub(crate) async fn file(&self, session: &str, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let mut conn = self.db.read().await?;
        let row = sqlx::query("SELECT content FROM uploads WHERE id = $1 AND session = $2")
            .bind(id.to_owned())
            .bind(session.to_owned())
            .fetch_optional(&mut *conn)
            .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(self.keys().open(&context(id), &row.try_get::<Vec<u8>, _>("content")?).ok())
    }

    /// A repeated upload is the same when name and size are; its number differs, as that was new both times.
    fn compare_file(&self, new: &NewUpload<'_>, sealed: &[u8]) -> Appended {
        let same = |content: &Content| match content {
            Content::File { name, size_bytes, .. } => {
                name == new.name && usize::try_from(*size_bytes) == Ok(new.bytes.len())
            }
            _ => false,
        };
        match self.content_of(new.session, new.id, sealed) {
            Some(content) if same(&content) => Appended::Done,
            _ => Appended::Reused,
        }
    }
}

fn context(id: &str) -> String {
    format!("web-channel upload {id}")
}

async fn put(conn: &mut Conn, upload: &SealedUpload) -> Result<Outcome, StoreError> {
    let answer = |appended| Ok(Outcome::Uploaded(Uploaded::Entry(appended)));
    let Some(locked) = lock(conn, &upload.entry.session, upload.entry.now_ms).await? else {
        return answer(Appended::Missing);
    };
    if !locked.open {
        return answer(Appended::Closed);
    }
    let (files, bytes) = files_of(conn, &upload.entry.session).await?;
    if files >= MAX_FILES {
        return Ok(Outcome::Uploaded(Uploaded::TooMany));
    }
    if bytes.saturating_add(upload.size_bytes) > upload.most_of_session {
        return Ok(Outcome::Uploaded(Uploaded::TooLarge));
    }
    if let Inserted::Repeated(sealed) = entries::insert(conn, &locked, &upload.entry).await? {
        return Ok(Outcome::Repeated(sealed));
    }
    sqlx::query(
        "INSERT INTO uploads (id, session, size_bytes, content, created_at) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(upload.id.as_str())
    .bind(upload.entry.session.as_str())
    .bind(upload.size_bytes)
    .bind(upload.content.as_slice())
    .bind(upload.entry.now_ms)
    .execute(conn)
    .await?;
    answer(Appended::Done)
}

/// How many files a conversation has, and how large they are together.
async fn files_of(conn: &mut Conn, session: &str) -> Result<(i64, i64), StoreError> {
    let row = sqlx::query(
        "SELECT CAST(COUNT(*) AS BIGINT) AS files, CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) AS bytes
         FROM uploads WHERE session = $1",
    )
    .bind(session)
    .fetch_one(conn)
    .await?;
    Ok((row.try_get("files")?, row.try_get("bytes")?))
}
