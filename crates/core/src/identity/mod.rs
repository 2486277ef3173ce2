//! A customer's account information: parsed, normalised, and then only ever kept as keyed hashes.

mod email;
mod phone;
#[cfg(test)]
mod tests;

use unicode_normalization::UnicodeNormalization as _;

pub use self::phone::{Region, UnknownRegion};
use crate::{
    KeyRing, KeyedHash, Purpose,
    text::{without_format_characters, without_invisible_marks},
};

const MAX_VALUE_CHARS: usize = 256;
/// Part of what is hashed: never change it.
const UNVERIFIED: &str = "unverified";

/// Kinds of account information.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IdentityKind {
    /// A phone number in E.164 form.
    Phone,
    /// An e-mail address.
    Email,
    /// The business's own customer number.
    MemberId,
    /// An id that several platforms of one provider share.
    UnionId,
    /// An account id that platforms share.
    Account,
}

/// One normalised piece of account information. Personal data: it has no `Display`, and its `Debug` hides the value.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    kind: IdentityKind,
    value: String,
    /// Another form of the same thing, which it may be stored in.
    other: Option<String>,
}

/// Why account information is refused. The text never repeats the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The kind is none of ours.
    #[error("must be one of phone, email, member_id, union_id, account")]
    UnknownKind,
    /// Empty or too long.
    #[error("must have 1 to 256 characters")]
    Length,
    /// Characters that no such value has.
    #[error("must not have control characters")]
    Control,
    /// Not a phone number.
    #[error("must be a phone number in E.164 form: + and 8 to 15 digits")]
    Phone,
    /// A phone number without its country.
    #[error(
        "must be a phone number in E.164 form: + and 8 to 15 digits; one without its country is taken where `default-region` is set"
    )]
    Country,
    /// Not an e-mail address.
    #[error("must be an e-mail address")]
    Email,
}

/// An opaque reference to an account on a platform.
pub type AccountRef = KeyedHash;

impl IdentityKind {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Phone, "phone"),
        (Self::Email, "email"),
        (Self::MemberId, "member_id"),
        (Self::UnionId, "union_id"),
        (Self::Account, "account"),
    ];

    /// Reads a kind by its name in the contracts.
    pub fn parse(name: &str) -> Result<Self, IdentityError> {
        Self::ALL.iter().find(|(_, n)| *n == name).map(|(kind, _)| *kind).ok_or(IdentityError::UnknownKind)
    }

    /// What an unverified one is stored and told as.
    pub fn unverified_name(self) -> &'static str {
        match self {
            Self::Phone => "phone (unverified)",
            Self::Email => "email (unverified)",
            Self::MemberId => "member_id (unverified)",
            Self::UnionId => "union_id (unverified)",
            Self::Account => "account (unverified)",
        }
    }

    /// Its name in the contracts.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }
}

impl Identity {
    /// Normalises a value: without format characters, NFKC and trimmed, then by kind. Doing it again changes nothing. A national
    /// phone number is one of the region's.
    pub fn parse(kind: IdentityKind, value: &str, region: Option<Region>) -> Result<Self, IdentityError> {
        let text = readable(value)?;
        let (value, other) = match kind {
            IdentityKind::Phone => phone::normalise(&text, region)?,
            IdentityKind::Email => email::normalise(&text)?,
            IdentityKind::MemberId | IdentityKind::UnionId | IdentityKind::Account => (text, None),
        };
        Ok(Self { kind, value, other })
    }

    /// Whether a value has the form of its kind; a phone number may lack its country. For services that hand it on to the one
    /// that knows the region.
    pub fn check(kind: IdentityKind, value: &str) -> Result<(), IdentityError> {
        match Self::parse(kind, value, None) {
            Err(IdentityError::Country) if phone::is_plausible(&readable(value)?) => Ok(()),
            result => result.map(|_| ()),
        }
    }

    /// What it is.
    pub fn kind(&self) -> IdentityKind {
        self.kind
    }

    /// The hash to store it under.
    pub fn hash(&self, keys: &KeyRing) -> KeyedHash {
        keys.hash(Purpose::Identity, &[self.kind.name(), &self.value])
    }

    /// The hash to store it under when the platform has not verified it: another one, so that looking for the customer doesn't
    /// find it.
    pub fn unverified_hash(&self, keys: &KeyRing) -> KeyedHash {
        keys.hash(Purpose::Identity, &[self.kind.name(), &self.value, UNVERIFIED])
    }

    /// The hashes it may be stored under unverified.
    pub fn unverified_hashes(&self, keys: &KeyRing) -> Vec<KeyedHash> {
        keys.hashes(Purpose::Identity, &[self.kind.name(), &self.value, UNVERIFIED])
    }

    /// The hashes it may be stored under.
    pub fn hashes(&self, keys: &KeyRing) -> Vec<KeyedHash> {
        let forms = [Some(&self.value), self.other.as_ref()].into_iter().flatten();
        forms.flat_map(|form| keys.hashes(Purpose::Identity, &[self.kind.name(), form])).collect()
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// The references that a platform's account id may be known by: under the current key, then under the previous.
/// platform-selector makes them, code-issuer compares them at redemption; both hold the same directory key.
pub fn account_refs(keys: &KeyRing, platform: &str, account: &str) -> Vec<AccountRef> {
    let written = account.trim();
    let seen = without_invisible_marks(account);
    let mut refs = keys.hashes(Purpose::Account, &[platform, &seen]);
    if seen != written {
        // As programs of before 0.2 made it.
        refs.extend(keys.hashes(Purpose::Account, &[platform, written]));
    }
    refs
}

/// The text that is seen, without what is around it.
fn readable(value: &str) -> Result<String, IdentityError> {
    if value.chars().count() > MAX_VALUE_CHARS {
        return Err(IdentityError::Length);
    }
    let composed: String = without_format_characters(value).nfkc().collect();
    match composed.trim() {
        "" => Err(IdentityError::Length),
        text if text.contains(char::is_control) => Err(IdentityError::Control),
        text => Ok(text.to_owned()),
    }
}
