//! All of Segue in one process, with demo data, and a demonstration that plays one handoff.

pub mod cli;
pub mod demo;
pub mod demo_data;
mod files;
mod keys;
mod system;
mod up;

pub use files::DatabaseUrls;
pub use keys::Keys;
pub use system::{Addresses, Ports, System, SystemConfig};
