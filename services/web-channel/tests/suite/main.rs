//! The reference platform over real sockets, on every engine.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod bad_input;
mod channel;
mod chat;
mod exposure;
mod guards;
mod handoff;
mod http;
mod platform;
mod process;
mod replicas;
mod sweep;
mod system;
mod upload;
