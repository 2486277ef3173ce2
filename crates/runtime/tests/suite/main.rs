//! The chassis under a small real service, over real sockets.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod ending;
mod health;
mod identity;
mod limits;
mod overload;
mod peers;
mod service;
