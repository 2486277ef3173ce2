//! Phone numbers: E.164 by the numbering plans of the countries (libphonenumber's).

use std::str::FromStr;

use phonenumber::{PhoneNumber, Type, country, metadata::DATABASE};
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

use super::IdentityError;
use crate::text::ascii_digit;

/// `+`, and 8 to 15 digits.
const E164_LENGTH: std::ops::RangeInclusive<usize> = 9..=16;
/// What begins an extension; longer ones before those that they begin with.
const EXTENSIONS: [&str; 10] = [";ext=", "extension", "extn", "ext", "x", "#", "доб", "内线", "分机", "转"];
const LONGEST_EXTENSION: usize = 7;

/// The country whose national numbers are meant where a number has none: ISO 3166-1, two letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region(country::Id);

/// Not a country with phones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a country's two letters, as CN (ISO 3166-1)")]
pub struct UnknownRegion;

impl FromStr for Region {
    type Err = UnknownRegion;

    fn from_str(text: &str) -> Result<Self, UnknownRegion> {
        text.to_uppercase().parse().map(Self).map_err(|_| UnknownRegion)
    }
}

/// What was written, in parts.
struct Written {
    number: String,
    extension: String,
}

/// The number in one form, and the other forms that it may have been stored in.
///
/// A trunk zero in parentheses is no part of the number, a leading zero in Italy is. Whether such a number is in use is not asked,
/// since plans change faster than libraries.
pub(super) fn normalise(
    text: &str,
    region: Option<Region>,
) -> Result<(String, Option<String>), IdentityError> {
    let Written { number, extension } = written(text).ok_or(IdentityError::Phone)?;
    // The library would read the region's own prefixes into other countries' numbers.
    let region = region.filter(|_| !number.starts_with('+'));
    // To guess the country would be to match strangers.
    if !number.starts_with('+') && region.is_none() {
        return Err(IdentityError::Country);
    }
    let parsed =
        phonenumber::parse(region.map(|region| region.0), number).map_err(|_| IdentityError::Phone)?;
    let (one, other) = two_ways(&parsed);
    // What nobody can have may lose a prefix each time that it's read, and would be another number the next time.
    let again = phonenumber::parse(None, &one).map_err(|_| IdentityError::Phone)?;
    if !E164_LENGTH.contains(&one.len()) || two_ways(&again).0 != one {
        return Err(IdentityError::Phone);
    }
    // A mobile phone has no extensions; those of other lines are other people.
    let suffix = if extension.is_empty() || again.number_type(&DATABASE) == Type::Mobile {
        String::new()
    } else {
        format!(";ext={extension}")
    };
    Ok((one + &suffix, other.map(|other| other + &suffix)))
}

/// Whether a number has the form of one, whatever its country.
pub(super) fn is_plausible(text: &str) -> bool {
    written(text).is_some_and(|written| {
        let digits = written.number.chars().filter(char::is_ascii_digit).count();
        (5..=20).contains(&digits)
    })
}

/// Takes apart what people and address books write.
fn written(text: &str) -> Option<Written> {
    let plain: String = text.chars().map(plain).collect();
    let plain = plain.strip_prefix("tel:").unwrap_or(&plain);
    let end = plain.find(|c| !is_phone_character(c)).unwrap_or(plain.len());
    let (number, rest) = plain.split_at(end);
    let number = number.trim().to_owned();
    if number.chars().skip(1).any(|c| c == '+') || !number.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    Some(Written { number, extension: extension(rest)? })
}

/// The digits of an extension, empty for none; `None` for anything else.
fn extension(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some(String::new());
    }
    let digits = EXTENSIONS.iter().find_map(|begin| text.strip_prefix(begin))?;
    let digits = digits.trim_start_matches([' ', '.', ':', '-', '=']).trim_end();
    let right = (1..=LONGEST_EXTENSION).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    right.then(|| digits.to_owned())
}

/// A character as a plain keyboard has it: hyphens and dashes of every length, spaces of every width, digits of every script.
fn plain(c: char) -> char {
    match c.general_category() {
        GeneralCategory::DashPunctuation => '-',
        GeneralCategory::SpaceSeparator => ' ',
        _ if c == '\u{2212}' => '-',
        _ => ascii_digit(c.to_lowercase().next().unwrap_or(c)),
    }
}

fn is_phone_character(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '+' | ' ' | '-' | '(' | ')' | '.' | '/')
}

/// Numbers that carriers and messengers write in two ways: the one that is kept, and the other.
///
/// | country | kept | also written |
/// |---|---|---|
/// | Mexico | +52 and ten digits | +52 1 and ten digits: mobiles until 2019 |
/// | Argentina | +54 and ten digits | +54 9 and ten digits: mobiles called from abroad |
/// | Brazil | +55, area, 9 and eight digits | +55, area and eight digits from 6 on: mobiles until 2016 |
fn two_ways(number: &PhoneNumber) -> (String, Option<String>) {
    let national = number.national().to_string();
    let written = |national: &str| format!("+{}{national}", number.code().value());
    let (kept, other) = match (number.code().value(), national.as_bytes()) {
        (52, [b'1', b'1'..=b'9', rest @ ..]) if rest.len() == 9 => {
            (national[1..].to_owned(), Some(national.clone()))
        }
        (54, [b'9', b'1'..=b'9', rest @ ..]) if rest.len() == 9 => {
            (national[1..].to_owned(), Some(national.clone()))
        }
        (52, [_, rest @ ..]) if rest.len() == 9 => (national.clone(), Some(format!("1{national}"))),
        (54, [_, rest @ ..]) if rest.len() == 9 => (national.clone(), Some(format!("9{national}"))),
        (55, [_, _, b'6'..=b'9', rest @ ..]) if rest.len() == 7 => {
            (format!("{}9{}", &national[..2], &national[2..]), Some(national.clone()))
        }
        (55, [_, _, b'9', b'6'..=b'9', rest @ ..]) if rest.len() == 7 => {
            (national.clone(), Some(format!("{}{}", &national[..2], &national[3..])))
        }
        _ => (national.clone(), None),
    };
    (written(&kept), other.map(|other| written(&other)))
}
