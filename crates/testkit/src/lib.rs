//! What tests share: real databases, real processes, waiting for conditions.
//!
//! Everything started here ends when its handle is dropped.

mod adapter;
mod authority;
mod databases;
mod disk;
mod engines;
mod postgres;
mod process;
mod proxy;
mod refusals;
mod shared_postgres;
mod wait;

pub use adapter::{Adapter, Called, Echo, channel_service, serve_adapter};
pub use authority::{Authority, Issued, Validity};
pub use databases::{Databases, Storage};
pub use disk::SmallDisk;
pub use engines::{as_it_is, with_databases};
pub use postgres::{Postgres, is_root, unprivileged, unprivileged_folder};
pub use process::{Process, free_port};
pub use proxy::Proxy;
pub use refusals::{Refused, refused};
pub use wait::{WAIT, wait_for, wait_for_some};

/// A new request id.
pub fn request_id() -> String {
    uuid::Uuid::from_bytes(segue_core::Random::secure().bytes()).hyphenated().to_string()
}

/// The repository's root.
pub fn repository() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}
