//! Looking accounts up. One indexed query over all hashes that the customer's account information may be stored under.

use std::collections::{BTreeMap, BTreeSet};

use segue_core::AccountRef;
use segue_proto::selector::v1::Account;
use segue_store::{Conn, StoreError};
use sqlx::{AssertSqlSafe, Row as _};

use super::parameters;
use crate::domain::directory::MAX_MATCHING;

/// Most rows of an answer, so that it can be sent; more can only come of an identity that thousands of accounts share.
const MAX_ROWS: i64 = 4000;

/// The platforms that hold any of the hashes, each with the accounts that do, [`MAX_MATCHING`] and one more at most. And the version
/// of platforms and work profiles by the way: a statement more would cost a selection as much as all of its thinking.
pub(crate) async fn platforms_of(
    conn: &mut Conn,
    hashes: &[String],
) -> Result<(i64, BTreeMap<String, BTreeSet<AccountRef>>), StoreError> {
    if hashes.is_empty() {
        return Ok((super::catalog_version(conn).await?, BTreeMap::new()));
    }
    let sql = format!(
        "SELECT catalog_version.version, found.platform, found.account_ref
         FROM catalog_version LEFT JOIN (
             SELECT platform, account_ref, ROW_NUMBER() OVER (PARTITION BY platform ORDER BY account_ref) AS place
             FROM (SELECT DISTINCT platform, account_ref FROM identities WHERE hash IN ({})) AS matching
         ) AS found ON found.place <= {}",
        parameters(1, hashes.len()),
        MAX_MATCHING + 1,
    );
    // Only placeholders and a number were put into the text.
    let query = hashes.iter().fold(sqlx::query(AssertSqlSafe(sql)), |query, hash| query.bind(hash.as_str()));
    let rows = query.fetch_all(conn).await?;
    let version = rows.first().ok_or(StoreError::Failed)?.try_get("version")?;
    let mut accounts: BTreeMap<String, BTreeSet<AccountRef>> = BTreeMap::new();
    for row in &rows {
        // The one row of a customer who is on no platform has the version only.
        let Some(platform) = row.try_get::<Option<String>, _>("platform")? else { continue };
        accounts.entry(platform).or_default().insert(row.try_get("account_ref")?);
    }
    Ok((version, accounts))
}

/// The accounts that hold any of the hashes, by platform and reference; on all platforms if none are named.
pub(crate) async fn accounts_of(
    conn: &mut Conn,
    hashes: &[String],
    platforms: &[String],
) -> Result<Vec<Account>, StoreError> {
    let filter = if platforms.is_empty() {
        String::new()
    } else {
        format!("AND platform IN ({})", parameters(hashes.len() + 1, platforms.len()))
    };
    let sql = format!(
        "SELECT platform, account_ref, kind FROM identities WHERE hash IN ({}) {filter}
         ORDER BY platform, account_ref, kind LIMIT {MAX_ROWS}",
        parameters(1, hashes.len())
    );
    // Only placeholders were put into the text. With so many lengths it isn't worth preparing.
    let query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
    let query = hashes.iter().chain(platforms).fold(query, |query, value| query.bind(value.as_str()));
    let rows = query.fetch_all(conn).await?;
    let mut accounts: Vec<Account> = vec![];
    for row in &rows {
        let (platform, account): (String, String) = (row.try_get("platform")?, row.try_get("account_ref")?);
        let kind: String = row.try_get("kind")?;
        match accounts.last_mut().filter(|last| last.account == account) {
            Some(last) if last.matched_kinds.contains(&kind) => {}
            Some(last) => last.matched_kinds.push(kind),
            None => accounts.push(Account { platform, account, matched_kinds: vec![kind] }),
        }
    }
    Ok(accounts)
}
