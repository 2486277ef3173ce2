//! Checks of a request's fields. All violations are reported at once.
//!
//! A message that several services take has one validator here, so that none refuses what another has let in, or names it
//! otherwise. To add one, write `fields/<message>.rs`, and its limits into the message's comments in `proto/`.

mod customer;
mod faces;
mod ids;
mod session;
mod text;
mod time;
mod work;

use std::ops::RangeInclusive;

use segue_proto::common::v1::ErrorReason;

pub use customer::MAX_IDENTITIES;
pub use time::{millis_of, timestamp};
pub use work::Terms;

use crate::Refusal;

/// Violations beyond these are not told: they travel in a header, of which clients read 16 KiB.
const MAX_VIOLATIONS: usize = 32;

/// Collects what is wrong with a request.
#[derive(Debug, Default)]
pub struct Fields {
    violations: Vec<(String, String)>,
}

impl Fields {
    /// Nothing wrong so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Records a violation.
    pub fn violation(&mut self, field: impl Into<String>, description: impl Into<String>) {
        if self.violations.len() < MAX_VIOLATIONS {
            self.violations.push((field.into(), description.into()));
        }
    }

    /// The first violation: its field and what is wrong with it.
    pub fn first(&self) -> Option<(&str, &str)> {
        self.violations.first().map(|(field, description)| (field.as_str(), description.as_str()))
    }

    /// Records a violation unless the condition holds.
    pub fn require(&mut self, condition: bool, field: &str, description: &str) {
        if !condition {
            self.violation(field, description);
        }
    }

    /// An enum's value that must be known and given.
    pub fn enumeration<E: TryFrom<i32> + Default + PartialEq>(&mut self, field: &str, value: i32) -> E {
        let known = self.optional_enumeration(field, value);
        if value == 0 {
            self.violation(field, "must be given");
        }
        known
    }

    /// An enum's value that must be known, or unspecified.
    pub fn optional_enumeration<E: TryFrom<i32> + Default>(&mut self, field: &str, value: i32) -> E {
        E::try_from(value).unwrap_or_else(|_| {
            self.violation(field, "has an unknown value");
            E::default()
        })
    }

    /// A number in a range.
    pub fn range(&mut self, field: &str, value: i32, range: RangeInclusive<i32>) -> i32 {
        if !range.contains(&value) {
            self.violation(field, format!("must be {} to {}", range.start(), range.end()));
        }
        value
    }

    /// At most so many entries.
    pub fn at_most(&mut self, field: &str, entries: usize, most: usize) {
        if entries > most {
            self.violation(field, format!("must have at most {most} entries"));
        }
    }

    /// A page size: 1 to 1000, 0 for 100.
    pub fn page_size(&mut self, value: i32) -> i64 {
        self.range("page_size", value, 0..=1000);
        if value == 0 { 100 } else { i64::from(value) }
    }

    /// Refuses the request if anything is wrong.
    pub fn finish(self) -> Result<(), Refusal> {
        let Some((field, description)) = self.violations.first() else { return Ok(()) };
        let message = format!("{field} {description}");
        let refusal = Refusal::new(ErrorReason::InvalidField, message);
        Err(self.violations.into_iter().fold(refusal, |r, (field, description)| r.field(field, description)))
    }
}
