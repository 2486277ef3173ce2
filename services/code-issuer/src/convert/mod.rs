//! Messages of the contracts to the domain's types and back.

mod access;
mod faces;
mod handoff;
mod parties;

pub(crate) use access::{access_info, strength};
pub(crate) use faces::{face, kind};
pub(crate) use handoff::{handoff, is_final, redeemed, source_session, state_from};
pub(crate) use parties::{Parties, first_delivery, is_sms, selection};
