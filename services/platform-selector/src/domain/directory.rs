//! The directory of accounts: what an account's rows come to, and which accounts are those of a person.

mod forget;
mod link;
mod merge;

pub(crate) use forget::{Held, Holder, Match, divide};
pub(crate) use link::Link;
pub(crate) use merge::{Identities, Row, Stored, merge};

/// Most pieces of account information of a customer or an account.
pub(crate) const MAX_IDENTITIES: usize = 16;

/// Most accounts of a platform that a customer's account information can belong to: a family's phone, not a call centre's.
pub(crate) const MAX_MATCHING: usize = 8;
