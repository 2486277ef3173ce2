//! The selector's tables: platforms, work profiles, the catalogue of features, and the account directory.
//!
//! Statements that change something are functions over a transaction, run by [`once`] or `Database::write`. Whatever
//! changes one of the first three calls [`lock_catalog`] before it reads and [`bump_catalog`] in the same transaction, or
//! replicas would not see it.

pub(crate) mod accounts;
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
use segue_runtime::Refusal;
use segue_store::{
    Conn, Database, StoreError,
    requests::{self, Begun, RequestKey},
};

/// An answer, or a refusal that has changed nothing.
pub(crate) type Outcome<T> = Result<Result<T, Refusal>, StoreError>;

/// Does a write once per request id, and gives repetitions the same answer.
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
    F: for<'c> Fn(&'c mut Conn, &'c I) -> BoxFuture<'c, Outcome<R>> + Send + Sync + 'static,
{
    db.write((key, input, work), move |conn, (key, input, work)| {
        Box::pin(async move {
            match requests::begin(conn, key, now_ms).await? {
                Begun::Fresh => {}
                Begun::Done(answer) => return decode(&answer).map(Ok),
                Begun::Reused => return Ok(Err(Refusal::request_id_reused())),
            }
            let answer = work(conn, input).await?;
            match &answer {
                Ok(answer) => requests::finish(conn, key, &answer.encode_to_vec()).await?,
                Err(_) => requests::forget(conn, key).await?,
            }
            Ok(answer)
        })
    })
    .await?
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
