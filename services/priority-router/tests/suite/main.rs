//! priority-router over real sockets, the same cases on every engine. To add a case, write an `async fn(World)` in the file of its matter
//! and name it in the list at the file's top.

#[cfg(test)]
mod deletion;
#[cfg(test)]
mod desks;
#[cfg(test)]
mod engines;
#[cfg(test)]
mod expiry;
#[cfg(test)]
mod handoffs;
#[cfg(test)]
mod history;
#[cfg(test)]
mod holds;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod offers;
#[cfg(test)]
mod order;
#[cfg(test)]
mod ordinary;
#[cfg(test)]
mod presence;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod repeats;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod sign_out;
#[cfg(test)]
mod statistics;
#[cfg(test)]
mod storm;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod transfer_rules;
#[cfg(test)]
mod transfers;
#[cfg(test)]
mod upgrade;
#[cfg(test)]
mod withdrawals;
#[cfg(test)]
mod world;
