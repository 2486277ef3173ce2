//! Deleting all that is known of a customer.

use std::collections::BTreeMap;

use segue_core::AccountRef;
use segue_proto::selector::v1::ForgetCustomerResponse;
use segue_store::{Conn, StoreError};
use sqlx::Row as _;

use super::{
    Outcome,
    accounts::{bind_all, delete_by_ref},
    parameters,
};

/// Accounts deleted by one statement.
const CHUNK: usize = 1000;

/// Deletes every account that holds any of the hashes, with its identities.
pub(crate) async fn customer(conn: &mut Conn, hashes: &[String]) -> Outcome<ForgetCustomerResponse> {
    let accounts = accounts_holding(conn, hashes).await?;
    let refs: Vec<&String> = accounts.keys().collect();
    for refs in refs.chunks(CHUNK) {
        delete_by_ref(conn, "identities", refs).await?;
        delete_by_ref(conn, "accounts", refs).await?;
    }
    let mut platforms: Vec<String> = accounts.values().cloned().collect();
    platforms.sort_unstable();
    platforms.dedup();
    let accounts = i64::try_from(refs.len()).unwrap_or(i64::MAX);
    Ok(Ok(ForgetCustomerResponse { accounts, platforms }))
}

async fn accounts_holding(
    conn: &mut Conn,
    hashes: &[String],
) -> Result<BTreeMap<AccountRef, String>, StoreError> {
    let sql = format!(
        "SELECT DISTINCT account_ref, platform FROM identities WHERE hash IN ({})",
        parameters(1, hashes.len())
    );
    let rows = bind_all(sql, hashes.iter()).fetch_all(conn).await?;
    rows.iter().map(|row| Ok((row.try_get("account_ref")?, row.try_get("platform")?))).collect()
}

/// How many accounts are stored under each key, by its fingerprint.
pub(crate) async fn accounts_by_key(conn: &mut Conn) -> Result<BTreeMap<String, i64>, StoreError> {
    let rows = sqlx::query("SELECT key_id, COUNT(*) AS accounts FROM accounts GROUP BY key_id")
        .fetch_all(conn)
        .await?;
    rows.iter().map(|row| Ok((row.try_get("key_id")?, row.try_get("accounts")?))).collect()
}
