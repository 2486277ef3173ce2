//! Which accounts are the person's who asks to be forgotten.
//!
//! A family shares a phone, a shop its mailbox: to delete whatever holds any of it deletes other people's accounts. What several
//! accounts of one platform hold is therefore no proof by itself.

use std::collections::{BTreeMap, BTreeSet};

/// An account that holds some of what was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) platform: String,
    pub(crate) account: String,
    /// Which of what was given it holds, by place.
    pub(crate) identities: BTreeSet<usize>,
}

/// An account that holds some of what was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) platform: String,
    pub(crate) account: String,
    /// The kinds of what it holds of it.
    pub(crate) kinds: Vec<String>,
}

/// Which accounts are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Match {
    /// Those that hold something that is not shared, or all that was given.
    Own,
    /// Those that hold all that was given.
    All,
    /// Those that hold any of it.
    Any,
}

/// Several accounts of one platform hold all that was given, and nothing tells whether they are one person's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ambiguous {
    /// The first such platform.
    pub(crate) platform: String,
    pub(crate) accounts: usize,
}

/// Divides accounts into those that are meant and those that are not; `given` is how many identities there are.
pub(crate) fn divide(held: Vec<Held>, given: usize, by: Match) -> Result<(Vec<Held>, Vec<Held>), Ambiguous> {
    let shared = shared(&held);
    let holds_own = |account: &Held| account.identities.difference(&shared).next().is_some();
    let holds_all = |account: &Held| account.identities.len() == given;
    let (meant, other): (Vec<_>, Vec<_>) = held.into_iter().partition(|account| match by {
        Match::Any => true,
        Match::All => holds_all(account),
        Match::Own => holds_own(account) || holds_all(account),
    });
    if by == Match::Own {
        let mut doubtful: BTreeMap<&str, usize> = BTreeMap::new();
        for account in meant.iter().filter(|account| !holds_own(account)) {
            *doubtful.entry(&account.platform).or_default() += 1;
        }
        if let Some((platform, accounts)) = doubtful.into_iter().find(|(_, accounts)| *accounts > 1) {
            return Err(Ambiguous { platform: platform.to_owned(), accounts });
        }
    }
    Ok((meant, other))
}

/// What several accounts of one platform hold.
fn shared(held: &[Held]) -> BTreeSet<usize> {
    let mut seen = BTreeSet::new();
    let places =
        held.iter().flat_map(|account| account.identities.iter().map(|place| (&account.platform, *place)));
    places.filter(|place| !seen.insert(*place)).map(|(_, place)| place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHONE: usize = 0;
    const EMAIL: usize = 1;

    fn held(platform: &str, account: &str, identities: &[usize]) -> Held {
        Held {
            platform: platform.to_owned(),
            account: account.to_owned(),
            identities: identities.iter().copied().collect(),
        }
    }

    fn meant(held: &[Held], given: usize, by: Match) -> Result<Vec<String>, Ambiguous> {
        divide(held.to_vec(), given, by).map(|(meant, other)| {
            assert_eq!(meant.len() + other.len(), held.len());
            meant.into_iter().map(|account| account.account).collect()
        })
    }

    #[test]
    fn a_shared_phone_is_no_proof() {
        let family = [
            held("app", "li", &[PHONE, EMAIL]),
            held("app", "wang", &[PHONE]),
            held("web", "zhao", &[PHONE]),
        ];
        assert_eq!(meant(&family, 2, Match::Own).unwrap(), ["li"]);
        assert_eq!(meant(&family, 2, Match::All).unwrap(), ["li"]);
        assert_eq!(meant(&family, 2, Match::Any).unwrap(), ["li", "wang", "zhao"]);
        // The phone alone.
        let by_phone = family.each_ref().map(|account| held(&account.platform, &account.account, &[PHONE]));
        let doubt = Ambiguous { platform: "app".to_owned(), accounts: 2 };
        assert_eq!(meant(&by_phone, 1, Match::Own), Err(doubt));
        assert_eq!(meant(&by_phone, 1, Match::All).unwrap().len(), 3);
    }

    #[test]
    fn what_is_not_shared_is_proof() {
        let own = [held("app", "li", &[PHONE]), held("web", "li", &[EMAIL])];
        assert_eq!(meant(&own, 2, Match::Own).unwrap(), ["li", "li"]);
        assert_eq!(meant(&own, 2, Match::All).unwrap(), Vec::<String>::new());
        assert_eq!(meant(&[], 2, Match::Own).unwrap(), Vec::<String>::new());
    }
}
