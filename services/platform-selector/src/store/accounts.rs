//! Accounts and the identities that they hold.

use std::collections::{BTreeMap, BTreeSet};

use segue_core::AccountRef;
use segue_store::{Conn, StoreError};
use sqlx::{Any, AssertSqlSafe, Row as _, any::AnyArguments, query::Query};

use super::{parameter_rows, parameters};
use crate::domain::directory::{Identities, Link, Stored};

/// Rows of one insert, so that its parameters stay below the engines' limits.
const INSERT_ROWS: usize = 2000;

/// What is to be written of an account.
#[derive(Debug)]
pub(crate) struct Change<'a> {
    pub(crate) link: &'a Link,
    pub(crate) replaces: bool,
    pub(crate) added: Identities,
}

/// Deletes an account, whichever key it is stored under; `false` when there is none.
pub(crate) async fn delete(conn: &mut Conn, refs: &[AccountRef]) -> Result<bool, StoreError> {
    let sql = format!("DELETE FROM accounts WHERE account_ref IN ({})", parameters(1, refs.len()));
    Ok(bind_all(sql, refs.iter()).execute(conn).await?.rows_affected() > 0)
}

/// Which of the links' platforms there are.
pub(crate) async fn known_platforms(conn: &mut Conn, links: &[Link]) -> Result<BTreeSet<String>, StoreError> {
    let asked: BTreeSet<&String> = links.iter().map(|link| &link.platform).collect();
    if asked.is_empty() {
        return Ok(BTreeSet::new());
    }
    let sql = format!("SELECT id FROM platforms WHERE id IN ({})", parameters(1, asked.len()));
    let rows = bind_all(sql, asked.into_iter()).fetch_all(conn).await?;
    rows.iter().map(|row| Ok(row.try_get("id")?)).collect()
}

/// Stores what has changed of different accounts.
pub(crate) async fn write(conn: &mut Conn, changes: &[Change<'_>], run: i64) -> Result<(), StoreError> {
    // A link that is no import's only has to be written where it changes something.
    let changes: Vec<&Change<'_>> =
        changes.iter().filter(|change| run != 0 || change.replaces || !change.added.is_empty()).collect();
    if changes.is_empty() {
        return Ok(());
    }
    let replaced = || changes.iter().filter(|change| change.replaces);
    let previous: Vec<&String> = replaced().flat_map(|change| change.link.refs.iter().skip(1)).collect();
    delete_by_ref(conn, "accounts", &previous).await?;
    upsert_accounts(conn, &changes, run).await?;
    let current: Vec<&String> = replaced().flat_map(|change| change.link.refs.first()).collect();
    delete_by_ref(conn, "identities", &current).await?;
    insert_identities(conn, &changes).await
}

/// What is stored of the links' accounts, by their references under the current key.
pub(crate) async fn stored(
    conn: &mut Conn,
    links: &[Link],
    run: i64,
) -> Result<BTreeMap<AccountRef, Stored>, StoreError> {
    let mut stored: BTreeMap<AccountRef, Stored> = BTreeMap::new();
    let mut current: BTreeMap<&str, &str> = BTreeMap::new();
    for link in links {
        current.extend(link.refs.iter().map(|account| (account.as_str(), link.account())));
    }
    if current.is_empty() {
        return Ok(stored);
    }
    let sql = format!(
        "SELECT accounts.account_ref, accounts.import_run, identities.hash
         FROM accounts LEFT JOIN identities ON identities.account_ref = accounts.account_ref
         WHERE accounts.account_ref IN ({})",
        parameters(1, current.len())
    );
    for row in bind_all(sql, current.keys().copied()).fetch_all(conn).await? {
        let account: String = row.try_get("account_ref")?;
        let Some(under_current) = current.get(account.as_str()) else { continue };
        let found = stored.entry((*under_current).to_owned()).or_default();
        if *under_current == account {
            found.of_this_run = run != 0 && row.try_get::<i64, _>("import_run")? == run;
            found.hashes.extend(row.try_get::<Option<String>, _>("hash")?);
        } else {
            found.under_previous = true;
        }
    }
    Ok(stored)
}

pub(crate) async fn delete_by_ref(
    conn: &mut Conn,
    table: &'static str,
    refs: &[&String],
) -> Result<(), StoreError> {
    if !refs.is_empty() {
        let sql = format!("DELETE FROM {table} WHERE account_ref IN ({})", parameters(1, refs.len()));
        bind_all(sql, refs.iter().copied()).execute(conn).await?;
    }
    Ok(())
}

/// The update takes the row's lock also where it changes nothing, so that of two replicas that link one account the second
/// sees and replaces the identities of the first.
async fn upsert_accounts(conn: &mut Conn, changes: &[&Change<'_>], run: i64) -> Result<(), StoreError> {
    // The run is a number and no parameter, since all parameters of a statement are texts here.
    let row = |first: usize| format!("(${}, ${}, ${}, {run})", first, first + 1, first + 2);
    let rows: Vec<String> = (0..changes.len()).map(|index| row(3 * index + 1)).collect();
    let sql = format!(
        "INSERT INTO accounts (account_ref, platform, key_id, import_run) VALUES {}
         ON CONFLICT (account_ref) DO UPDATE SET key_id = excluded.key_id, import_run = excluded.import_run",
        rows.join(", ")
    );
    let links = changes.iter().map(|change| change.link);
    let values = links.flat_map(|link| [link.account(), &link.platform, &link.key_id]);
    bind_all(sql, values).execute(conn).await?;
    Ok(())
}

async fn insert_identities(conn: &mut Conn, changes: &[&Change<'_>]) -> Result<(), StoreError> {
    let rows: Vec<[&str; 4]> = changes
        .iter()
        .flat_map(|Change { link, added, .. }| {
            added.iter().map(|(hash, kind)| [hash.as_str(), link.account(), link.platform.as_str(), *kind])
        })
        .collect();
    for rows in rows.chunks(INSERT_ROWS) {
        let sql = format!(
            "INSERT INTO identities (hash, account_ref, platform, kind) VALUES {}
             ON CONFLICT (hash, account_ref) DO NOTHING",
            parameter_rows(rows.len(), 4)
        );
        bind_all(sql, rows.iter().flatten().copied()).execute(&mut *conn).await?;
    }
    Ok(())
}

/// A statement whose text holds generated placeholders only. Their number differs, so it isn't worth preparing.
pub(super) fn bind_all<'q>(
    sql: String,
    values: impl Iterator<Item = &'q (impl AsRef<str> + ?Sized + 'q)>,
) -> Query<'q, Any, AnyArguments> {
    values.fold(sqlx::query(AssertSqlSafe(sql)).persistent(false), |query, value| query.bind(value.as_ref()))
}
