//! Checks of a request's fields. All violations are reported at once.

use std::ops::RangeInclusive;

use prost_types::Timestamp;
use segue_core::{Identity, IdentityError, IdentityKind, Region, canonical_uuid, text::with_line_feeds};
use segue_proto::common::v1::{Customer, ErrorReason};

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

    /// A text of so many characters, none of them a control character other than line ends and tabs. Line ends are line feeds in
    /// what it gives, whatever they were.
    #[must_use = "the text has other line ends than what was sent"]
    pub fn text(&mut self, field: &str, value: &str, characters: RangeInclusive<usize>) -> String {
        let (least, most) = (*characters.start(), *characters.end());
        let value = with_line_feeds(value);
        let plain = value.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\t'));
        if !characters.contains(&value.chars().count()) {
            self.violation(field, format!("must have {least} to {most} characters"));
        } else if !plain {
            self.violation(field, "must not have control characters");
        }
        value
    }

    /// The same, for a text that is kept as it is and so must have line feeds already.
    pub fn check_text(&mut self, field: &str, value: &str, characters: RangeInclusive<usize>) {
        if value.contains('\r') {
            self.violation(field, "must not have control characters");
        } else {
            let _ = self.text(field, value, characters);
        }
    }

    /// The same, in its place.
    pub fn text_in(&mut self, field: &str, value: &mut String, characters: RangeInclusive<usize>) {
        *value = self.text(field, value, characters);
    }

    /// The id of a platform or a work profile: 1 to 63 of a-z, 0-9, `_` and `-`, starting with a letter.
    pub fn slug(&mut self, field: &str, value: &str) -> String {
        let well_formed = segue_core::is_slug(value);
        self.require(well_formed, field, "must be 1 to 63 of a-z, 0-9, _ and -, starting with a letter");
        value.to_owned()
    }

    /// The number of an agent or a work order: 1 to 64 letters, digits, `_`, `-` and `.`.
    pub fn number(&mut self, field: &str, value: &str) -> String {
        let well_formed = (1..=64).contains(&value.len())
            && value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
        self.require(well_formed, field, "must be 1 to 64 letters, digits, _, - and .");
        value.to_owned()
    }

    /// A UUID for idempotency.
    pub fn request_id(&mut self, value: &str) -> String {
        let parsed = canonical_uuid(value);
        self.require(parsed.is_some(), "request_id", "must be a UUID, new for each new request");
        parsed.unwrap_or_default()
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

    /// A customer's account information.
    pub fn customer(
        &mut self,
        field: &str,
        customer: Option<&Customer>,
        entries: RangeInclusive<usize>,
        region: Option<Region>,
    ) -> Vec<Identity> {
        let identities = customer.map_or(&[][..], |customer| &customer.identities);
        self.identities(&format!("{field}.identities"), identities, entries, region)
    }

    /// The form of a customer's identities only, for services that hand them on: phone numbers may lack their country.
    pub fn check_customer(
        &mut self,
        field: &str,
        customer: Option<&Customer>,
        entries: RangeInclusive<usize>,
    ) {
        let identities = customer.map_or(&[][..], |customer| &customer.identities);
        self.each_identity(&format!("{field}.identities"), identities, entries, Identity::check);
    }

    /// Pieces of account information.
    pub fn identities(
        &mut self,
        field: &str,
        identities: &[segue_proto::common::v1::Identity],
        entries: RangeInclusive<usize>,
        region: Option<Region>,
    ) -> Vec<Identity> {
        self.each_identity(field, identities, entries, |kind, value| Identity::parse(kind, value, region))
    }

    fn each_identity<T>(
        &mut self,
        field: &str,
        identities: &[segue_proto::common::v1::Identity],
        entries: RangeInclusive<usize>,
        read: impl Fn(IdentityKind, &str) -> Result<T, IdentityError>,
    ) -> Vec<T> {
        if !entries.contains(&identities.len()) {
            self.violation(field, format!("must have {} to {} entries", entries.start(), entries.end()));
            return vec![];
        }
        let mut parsed = Vec::with_capacity(identities.len());
        for (index, identity) in identities.iter().enumerate() {
            match IdentityKind::parse(&identity.kind) {
                Err(error) => self.violation(format!("{field}[{index}].kind"), error.to_string()),
                Ok(kind) => match read(kind, &identity.value) {
                    Err(error) => self.violation(format!("{field}[{index}].value"), error.to_string()),
                    Ok(identity) => parsed.push(identity),
                },
            }
        }
        parsed
    }

    /// Refuses the request if anything is wrong.
    pub fn finish(self) -> Result<(), Refusal> {
        let Some((field, description)) = self.violations.first() else { return Ok(()) };
        let message = format!("{field} {description}");
        let refusal = Refusal::new(ErrorReason::InvalidField, message);
        Err(self.violations.into_iter().fold(refusal, |r, (field, description)| r.field(field, description)))
    }
}

/// A time for the wire; none for 0.
pub fn timestamp(unix_ms: i64) -> Option<Timestamp> {
    let nanos = i32::try_from(unix_ms.rem_euclid(1000) * 1_000_000).unwrap_or_default();
    (unix_ms != 0).then(|| Timestamp { seconds: unix_ms.div_euclid(1000), nanos })
}

/// A time from the wire; 0 for none.
pub fn millis_of(time: Option<&Timestamp>) -> i64 {
    time.map_or(0, |t| t.seconds.saturating_mul(1000).saturating_add(i64::from(t.nanos) / 1_000_000))
}
