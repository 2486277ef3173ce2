//! Decisions. Those that write are functions over a transaction that read what they depend on, decide, and write by `store`.
//!
//! To add one, put a function into the file of its noun that answers [`Written`], and run it by [`once`] in its handler.

pub(crate) mod accounts;
pub(crate) mod adapter_changes;
pub(crate) mod approval;
pub(crate) mod customers;
pub(crate) mod features;
pub(crate) mod imports;
pub(crate) mod loads;
pub(crate) mod platforms;
pub(crate) mod profiles;
pub(crate) mod selection;

use futures::future::BoxFuture;
use prost::Message;
use segue_runtime::{Refusal, audit::json};
use segue_store::{
    Conn, Database, StoreError,
    audit::{self, Change},
    requests::{self, Begun, RequestKey},
};

use crate::{
    convert::{self, stored},
    domain::vocabulary::Vocabulary,
    store,
};

/// An answer, or a refusal that has changed nothing.
pub(crate) type Outcome<T> = Result<Result<T, Refusal>, StoreError>;

/// What a write answers, and what it has changed, for the audit log.
pub(crate) type Written<T> = Outcome<(T, Change)>;

/// Does a write once per request id, gives repetitions the same answer, and records it in the audit log.
pub(crate) async fn once<I, R, F>(
    database: &Database,
    key: RequestKey,
    now_ms: i64,
    input: I,
    work: F,
) -> Result<R, Refusal>
where
    I: Send + Sync + 'static,
    R: Message + Default + 'static,
    F: for<'c> Fn(&'c mut Conn, &'c I) -> BoxFuture<'c, Written<R>> + Send + Sync + 'static,
{
    database
        .write((key, input, work), move |conn, (key, input, work)| {
            Box::pin(async move {
                match requests::begin(conn, key, now_ms).await? {
                    Begun::Fresh => {}
                    Begun::Done(answer) => return stored(&answer).map(Ok),
                    Begun::Reused => return Ok(Err(Refusal::request_id_reused())),
                }
                match work(conn, input).await? {
                    Ok((answer, change)) => {
                        requests::finish(conn, key, &answer.encode_to_vec()).await?;
                        audit::append(conn, &change.by(key, now_ms)).await?;
                        Ok(Ok(answer))
                    }
                    Err(refusal) => {
                        requests::forget(conn, key).await?;
                        Ok(Err(refusal))
                    }
                }
            })
        })
        .await?
}

/// A change of one of the things that operations keep.
pub(crate) fn change<M: Message>(resource: String, kind: &str, old: Option<&M>, new: Option<&M>) -> Change {
    let value = |message: Option<&M>| message.map_or_else(String::new, |message| json(kind, message));
    Change { resource, old_value: value(old), new_value: value(new) }
}

/// The catalogue of features, as it is in the transaction.
async fn vocabulary(conn: &mut Conn) -> Result<Vocabulary, StoreError> {
    convert::vocabulary::catalogue(&store::features::all(conn).await?)
}
