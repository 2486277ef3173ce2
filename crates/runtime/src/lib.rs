//! The chassis: what every service needs and none should do its own way.
//!
//! A service's package exports `bind(Config, Parts) -> Running` and its `main.rs` calls [`main`]. In between it uses:
//! settings ([`settings`]), refusals with documented reasons ([`Refusal`]), checks of fields ([`Fields`]), page tokens
//! ([`page`]), clients of other services ([`peer`]), and [`Server`], which serves with tracing, deadlines, limits, health,
//! reflection and a bounded shutdown.

pub mod access;
// The test harness of this crate links it a second time, and a program has one allocator.
#[cfg(not(test))]
mod allocator;
pub mod audit;
mod boot;
mod caller;
mod database;
mod fields;
pub mod hosts;
pub mod http;
mod identity;
mod incoming;
mod layers;
mod log_throttle;
mod methods;
pub mod metrics;
pub mod network;
mod operations;
pub mod overload;
pub mod page;
mod parts;
pub mod peer;
mod protocol;
mod refusal;
mod running;
mod server;
pub mod settings;
pub mod shares;
mod stop;
pub mod telemetry;
mod tls;
pub mod trace_context;
mod transport;
mod watched;

pub use boot::{main, read_keys};
pub use caller::caller;
pub use database::{DATABASE_SETTINGS, read_database};
pub use fields::{Fields, MAX_IDENTITIES, Terms, millis_of, timestamp};
pub use identity::{IdentityConfig, Role};
pub use methods::Class;
pub use operations::Operations;
pub use parts::{BootError, Parts};
pub use refusal::{ERROR_DOMAIN, Refusal, code_of, reason_of};
pub use running::{Running, ServeError};
pub use server::{Server, ServerConfig};
pub use stop::{Stop, StreamEnd};
pub use tls::{Credentials, TLS_SETTINGS};
pub use transport::MAX_MESSAGE_BYTES;
