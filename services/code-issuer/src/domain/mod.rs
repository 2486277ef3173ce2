//! What a handoff and an access code are. No transport, no database.

pub mod access;
pub mod call;
pub mod code;
pub mod faces;
pub mod guessing;
pub mod handoff;
pub mod limits;
pub mod locale;
pub mod message;
pub mod strength;
pub mod turn;
