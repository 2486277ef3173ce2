//! Linking accounts, one or many. There is one way for both, so that an import does what single links do.

use std::collections::{BTreeMap, BTreeSet};

use segue_core::AccountRef;
use segue_proto::selector::v1::{LinkAccountResponse, UnlinkAccountResponse};
use segue_store::{Conn, StoreError};
use sqlx::{Any, AssertSqlSafe, Row as _, any::AnyArguments, query::Query};

use super::{Outcome, parameter_rows, parameters};
use crate::error;

/// Rows of one insert, so that its parameters stay below the engines' limits.
const INSERT_ROWS: usize = 2000;

/// An account to be known. The hashes are under the current key.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) platform: String,
    /// Under the current key, then under the previous.
    pub(crate) refs: Vec<AccountRef>,
    /// Hash and kind of each piece of account information.
    pub(crate) identities: BTreeMap<String, &'static str>,
    /// Fingerprint of the current key.
    pub(crate) key_id: String,
}

/// An account to be forgotten.
#[derive(Debug)]
pub(crate) struct Unlink {
    pub(crate) platform: String,
    pub(crate) refs: Vec<AccountRef>,
}

impl Link {
    /// The reference under the current key.
    pub(crate) fn account(&self) -> &str {
        self.refs.first().map_or("", String::as_str)
    }
}

/// Links an account.
pub(crate) async fn link(conn: &mut Conn, link: &Link) -> Outcome<LinkAccountResponse> {
    if known_platforms(conn, std::slice::from_ref(link)).await?.is_empty() {
        return Ok(Err(error::platform_not_found("platform", &link.platform)));
    }
    put(conn, &[link]).await?;
    Ok(Ok(LinkAccountResponse { account: link.account().to_owned() }))
}

/// Links many accounts; of several links of one account the last counts. Returns the places of those whose platform is
/// unknown, which are left out.
pub(crate) async fn link_all(conn: &mut Conn, links: &[Link]) -> Result<Vec<usize>, StoreError> {
    let known = known_platforms(conn, links).await?;
    let (good, bad): (Vec<_>, Vec<_>) =
        links.iter().enumerate().partition(|(_, link)| known.contains(&link.platform));
    // By reference, so that writers who meet take the rows' locks in the same order.
    let last: BTreeMap<&str, &Link> = good.into_iter().map(|(_, link)| (link.account(), link)).collect();
    let last: Vec<&Link> = last.into_values().collect();
    put(conn, &last).await?;
    Ok(bad.into_iter().map(|(index, _)| index).collect())
}

/// Unlinks an account, whichever key it is stored under.
pub(crate) async fn unlink(conn: &mut Conn, unlink: &Unlink) -> Outcome<UnlinkAccountResponse> {
    let sql = format!("DELETE FROM accounts WHERE account_ref IN ({})", parameters(1, unlink.refs.len()));
    if bind_all(sql, unlink.refs.iter()).execute(&mut *conn).await?.rows_affected() > 0 {
        return Ok(Ok(UnlinkAccountResponse {}));
    }
    let platform = sqlx::query("SELECT 1 FROM platforms WHERE id = $1")
        .bind(unlink.platform.as_str())
        .fetch_optional(conn)
        .await?;
    Ok(Err(match platform {
        Some(_) => error::account_not_found(&unlink.platform),
        None => error::platform_not_found("platform", &unlink.platform),
    }))
}

async fn known_platforms(conn: &mut Conn, links: &[Link]) -> Result<BTreeSet<String>, StoreError> {
    let asked: BTreeSet<&String> = links.iter().map(|link| &link.platform).collect();
    if asked.is_empty() {
        return Ok(BTreeSet::new());
    }
    let sql = format!("SELECT id FROM platforms WHERE id IN ({})", parameters(1, asked.len()));
    let rows = bind_all(sql, asked.into_iter()).fetch_all(conn).await?;
    rows.iter().map(|row| Ok(row.try_get("id")?)).collect()
}

/// Stores links of different accounts. What is stored already is not written again.
async fn put(conn: &mut Conn, links: &[&Link]) -> Result<(), StoreError> {
    if links.is_empty() {
        return Ok(());
    }
    let stored = stored_identities(conn, links).await?;
    let is_stored = |link: &Link| {
        let mut found =
            link.refs.iter().filter_map(|account| stored.get(account).map(|hashes| (account, hashes)));
        // Under the current key only: what a rotation left under the previous one has to go.
        matches!(found.next(), Some((account, hashes)) if account == link.account()
            && hashes.iter().eq(link.identities.keys()))
            && found.next().is_none()
    };
    let changed: Vec<&Link> = links.iter().copied().filter(|link| !is_stored(link)).collect();
    if changed.is_empty() {
        return Ok(());
    }
    let previous: Vec<&String> = changed.iter().flat_map(|link| link.refs.iter().skip(1)).collect();
    delete_by_ref(conn, "accounts", &previous).await?;
    upsert_accounts(conn, &changed).await?;
    let current: Vec<&String> = changed.iter().flat_map(|link| link.refs.first()).collect();
    delete_by_ref(conn, "identities", &current).await?;
    insert_identities(conn, &changed).await
}

async fn stored_identities(
    conn: &mut Conn,
    links: &[&Link],
) -> Result<BTreeMap<AccountRef, BTreeSet<String>>, StoreError> {
    let refs: Vec<&String> = links.iter().flat_map(|link| &link.refs).collect();
    let mut stored: BTreeMap<AccountRef, BTreeSet<String>> = BTreeMap::new();
    let sql = format!(
        "SELECT account_ref, hash FROM identities WHERE account_ref IN ({})",
        parameters(1, refs.len())
    );
    for row in bind_all(sql, refs.into_iter()).fetch_all(conn).await? {
        stored.entry(row.try_get("account_ref")?).or_default().insert(row.try_get("hash")?);
    }
    Ok(stored)
}

pub(super) async fn delete_by_ref(
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

/// The update that changes nothing takes the row's lock, so that of two replicas that link one account the second sees
/// and replaces the identities of the first.
async fn upsert_accounts(conn: &mut Conn, links: &[&Link]) -> Result<(), StoreError> {
    let sql = format!(
        "INSERT INTO accounts (account_ref, platform, key_id) VALUES {}
         ON CONFLICT (account_ref) DO UPDATE SET key_id = excluded.key_id",
        parameter_rows(links.len(), 3)
    );
    let values = links.iter().flat_map(|link| [link.account(), &link.platform, &link.key_id]);
    bind_all(sql, values).execute(conn).await?;
    Ok(())
}

async fn insert_identities(conn: &mut Conn, links: &[&Link]) -> Result<(), StoreError> {
    let rows: Vec<[&str; 4]> = links
        .iter()
        .flat_map(|link| {
            link.identities
                .iter()
                .map(|(hash, kind)| [hash.as_str(), link.account(), link.platform.as_str(), *kind])
        })
        .collect();
    for rows in rows.chunks(INSERT_ROWS) {
        let sql = format!(
            "INSERT INTO identities (hash, account_ref, platform, kind) VALUES {}",
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
