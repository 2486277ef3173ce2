//! code-issuer with its real neighbours: refusals, the life of a handoff, races.

mod canary;
mod keys;
mod life;
mod limits;
mod race;
mod redeem_refusals;
mod refusals;
mod replicas;
mod revoke;
