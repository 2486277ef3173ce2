//! A customer sends a file.

use segue_core::new_id;
use segue_store::{Conn, StoreError};

use super::entries::Appended;
use crate::{
    domain::{Author, Content},
    store::{
        Store,
        entries::{self, Inserted, SealedEntry},
        lock::lock,
        uploads::{self, SealedUpload},
    },
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

/// A file as it is to be stored, with its entry.
struct NewFile {
    upload: SealedUpload,
    entry: SealedEntry,
    most_of_session: i64,
}

enum Outcome {
    Uploaded(Uploaded),
    Repeated(Vec<u8>),
}

/// Keeps a file and shows it in its conversation.
pub(crate) async fn upload(store: &Store, new: &NewUpload<'_>) -> Result<Uploaded, StoreError> {
    let id = new_id("upl", store.now_ms(), store.random());
    let size_bytes = i64::try_from(new.bytes.len()).unwrap_or(i64::MAX);
    if !store.room().has(size_bytes) {
        return Ok(Uploaded::NoRoom);
    }
    let content = Content::File { upload: id.clone(), name: new.name.to_owned(), size_bytes };
    let file = NewFile {
        upload: store.sealed_upload(id, new.bytes, size_bytes)?,
        entry: store.sealed_entry(new.session, new.id, Author::Customer, "", &content)?,
        most_of_session: store.room().most_of_session(),
    };
    match store.database().write(file, |conn, file| Box::pin(put(conn, file))).await? {
        Outcome::Uploaded(uploaded) => {
            if uploaded == Uploaded::Entry(Appended::Done) {
                store.room().add(size_bytes);
            }
            Ok(uploaded)
        }
        Outcome::Repeated(sealed) => Ok(Uploaded::Entry(compare_file(store, new, &sealed))),
    }
}

/// A repeated upload is the same when name and size are; its number differs, as that was new both times.
fn compare_file(store: &Store, new: &NewUpload<'_>, sealed: &[u8]) -> Appended {
    let same = |content: &Content| match content {
        Content::File { name, size_bytes, .. } => {
            name == new.name && usize::try_from(*size_bytes) == Ok(new.bytes.len())
        }
        _ => false,
    };
    match store.content_of(new.session, new.id, sealed) {
        Some(content) if same(&content) => Appended::Done,
        _ => Appended::Reused,
    }
}

async fn put(conn: &mut Conn, file: &NewFile) -> Result<Outcome, StoreError> {
    let answer = |appended| Ok(Outcome::Uploaded(Uploaded::Entry(appended)));
    let NewFile { upload, entry, most_of_session } = file;
    let Some(locked) = lock(conn, &entry.session, entry.now_ms).await? else {
        return answer(Appended::Missing);
    };
    if !locked.open {
        return answer(Appended::Closed);
    }
    let (files, bytes) = uploads::of_session(conn, &entry.session).await?;
    if files >= MAX_FILES {
        return Ok(Outcome::Uploaded(Uploaded::TooMany));
    }
    if bytes.saturating_add(upload.size_bytes) > *most_of_session {
        return Ok(Outcome::Uploaded(Uploaded::TooLarge));
    }
    if let Inserted::Repeated(sealed) = entries::insert(conn, &locked, entry).await? {
        return Ok(Outcome::Repeated(sealed));
    }
    uploads::insert(conn, upload, entry).await?;
    answer(Appended::Done)
}
