use segue_core::{AccountRef, Identity, KeyRing, Region, account_refs};
use segue_proto::{common::v1::Identity as IdentityMessage, selector::v1::ForgetMatch};
use segue_runtime::Fields;

use crate::{
    domain::directory::{MAX_IDENTITIES, Match},
    store::accounts::Link,
};

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
    let identities = fields.identities("identities", identities, 1..=MAX_IDENTITIES, region);
    let identities =
        identities.iter().map(|identity| (identity.hash(keys), identity.kind().name())).collect();
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

/// Each identity's kind, and the hashes that it may be stored under; what is given twice, once.
pub(crate) fn hashes_by_identity(
    identities: &[Identity],
    keys: &KeyRing,
) -> Vec<(&'static str, Vec<String>)> {
    let mut all: Vec<_> =
        identities.iter().map(|identity| (identity.kind().name(), identity.hashes(keys))).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// All hashes that the pieces of account information may be stored under, in an order of their own.
pub(crate) fn hashes(identities: &[Identity], keys: &KeyRing) -> Vec<String> {
    let mut hashes: Vec<String> = identities.iter().flat_map(|identity| identity.hashes(keys)).collect();
    hashes.sort_unstable();
    hashes.dedup();
    hashes
}
