//! All of Segue in one process, with demo data, and a demonstration that plays one handoff.

mod accounts;
mod audit;
pub mod cli;
pub mod config;
mod databases;
pub mod demo;
pub mod demo_data;
mod folder;
mod keys;
mod ports;
mod system;
mod up;

pub use databases::{DatabaseUrls, ServerUrl};
pub use keys::Keys;
pub use ports::Ports;
pub use system::{Addresses, System, SystemConfig};

/// What a refused call says, without the status's machine-readable details but with the fields at fault.
fn refused(status: &tonic::Status) -> anyhow::Error {
    use tonic_types::StatusExt as _;
    let details = status.get_error_details();
    let violations = details.bad_request().map(|bad| bad.field_violations.clone()).unwrap_or_default();
    let fields: Vec<String> = violations.iter().map(|v| format!("{} {}", v.field, v.description)).collect();
    if fields.is_empty() {
        return anyhow::anyhow!("{} ({:?})", status.message(), status.code());
    }
    anyhow::anyhow!("{} ({:?}): {}", status.message(), status.code(), fields.join("; "))
}
