//! Somebody, or the system, writes in a conversation.

use segue_store::StoreError;

use crate::{
    domain::{Author, Content},
    store::{
        Store,
        entries::{self, Inserted},
        lock::lock,
    },
};

/// Something to be shown in a conversation.
pub(crate) struct NewEntry<'a> {
    pub(crate) session: &'a str,
    /// The writer's own id of it: writing the same again changes nothing.
    pub(crate) id: &'a str,
    pub(crate) author: Author,
    pub(crate) agent: &'a str,
    pub(crate) content: &'a Content,
}

/// What became of a new entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Appended {
    /// It is there; so it was when it is repeated.
    Done,
    /// The conversation is over.
    Closed,
    /// There is no such conversation.
    Missing,
    /// The id was used before with other content.
    Reused,
}

enum Outcome {
    Inserted(Inserted),
    Closed,
    Missing,
}

/// Adds an entry to a conversation that goes on.
pub(crate) async fn append(store: &Store, new: &NewEntry<'_>) -> Result<Appended, StoreError> {
    let sealed = store.sealed_entry(new.session, new.id, new.author, new.agent, new.content)?;
    let outcome = store
        .database()
        .write(sealed, |conn, sealed| {
            Box::pin(async move {
                match lock(conn, &sealed.session, sealed.now_ms).await? {
                    None => Ok(Outcome::Missing),
                    Some(locked) if !locked.open => Ok(Outcome::Closed),
                    Some(locked) => Ok(Outcome::Inserted(entries::insert(conn, &locked, sealed).await?)),
                }
            })
        })
        .await?;
    Ok(match outcome {
        Outcome::Missing => Appended::Missing,
        Outcome::Closed => Appended::Closed,
        Outcome::Inserted(Inserted::Done) => Appended::Done,
        Outcome::Inserted(Inserted::Repeated(sealed)) => {
            match store.content_of(new.session, new.id, &sealed) {
                Some(stored) if stored == *new.content => Appended::Done,
                _ => Appended::Reused,
            }
        }
    })
}
