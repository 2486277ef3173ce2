use segue_core::canonical_uuid;

use super::Fields;

impl Fields {
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
}
