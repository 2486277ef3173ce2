//! SQL only: rows in, domain types out.
//!
//! What is decided upon is read under the turn's lock ([`known`]) and written as one ([`changes`]). Whoever writes elsewhere is a
//! program of before, so each handoff that has changed is looked at again where it is written.

mod access;
mod changes;
mod codes;
mod guesses;
mod handoffs;
mod known;
mod live_codes;
mod outbox;
mod purge;
mod turns;
mod wrong_codes;

pub(crate) use access::sealed_access_info;
pub(crate) use changes::writes;
pub(crate) use codes::{live_hashes, retired_faces};
pub(crate) use guesses::of_account;
pub(crate) use handoffs::{Filter, Stored, due, find, list};
pub(crate) use known::known;
pub(crate) use live_codes::recount;
pub(crate) use purge::purge;
pub(crate) use turns::{ping, stands, take};
pub(crate) use wrong_codes::{scope, wrong_guesses};
