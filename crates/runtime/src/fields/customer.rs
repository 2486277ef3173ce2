use std::ops::RangeInclusive;

use segue_core::{Identity, IdentityError, IdentityKind, Region};
use segue_proto::common::v1::Customer;

use super::Fields;

/// Most pieces of account information of a customer.
pub const MAX_IDENTITIES: usize = 16;

impl Fields {
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
}
