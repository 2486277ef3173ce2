//! Messages of the contract, as what this platform knows.

mod card;
pub(crate) mod delivery;

pub(crate) use card::card;
