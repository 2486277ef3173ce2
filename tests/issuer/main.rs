//! code-issuer with its real neighbours: refusals, the life of a handoff, races.

mod attacker;
mod canary;
mod connections;
mod failed;
mod indistinguishable;
mod keys;
mod life;
mod limits;
mod lockout;
mod mixed_race;
mod race;
mod redeem_refusals;
mod refusals;
mod refused_calls;
mod reissue_race;
mod replicas;
mod retired;
mod revoke;
mod selection;
mod shared_limits;
mod source;
mod spellings;
mod strength_table;
