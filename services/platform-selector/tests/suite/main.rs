//! The whole service over real sockets, on every engine.
//!
//! Each module tells what one group of RPCs does, as functions over a fresh service or over databases. To add one, write the function and
//! name it in its module's list.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod accounts;
mod adapter;
mod adapters;
mod audit;
mod features;
mod forget;
mod harness;
mod import;
mod platforms;
mod privacy;
mod profiles;
mod replicas;
mod selection;
mod simulate;
mod together;
