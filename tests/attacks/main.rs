//! Attacks that were seen to work, each by its number in docs/threats.md, with honest callers beside it. An attack is bounded in
//! count and time, and goes to loopback only.
//!
//! To add one, write a file here that starts a system, keeps [`honest::Callers`] calling, attacks, and asserts what the attacker
//! did not get and that the honest callers lost nothing.

#[cfg(test)]
mod adapter_change;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod certificate;
#[cfg(test)]
mod elsewhere;
#[cfg(test)]
mod guessing;
#[cfg(test)]
mod honest;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod revocation;
#[cfg(test)]
mod second_account;
#[cfg(test)]
mod shares;
#[cfg(test)]
mod small;
#[cfg(test)]
mod visitor;
