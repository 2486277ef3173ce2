//! All of Segue in one process.

pub mod demo_data;
