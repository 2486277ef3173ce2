//! What the tests of the whole system share. The tests themselves are in the folders beside.

mod collector;
mod deployment;
mod fixture;
pub mod load;
pub mod performance;
mod scrape;
pub mod security;

pub use collector::{Collected, Collector};
pub use deployment::{Ending, InProcess, Processes, SERVICES, tools};
pub use fixture::{Clients, Fixture};
pub use scrape::{Series, scrape, try_scrape};
pub use security::Security;
