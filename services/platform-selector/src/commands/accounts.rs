//! Accounts are linked, one or many, and unlinked. There is one way for both, so that an import does what single links do.

use std::collections::{BTreeMap, BTreeSet};

use segue_core::AccountRef;
use segue_proto::selector::v1::{LinkAccountResponse, UnlinkAccountResponse};
use segue_runtime::audit::object;
use segue_store::{Conn, StoreError, audit};

use super::Written;
use crate::{
    domain::directory::{Link, Row, merge},
    errors,
    store::{self, accounts::Change},
};

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

/// An account to be forgotten.
#[derive(Debug)]
pub(crate) struct Unlink {
    pub(crate) platform: String,
    pub(crate) refs: Vec<AccountRef>,
}

/// Links an account.
pub(crate) async fn link(conn: &mut Conn, link: &Link) -> Written<LinkAccountResponse> {
    match link_all(conn, std::slice::from_ref(link), Effect::Write { run: 0 }).await?.first() {
        Some(Linked::UnknownPlatform) => Ok(Err(errors::platform_not_found("platform", &link.platform))),
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
    let known = store::accounts::known_platforms(conn, links).await?;
    // By reference, so that writers who meet take the rows' locks in the same order.
    let mut accounts: BTreeMap<&str, Vec<(usize, &Link)>> = BTreeMap::new();
    for (place, link) in links.iter().enumerate().filter(|(_, link)| known.contains(&link.platform)) {
        accounts.entry(link.account()).or_default().push((place, link));
    }
    let mut linked = vec![Linked::UnknownPlatform; links.len()];
    let mut stored = store::accounts::stored(conn, links, effect.run()).await?;
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
        store::accounts::write(conn, &changes, run).await?;
    }
    Ok(linked)
}

/// Unlinks an account, whichever key it is stored under.
pub(crate) async fn unlink(conn: &mut Conn, unlink: &Unlink) -> Written<UnlinkAccountResponse> {
    if store::accounts::delete(conn, &unlink.refs).await? {
        let account = unlink.refs.first().map_or("", String::as_str);
        return Ok(Ok((UnlinkAccountResponse {}, account_change(&unlink.platform, account))));
    }
    Ok(Err(match store::platforms::exists(conn, &unlink.platform).await? {
        true => errors::account_not_found(&unlink.platform),
        false => errors::platform_not_found("platform", &unlink.platform),
    }))
}

/// For the audit log, which knows an account by its reference.
fn account_change(platform: &str, account: &str) -> audit::Change {
    audit::Change { resource: format!("account/{platform}/{account}"), ..audit::Change::default() }
}
