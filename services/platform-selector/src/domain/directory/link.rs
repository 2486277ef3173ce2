//! An account to be linked, as a single link or as a row of an import.

use segue_core::AccountRef;

use super::Identities;

/// An account to be known. The hashes are under the current key.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) platform: String,
    /// Under the current key, then under the previous.
    pub(crate) refs: Vec<AccountRef>,
    /// Hash and kind of each piece of account information.
    pub(crate) identities: Identities,
    /// Fingerprint of the current key.
    pub(crate) key_id: String,
}

impl Link {
    /// The reference under the current key.
    pub(crate) fn account(&self) -> &str {
        self.refs.first().map_or("", String::as_str)
    }
}
