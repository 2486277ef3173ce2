//! The selector's SQL: rows in, domain types out. What operations keep (platforms, work profiles, definitions of features) and past
//! selections are stored as the contract's messages, which are bytes here ([`Message`]); `convert` reads and makes them.
//!
//! To add a statement, put a function into the file of its table. Whatever changes platforms, work profiles or the catalogue of features
//! calls [`lock_catalog`] before it reads, and [`bump_catalog`] in the same transaction, or replicas would not see it.

pub(crate) mod accounts;
pub(crate) mod directory;
pub(crate) mod features;
pub(crate) mod imports;
pub(crate) mod loads;
pub(crate) mod platforms;
pub(crate) mod profiles;
pub(crate) mod selections;

use segue_store::{Conn, StoreError};

/// A message of the contract, encoded.
pub(crate) type Message = Vec<u8>;

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
