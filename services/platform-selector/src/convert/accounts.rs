use segue_core::{AccountRef, Identity, KeyRing, Region, account_refs};
use segue_proto::{
    common::v1::Identity as IdentityMessage,
    selector::v1::{Account, ForgetMatch},
};
use segue_runtime::Fields;

use crate::domain::directory::{Holder, Link, MAX_IDENTITIES, Match};

const MAX_ACCOUNT_CHARACTERS: usize = 128;

/// An account on a platform, by the platform's own id.
pub(crate) struct AccountId {
    pub(crate) platform: String,
    account: String,
}

impl AccountId {
    /// Reads it from the fields `platform` and `account`.
    pub(crate) fn parse(fields: &mut Fields, platform: &str, account: &str) -> Self {
        let platform = fields.slug("platform", platform);
        // Trimmed, as its reference is made of the trimmed text.
        let account = fields.text("account", account.trim(), 1..=MAX_ACCOUNT_CHARACTERS);
        // In an id they come of rows that ran together.
        fields.require(!account.contains(['\n', '\t']), "account", "must not have line breaks or tabs");
        Self { platform, account }
    }

    /// The references it may be known by, the current one first.
    pub(crate) fn refs(&self, keys: &KeyRing) -> Vec<AccountRef> {
        account_refs(keys, &self.platform, &self.account)
    }
}

/// Reads an account with its identities. Use it only if `fields` has nothing against it.
pub(crate) fn link(
    fields: &mut Fields,
    keys: &KeyRing,
    region: Option<Region>,
    platform: &str,
    account: &str,
    identities: &[IdentityMessage],
) -> Link {
    let id = AccountId::parse(fields, platform, account);
    // Only where a piece is refused are there fewer than were sent.
    let unverified = identities.iter().map(|identity| identity.unverified);
    let parsed = fields.identities("identities", identities, 1..=MAX_IDENTITIES, region);
    let identities = parsed
        .iter()
        .zip(unverified)
        .map(|(identity, unverified)| match unverified {
            true => (identity.unverified_hash(keys), identity.kind().unverified_name()),
            false => (identity.hash(keys), identity.kind().name()),
        })
        .collect();
    Link { refs: id.refs(keys), platform: id.platform, identities, key_id: keys.current_id() }
}

/// Which accounts are meant, from the contract.
pub(crate) fn forget_match(message: ForgetMatch) -> Match {
    match message {
        ForgetMatch::Unspecified => Match::Own,
        ForgetMatch::All => Match::All,
        ForgetMatch::Any => Match::Any,
    }
}

/// An account that was found.
pub(crate) fn holder(Holder { platform, account, kinds }: Holder) -> Account {
    Account { platform, account, matched_kinds: kinds }
}

/// Each identity's kind, and the hashes that it may be stored under, verified or not; what is given twice, once.
pub(crate) fn hashes_by_identity(
    identities: &[Identity],
    keys: &KeyRing,
) -> Vec<(&'static str, Vec<String>)> {
    let mut all: Vec<_> =
        identities.iter().map(|identity| (identity.kind().name(), all_hashes_of(identity, keys))).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// All hashes that the pieces of account information may be stored under, in an order of their own: of those that platforms have
/// verified.
pub(crate) fn verified_hashes(identities: &[Identity], keys: &KeyRing) -> Vec<String> {
    in_order(identities.iter().flat_map(|identity| identity.hashes(keys)).collect())
}

/// The same, verified or not.
pub(crate) fn all_hashes(identities: &[Identity], keys: &KeyRing) -> Vec<String> {
    in_order(identities.iter().flat_map(|identity| all_hashes_of(identity, keys)).collect())
}

fn all_hashes_of(identity: &Identity, keys: &KeyRing) -> Vec<String> {
    [identity.hashes(keys), identity.unverified_hashes(keys)].concat()
}

fn in_order(mut hashes: Vec<String>) -> Vec<String> {
    hashes.sort_unstable();
    hashes.dedup();
    hashes
}
