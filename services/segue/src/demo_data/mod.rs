//! Demo data that reads like a real insurer's, and its loader, which uses the contracts like anybody else.
//!
//! The data is in `demo/*.toml` beside this package; all people, numbers and addresses in it are invented. Platforms,
//! work profiles and agents are written there one by one ([`Catalog`]); customers are made from a seed, the same ones
//! every time ([`customers`]). [`load`] may be repeated: what is there already stays as it is.

mod addresses;
mod catalog;
mod customers;
mod import;
mod load;
mod progress;
mod request_id;
#[cfg(test)]
mod tests;

pub use addresses::move_to;
pub use catalog::{Addresses, Catalog};
pub use customers::{Account, Customer, Customers, customers, demo_customer};
pub use load::load;
pub use progress::{Progress, Step, Summary, Targets};

/// The agent of the walk-through: serves the hotline, both chats and the video desk.
pub const DEMO_AGENT: &str = "A1001";
/// The work profile of the walk-through: it leads from the web chat to the app.
pub const DEMO_WORK_PROFILE: &str = "supplement_claim_documents";

/// What a refused call says, without the status's machine-readable details.
fn refused(status: &tonic::Status) -> anyhow::Error {
    anyhow::anyhow!("{} ({:?})", status.message(), status.code())
}
