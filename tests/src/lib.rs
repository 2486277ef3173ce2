//! What the tests of the whole system share. The tests themselves are in the folders beside.

mod deployment;
mod fixture;
pub mod security;

pub use deployment::{InProcess, Processes, SERVICES, tools};
pub use fixture::{Clients, Fixture};
pub use security::Security;
