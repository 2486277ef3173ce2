//! A customer's account information: parsed, normalised, and then only ever kept as keyed hashes.

use unicode_normalization::UnicodeNormalization as _;

use crate::{KeyRing, KeyedHash, Purpose};

const MAX_VALUE_CHARS: usize = 256;
/// `+`, and 8 to 15 digits.
const E164_LENGTH: std::ops::RangeInclusive<usize> = 9..=16;

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
    /// Not a phone number.
    #[error("must be a phone number in E.164 form: + and 8 to 15 digits")]
    Phone,
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

    /// Its name in the contracts.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }
}

impl Identity {
    /// Normalises a value: NFKC and trimmed, then by kind.
    pub fn parse(kind: IdentityKind, value: &str) -> Result<Self, IdentityError> {
        if value.chars().count() > MAX_VALUE_CHARS {
            return Err(IdentityError::Length);
        }
        let folded: String = value.nfkc().collect();
        let trimmed = folded.trim();
        if trimmed.is_empty() {
            return Err(IdentityError::Length);
        }
        let value = match kind {
            IdentityKind::Phone => normalise_phone(trimmed)?,
            IdentityKind::Email => normalise_email(trimmed)?,
            IdentityKind::MemberId | IdentityKind::UnionId | IdentityKind::Account => trimmed.to_owned(),
        };
        Ok(Self { kind, value })
    }

    /// What it is.
    pub fn kind(&self) -> IdentityKind {
        self.kind
    }

    /// The hash to store it under.
    pub fn hash(&self, keys: &KeyRing) -> KeyedHash {
        keys.hash(Purpose::Identity, &[self.kind.name(), &self.value])
    }

    /// The hashes it may be stored under.
    pub fn hashes(&self, keys: &KeyRing) -> Vec<KeyedHash> {
        keys.hashes(Purpose::Identity, &[self.kind.name(), &self.value])
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
    keys.hashes(Purpose::Account, &[platform, account.trim()])
}

/// By the numbering plans of the countries (libphonenumber's): a trunk zero in parentheses is no part of the number, a
/// leading zero in Italy is. Whether such a number is in use is not asked, since plans change faster than libraries. A
/// number without its country is refused: to guess the country would be to match strangers.
fn normalise_phone(text: &str) -> Result<String, IdentityError> {
    if !text.starts_with('+') || !text.chars().all(is_phone_character) {
        return Err(IdentityError::Phone);
    }
    let number = phonenumber::parse(None, text).map_err(|_| IdentityError::Phone)?;
    let number = number.format().mode(phonenumber::Mode::E164).to_string();
    if E164_LENGTH.contains(&number.len()) { Ok(number) } else { Err(IdentityError::Phone) }
}

fn is_phone_character(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '+' | ' ' | '-' | '(' | ')' | '.' | '/')
}

fn normalise_email(text: &str) -> Result<String, IdentityError> {
    let lower = text.to_lowercase();
    let (local, domain) = lower.rsplit_once('@').ok_or(IdentityError::Email)?;
    let valid = !local.is_empty() && domain.contains('.') && !lower.contains(char::is_whitespace);
    if valid { Ok(lower) } else { Err(IdentityError::Email) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(kind: &str, text: &str) -> Result<String, IdentityError> {
        Identity::parse(IdentityKind::parse(kind)?, text).map(|identity| identity.value)
    }

    #[test]
    fn spellings_of_the_same_thing_agree() {
        assert_eq!(value("phone", "+86 138-0013-8000").unwrap(), "+8613800138000");
        assert_eq!(value("phone", "＋86 (138) 0013 8000").unwrap(), "+8613800138000");
        // A trunk zero is no part of the number, and a zero that is stays.
        assert_eq!(value("phone", "+44 (0)20 7946 0958").unwrap(), "+442079460958");
        assert_eq!(value("phone", "+39 06 1234 5678").unwrap(), "+390612345678");
        // A number that nobody has is one all the same.
        assert_eq!(value("phone", "+86 140-0000-0001").unwrap(), "+8614000000001");
        assert_eq!(value("email", " Li.Wei@Example.COM ").unwrap(), "li.wei@example.com");
        assert_eq!(value("member_id", " M-1 ").unwrap(), "M-1");
    }

    #[test]
    fn nonsense_is_refused() {
        for odd in [
            "13800138000",
            "+",
            "+12",
            "+86138",
            "+0123456789",
            "+99912345678",
            "+861380013800013800",
            "+86 138x",
        ] {
            assert_eq!(value("phone", odd), Err(IdentityError::Phone), "{odd}");
        }
        assert_eq!(value("email", "a@b"), Err(IdentityError::Email));
        assert_eq!(value("shoe_size", "44"), Err(IdentityError::UnknownKind));
        assert_eq!(value("member_id", "  "), Err(IdentityError::Length));
        assert_eq!(value("member_id", &"x".repeat(257)), Err(IdentityError::Length));
    }
}
