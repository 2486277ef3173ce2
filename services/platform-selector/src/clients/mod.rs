//! The platforms' adapters: the only ones whom the selector calls (ADR 0009). They are asked for the customer's accounts
//! ([`lookup`]) and whether they are well ([`health`]); neither can keep a selection from being answered.

pub(crate) mod health;
pub(crate) mod lookup;

pub(crate) use segue_runtime::peer::Adapters;
