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

/// The longest name that is shown to people: of a platform, a work profile, a feature or a special day.
const MAX_DISPLAY_NAME_CHARACTERS: usize = 128;
