//! The selector's tables: platforms, work profiles, the catalogue of features, and the account directory.
//!
//! Statements that change something are functions over a transaction, run by [`once`] or `Database::write`. Whatever
//! changes one of the first three calls [`lock_catalog`] before it reads and [`bump_catalog`] in the same transaction, or
//! replicas would not see it.

pub(crate) mod accounts;
pub(crate) mod adapter_changes;
pub(crate) mod approval;
pub(crate) mod directory;
pub(crate) mod features;
pub(crate) mod forget;
pub(crate) mod imports;
pub(crate) mod loads;
pub(crate) mod platforms;
pub(crate) mod profiles;
pub(crate) mod selections;

use futures::future::BoxFuture;
use prost::Message;
use segue_runtime::{Refusal, audit::json};
use segue_store::{
    Conn, Database, StoreError,
    audit::{self, Change},
    requests::{self, Begun, RequestKey},
};

/// An answer, or a refusal that has changed nothing.
pub(crate) type Outcome<T> = Result<Result<T, Refusal>, StoreError>;

/// What a write answers, and what it has changed, for the audit log.
pub(crate) type Written<T> = Outcome<(T, Change)>;

/// Does a write once per request id, gives repetitions the same answer, and records it in the audit log.
pub(crate) async fn once<I, R, F>(
    db: &Database,
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
    db.write((key, input, work), move |conn, (key, input, work)| {
        Box::pin(async move {
            match requests::begin(conn, key, now_ms).await? {
                Begun::Fresh => {}
                Begun::Done(answer) => return decode(&answer).map(Ok),
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

/// Waits for its turn to change platforms, work profiles or the catalogue of features, until the commit. What such a change
/// depends on is read behind it, so that no two changes pass each other's checks.
pub(crate) async fn lock_catalog(conn: &mut Conn) -> Result<(), StoreError> {
    sqlx::query("UPDATE catalog_version SET version = version").execute(conn).await?;
    Ok(())
}

/// Tells every replica that platforms, work profiles or the catalogue of features have changed.
async fn bump_catalog(conn: &mut Conn) -> Result<(), StoreError> {
    sqlx::query("UPDATE catalog_version SET version = version + 1").execute(conn).await?;
    Ok(())
}

/// Which state of them is the newest.
pub(crate) async fn catalog_version(conn: &mut Conn) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("SELECT version FROM catalog_version").fetch_one(conn).await?)
}

fn decode<M: Message + Default>(bytes: &[u8]) -> Result<M, StoreError> {
    M::decode(bytes).map_err(|error| {
        tracing::error!(%error, "a stored message can't be read");
        StoreError::Failed
    })
}

/// `$first, $first+1, ...`: so many parameters.
fn parameters(first: usize, count: usize) -> String {
    let list: Vec<String> = (first..first + count).map(|number| format!("${number}")).collect();
    list.join(", ")
}

/// `($1, $2), ($3, $4), ...`: so many rows of so many parameters.
fn parameter_rows(rows: usize, columns: usize) -> String {
    let list: Vec<String> =
        (0..rows).map(|row| format!("({})", parameters(row * columns + 1, columns))).collect();
    list.join(", ")
}
