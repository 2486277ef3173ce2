//! Between the contracts' messages and the domain. Whatever comes in is read here once, into types that can't be wrong.

pub(crate) mod accounts;
pub(crate) mod candidates;
pub(crate) mod faces;
pub(crate) mod features;
pub(crate) mod hours;
pub(crate) mod mask;
pub(crate) mod platform;
pub(crate) mod profile;
pub(crate) mod recording;
pub(crate) mod terms;
pub(crate) mod vocabulary;
pub(crate) mod work;

use prost::Message;
use segue_store::StoreError;

/// The longest name that is shown to people: of a platform, a work profile, a feature or a special day.
const MAX_DISPLAY_NAME_CHARACTERS: usize = 128;

/// Reads a message as it is stored.
pub(crate) fn stored<M: Message + Default>(bytes: &[u8]) -> Result<M, StoreError> {
    M::decode(bytes).map_err(|error| {
        tracing::error!(%error, "a stored message can't be read");
        StoreError::Failed
    })
}

/// Reads a list of them.
pub(crate) fn all_stored<M: Message + Default>(list: &[Vec<u8>]) -> Result<Vec<M>, StoreError> {
    list.iter().map(|bytes| stored(bytes)).collect()
}
