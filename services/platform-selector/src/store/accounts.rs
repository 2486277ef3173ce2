//! Linking accounts, one or many. There is one way for both, so that an import does what single links do.

use std::collections::{BTreeMap, BTreeSet};

use segue_core::AccountRef;
use segue_proto::selector::v1::{LinkAccountResponse, UnlinkAccountResponse};
use segue_runtime::audit::object;
use segue_store::{Conn, StoreError, audit};
use sqlx::{Any, AssertSqlSafe, Row as _, any::AnyArguments, query::Query};

use super::{Written, parameter_rows, parameters};
use crate::{
    domain::directory::{Identities, Link, Row, Stored, merge},
    error,
};

/// Rows of one insert, so that its parameters stay below the engines' limits.
const INSERT_ROWS: usize = 2000;

/// What becomes of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Linked {
    /// It was taken, or refused, by its account's rules.
    Done(Row),
    UnknownPlatform,
}

/// Whether links are stored.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Effect {
    /// As rows of a run of an import; 0 for a link that is no import's.
    Write { run: i64 },
    /// What would become of them is told.
    Tell,
}

impl Effect {
    fn run(self) -> i64 {
        match self {
            Self::Write { run } => run,
            Self::Tell => 0,
        }
    }
}

/// What is to be written of an account.
struct Change<'a> {
    link: &'a Link,
    replaces: bool,
    added: Identities,
}

/// An account to be forgotten.
#[derive(Debug)]
pub(crate) struct Unlink {
    pub(crate) platform: String,
    pub(crate) refs: Vec<AccountRef>,
}

/// Links an account.
pub(crate) async fn link(conn: &mut Conn, link: &Link) -> Written<LinkAccountResponse> {
    match link_all(conn, std::slice::from_ref(link), Effect::Write { run: 0 }).await?.first() {
        Some(Linked::UnknownPlatform) => Ok(Err(error::platform_not_found("platform", &link.platform))),
        _ => {
            let kinds: BTreeSet<&str> = link.identities.values().copied().collect();
            let kinds = kinds.into_iter().collect::<Vec<_>>().join(",");
            let change = audit::Change {
                new_value: object(&[("identity_kinds", &kinds)]),
                ..account_change(&link.platform, link.account())
            };
            Ok(Ok((LinkAccountResponse { account: link.account().to_owned() }, change)))
        }
    }
}

/// Links many accounts, and tells what becomes of each. Links of one account come together by the rules of
/// [`crate::domain::directory`]; those whose platform is unknown are left out.
pub(crate) async fn link_all(
    conn: &mut Conn,
    links: &[Link],
    effect: Effect,
) -> Result<Vec<Linked>, StoreError> {
    let known = known_platforms(conn, links).await?;
    // By reference, so that writers who meet take the rows' locks in the same order.
    let mut accounts: BTreeMap<&str, Vec<(usize, &Link)>> = BTreeMap::new();
    for (place, link) in links.iter().enumerate().filter(|(_, link)| known.contains(&link.platform)) {
        accounts.entry(link.account()).or_default().push((place, link));
    }
    let mut linked = vec![Linked::UnknownPlatform; links.len()];
    let mut stored = stored(conn, links, effect.run()).await?;
    let mut changes = vec![];
    for (account, rows) in accounts {
        let Some((_, link)) = rows.first() else { continue };
        let stored = stored.remove(account).unwrap_or_default();
        let was_of_this_run = stored.of_this_run;
        let merge = merge(stored, rows.iter().map(|(_, link)| &link.identities));
        for ((place, _), row) in rows.iter().zip(&merge.rows) {
            if let Some(linked) = linked.get_mut(*place) {
                *linked = Linked::Done(*row);
            }
        }
        if merge.replaces || !merge.added.is_empty() || !was_of_this_run {
            changes.push(Change { link, replaces: merge.replaces, added: merge.added });
        }
    }
    if let Effect::Write { run } = effect {
        write(conn, &changes, run).await?;
    }
    Ok(linked)
}

/// Unlinks an account, whichever key it is stored under.
pub(crate) async fn unlink(conn: &mut Conn, unlink: &Unlink) -> Written<UnlinkAccountResponse> {
    let sql = format!("DELETE FROM accounts WHERE account_ref IN ({})", parameters(1, unlink.refs.len()));
    if bind_all(sql, unlink.refs.iter()).execute(&mut *conn).await?.rows_affected() > 0 {
        let account = unlink.refs.first().map_or("", String::as_str);
        return Ok(Ok((UnlinkAccountResponse {}, account_change(&unlink.platform, account))));
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

/// For the audit log, which knows an account by its reference.
fn account_change(platform: &str, account: &str) -> audit::Change {
    audit::Change { resource: format!("account/{platform}/{account}"), ..audit::Change::default() }
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

/// Stores what has changed of different accounts.
async fn write(conn: &mut Conn, changes: &[Change<'_>], run: i64) -> Result<(), StoreError> {
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
async fn stored(
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
