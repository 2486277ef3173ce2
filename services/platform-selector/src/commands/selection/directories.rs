//! The directories that platforms keep themselves.

use std::collections::{BTreeMap, BTreeSet};

use segue_core::AccountRef;
use segue_proto::common::v1::Customer;
use segue_runtime::Refusal;

use super::{Asked, Known};
use crate::{
    catalog::Accounts,
    clients::lookup::{Answer, Asking, LiveAccount},
    domain::selection::Unknown,
    selector::Selector,
};

/// Asks those platforms with directories of their own that could go on, and says of the others why they were not.
pub(super) async fn ask(
    selector: &Selector,
    asked: &Asked<'_>,
    known: &Known,
    hashes: &[String],
) -> Result<BTreeMap<String, Answer>, Refusal> {
    let catalog = &known.catalog;
    if catalog.directories.is_empty() || hashes.is_empty() {
        return Ok(BTreeMap::new());
    }
    let question = known.question_of_nobody(asked, &known.conditions)?;
    let down = &known.conditions.down;
    let why_not = |id: &String| if down.contains(id) { Unknown::Down } else { Unknown::NotAsked };
    let mut answers: BTreeMap<String, Answer> =
        catalog.directories.keys().map(|id| (id.clone(), Err(why_not(id)))).collect();
    let able = catalog.compiled.eligible(&catalog.platforms, &question);
    let platforms =
        able.iter().filter_map(|platform| catalog.directories.get_key_value(platform.id.as_str()));
    let platforms = platforms.map(|(id, uri)| (id.as_str(), uri.as_str())).collect();
    let nobody = Customer::default();
    let customer = asked.request.customer.as_ref().unwrap_or(&nobody);
    let found = selector.directories.find(&Asking { platforms, customer, hashes }).await;
    answers.extend(found.into_iter().map(|(platform, answer)| (platform.to_owned(), answer)));
    Ok(answers)
}

/// Adds what the platforms' own directories tell; what they don't is returned.
pub(super) fn learn(accounts: &mut Accounts, live: BTreeMap<String, Answer>) -> BTreeMap<String, Unknown> {
    let mut unknown = BTreeMap::new();
    for (platform, answer) in live {
        match answer {
            Err(why) => {
                unknown.insert(platform, why);
            }
            Ok(found) if found.is_empty() => {}
            Ok(found) => join(accounts.entry(platform).or_default(), &found),
        }
    }
    unknown
}

/// Adds accounts that Segue's own directory doesn't have. It may have them under the previous key.
fn join(known: &mut BTreeSet<AccountRef>, live: &[LiveAccount]) {
    let is_new = |account: &&LiveAccount| !account.iter().any(|name| known.contains(name));
    let new: Vec<&LiveAccount> = live.iter().filter(is_new).collect();
    known.extend(new.into_iter().filter_map(|account| account.first().cloned()));
}
