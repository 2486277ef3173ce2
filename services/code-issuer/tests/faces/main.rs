//! Properties of every face of an access code (R6), from outside.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests may fail, and print the rates that the docs tell"
)]

mod corpus;
mod errors;
mod properties;
mod uniformity;

use code_issuer::domain::faces::{self, Canonical, FaceKind};

/// The codes of one face that an input may be.
fn of_face(kind: FaceKind, entered: &str) -> Vec<Canonical> {
    let found = faces::recognise(entered).into_iter();
    found.filter(|(found, _)| *found == kind).map(|(_, code)| code).collect()
}
