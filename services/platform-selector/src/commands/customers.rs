//! All that is known of a customer is deleted.

use std::collections::BTreeSet;

use segue_proto::selector::v1::{Account, ForgetCustomerResponse};
use segue_runtime::audit::object;
use segue_store::{Conn, audit::Change};

use super::{Outcome, Written};
use crate::{
    domain::directory::{Held, Match, divide},
    errors,
    store::{accounts::delete_by_ref, directory::accounts_holding},
};

/// Accounts deleted by one statement.
const CHUNK: usize = 1000;
/// Accounts named in an answer.
const MAX_NAMED: usize = 1000;

/// Whom to forget.
#[derive(Debug)]
pub(crate) struct Whom {
    /// Each identity's kind, and the hashes that it may be stored under.
    pub(crate) identities: Vec<(&'static str, Vec<String>)>,
    pub(crate) by: Match,
}

/// Tells which accounts would be deleted.
pub(crate) async fn tell(conn: &mut Conn, whom: &Whom) -> Outcome<ForgetCustomerResponse> {
    Ok(plan(conn, whom).await?.map(|(_, answer)| answer))
}

/// Deletes the person's accounts, with their identities.
pub(crate) async fn forget(conn: &mut Conn, whom: &Whom) -> Written<ForgetCustomerResponse> {
    let (accounts, answer) = match plan(conn, whom).await? {
        Ok(plan) => plan,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let refs: Vec<&String> = accounts.iter().map(|account| &account.account).collect();
    for refs in refs.chunks(CHUNK) {
        delete_by_ref(conn, "identities", refs).await?;
        delete_by_ref(conn, "accounts", refs).await?;
    }
    // The log says that somebody was forgotten, and not who.
    let change = Change {
        resource: "customer".to_owned(),
        old_value: object(&[
            ("accounts", &answer.accounts.to_string()),
            ("platforms", &answer.platforms.join(",")),
        ]),
        new_value: String::new(),
    };
    Ok(Ok((answer, change)))
}

/// What is to be deleted, and what is said of it.
async fn plan(conn: &mut Conn, whom: &Whom) -> Outcome<(Vec<Held>, ForgetCustomerResponse)> {
    let held = accounts_holding(conn, &whom.identities).await?;
    let (meant, kept) = match divide(held, whom.identities.len(), whom.by) {
        Ok(divided) => divided,
        Err(ambiguous) => return Ok(Err(errors::identity_shared(&ambiguous.platform, ambiguous.accounts))),
    };
    let platforms: BTreeSet<&String> = meant.iter().map(|account| &account.platform).collect();
    let answer = ForgetCustomerResponse {
        accounts: i64::try_from(meant.len()).unwrap_or(i64::MAX),
        platforms: platforms.into_iter().cloned().collect(),
        deleted: named(&meant, whom),
        kept: named(&kept, whom),
    };
    Ok(Ok((meant, answer)))
}

fn named(accounts: &[Held], whom: &Whom) -> Vec<Account> {
    let kinds = |held: &Held| -> BTreeSet<&str> {
        held.identities
            .iter()
            .filter_map(|place| whom.identities.get(*place))
            .map(|(kind, _)| *kind)
            .collect()
    };
    let message = |held: &Held| Account {
        platform: held.platform.clone(),
        account: held.account.clone(),
        matched_kinds: kinds(held).into_iter().map(str::to_owned).collect(),
    };
    accounts.iter().take(MAX_NAMED).map(message).collect()
}
