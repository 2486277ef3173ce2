//! The directory of accounts is looked up, by all hashes that a customer's account information may be stored under.

use std::collections::{BTreeMap, BTreeSet};

use segue_core::AccountRef;
use segue_store::{Conn, Engine, Kind, Rows, StoreError};
use sqlx::{AssertSqlSafe, Row as _};

use super::{accounts::bind_all, parameters};
use crate::domain::directory::{Held, Holder, MAX_MATCHING};

/// Most rows of an answer, so that it can be sent; more can only come of an identity that thousands of accounts share.
const MAX_ROWS: i64 = 4000;

/// For each customer, given by hashes, the platforms that hold any of them, each with the accounts that do: [`MAX_MATCHING`] and a few
/// more at most. And the version of platforms and work profiles by the way: a statement more would cost as much as this one.
pub(crate) async fn accounts_of_each(
    conn: &mut Conn,
    customers: &[Vec<String>],
) -> Result<(i64, Vec<BTreeMap<String, BTreeSet<AccountRef>>>), StoreError> {
    let mut accounts: Vec<BTreeMap<String, BTreeSet<AccountRef>>> = vec![BTreeMap::new(); customers.len()];
    let mut asked = Rows::new(&[("customer", Kind::Int), ("hash", Kind::Text)]);
    for (customer, hashes) in (0_i64..).zip(customers) {
        hashes.iter().for_each(|hash| asked.push([customer.into(), hash.as_str().into()]));
    }
    if asked.is_empty() {
        return Ok((super::catalog_version(conn).await?, accounts));
    }
    let engine = Engine::of_conn(conn);
    let joined = engine.join_by_index("identities", "platform, account_ref", "identities.hash = v.hash");
    let statement = format!(
        "SELECT catalog_version.version, found.customer, found.platform, found.account_ref
         FROM catalog_version LEFT JOIN (
             SELECT customer, platform, account_ref,
                    ROW_NUMBER() OVER (PARTITION BY customer, platform ORDER BY account_ref) AS place
             FROM (SELECT DISTINCT v.customer, identities.platform, identities.account_ref
                   FROM {joined}) AS matching
         ) AS found ON found.place <= {}",
        MAX_MATCHING + 1,
    );
    let rows = asked.fetch(conn, &statement).await?;
    let mut version: Option<i64> = None;
    for row in &rows {
        version = version.max(Some(row.try_get("version")?));
        // The one row of customers who are on no platform has the version only.
        let Some(customer) = row.try_get::<Option<i64>, _>("customer")? else { continue };
        let of_customer = usize::try_from(customer).ok().and_then(|place| accounts.get_mut(place));
        let of_customer = of_customer.ok_or(StoreError::Failed)?;
        of_customer.entry(row.try_get("platform")?).or_default().insert(row.try_get("account_ref")?);
    }
    Ok((version.ok_or(StoreError::Failed)?, accounts))
}

/// The accounts that hold any of the hashes, by platform and reference; on all platforms if none are named.
pub(crate) async fn accounts_of(
    conn: &mut Conn,
    hashes: &[String],
    platforms: &[String],
) -> Result<Vec<Holder>, StoreError> {
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
    let mut accounts: Vec<Holder> = vec![];
    for row in &rows {
        let (platform, account): (String, String) = (row.try_get("platform")?, row.try_get("account_ref")?);
        let kind: String = row.try_get("kind")?;
        match accounts.last_mut().filter(|last| last.account == account) {
            Some(last) if last.kinds.contains(&kind) => {}
            Some(last) => last.kinds.push(kind),
            None => accounts.push(Holder { platform, account, kinds: vec![kind] }),
        }
    }
    Ok(accounts)
}

/// The accounts that hold any of some identities, each given by its kind and its hashes; by platform, then reference.
pub(crate) async fn accounts_holding(
    conn: &mut Conn,
    identities: &[(&'static str, Vec<String>)],
) -> Result<Vec<Held>, StoreError> {
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for (place, (_, hashes)) in identities.iter().enumerate() {
        places.extend(hashes.iter().map(|hash| (hash.as_str(), place)));
    }
    let sql = format!(
        "SELECT account_ref, platform, hash FROM identities WHERE hash IN ({})",
        parameters(1, places.len())
    );
    let rows = bind_all(sql, places.keys().copied()).fetch_all(conn).await?;
    let mut held: BTreeMap<(String, AccountRef), BTreeSet<usize>> = BTreeMap::new();
    for row in &rows {
        let account = (row.try_get("platform")?, row.try_get("account_ref")?);
        let hash: String = row.try_get("hash")?;
        held.entry(account).or_default().extend(places.get(hash.as_str()).copied());
    }
    let account = |((platform, account), identities)| Held { platform, account, identities };
    Ok(held.into_iter().map(account).collect())
}

/// How many accounts are stored under each key, by its fingerprint.
pub(crate) async fn accounts_by_key(conn: &mut Conn) -> Result<BTreeMap<String, i64>, StoreError> {
    let rows = sqlx::query("SELECT key_id, COUNT(*) AS accounts FROM accounts GROUP BY key_id")
        .fetch_all(conn)
        .await?;
    rows.iter().map(|row| Ok((row.try_get("key_id")?, row.try_get("accounts")?))).collect()
}
