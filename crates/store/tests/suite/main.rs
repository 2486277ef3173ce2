//! The storage conformance suite: what services rely on, shown on every engine by the same functions.
//!
//! To add a case, write an `async fn(&Engines)` in the file of its matter, and name it in the list at the file's top.

#[cfg(test)]
mod audit;
#[cfg(test)]
mod command;
#[cfg(test)]
mod create;
#[cfg(test)]
mod dispatcher;
#[cfg(test)]
mod engines;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod lost_commits;
#[cfg(test)]
mod notify;
#[cfg(test)]
mod outages;
#[cfg(test)]
mod outbox;
#[cfg(test)]
mod readers;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod rows;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod schema_steps;
#[cfg(test)]
mod tickets;
#[cfg(test)]
mod writes;
