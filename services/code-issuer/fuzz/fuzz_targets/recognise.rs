//! Whatever a customer enters: no panic, a stable normal form, and only codes that mean themselves.
//!
//! `cargo +nightly fuzz run recognise -- -max_total_time=30` here, with cargo-fuzz. The corpus is replayed by the service's
//! own tests (`tests/faces`).
#![no_main]

use code_issuer::domain::faces;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|entered: &str| {
    let normal = faces::normalise(entered);
    assert_eq!(faces::normalise(&normal), normal);
    let found = faces::recognise(entered);
    assert!(found.len() <= faces::MOST_CANDIDATES);
    for (kind, code) in found {
        let shown = faces::of_kind(kind).display(&code);
        let again = faces::recognise(&shown);
        assert!(again.iter().any(|(other, same)| *other == kind && *same == code));
    }
});
