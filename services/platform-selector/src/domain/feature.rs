use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    fmt,
};

const MAX_NAME_BYTES: usize = 63;

/// A feature's name: 1 to 63 of a-z, 0-9, `_` and `.`, starting with a letter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FeatureName(String);

/// A finite number, and so one that can be ordered.
#[derive(Debug, Clone, Copy)]
pub struct Number(f64);

/// What is known of a feature that is present: maybe a measure, maybe words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct FeatureValue {
    /// A measure.
    pub number: Option<Number>,
    /// A set of words, for example languages.
    pub words: BTreeSet<String>,
}

/// A platform's features.
pub type Features = BTreeMap<FeatureName, FeatureValue>;

impl FeatureName {
    /// Reads a name; none if it is malformed.
    pub fn parse(text: &str) -> Option<Self> {
        let well_formed = text.len() <= MAX_NAME_BYTES
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '.'));
        well_formed.then(|| Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Number {
    /// The number; none unless it is finite.
    pub fn new(number: f64) -> Option<Self> {
        // Adding 0 makes 0 of -0, which would order and look otherwise.
        number.is_finite().then_some(Self(number + 0.0))
    }

    /// Reads a number.
    pub fn parse(text: &str) -> Option<Self> {
        Self::new(text.trim().parse().ok()?)
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for FeatureValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.number, self.words.is_empty()) {
            (None, true) => f.write_str("present"),
            (Some(number), true) => write!(f, "{number}"),
            (None, false) => write!(f, "{}", WordList(&self.words)),
            (Some(number), false) => write!(f, "{number} and {}", WordList(&self.words)),
        }
    }
}

/// Words as they are shown: `{en, zh}`.
pub(crate) struct WordList<'a>(pub(crate) &'a BTreeSet<String>);

impl fmt::Display for WordList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (index, word) in self.0.iter().enumerate() {
            write!(f, "{}{word}", if index == 0 { "" } else { ", " })?;
        }
        f.write_str("}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_finite_and_have_one_zero() {
        let number = |text| Number::parse(text).unwrap();
        assert_eq!(number("-0"), number(" 0.0"));
        assert_eq!(number("-0").to_string(), "0");
        assert!(number("-1") < number("0") && number("5e1") > number("49.9"));
        for bad in ["", "x", "inf", "NaN", "1e999"] {
            assert!(Number::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn names_are_dotted_lower_case() {
        for good in ["video", "file_upload.max_mb", "a", "x9"] {
            assert!(FeatureName::parse(good).is_some(), "{good}");
        }
        for bad in ["", "Video", "9x", ".x", "a-b", "a b", "视频", &"x".repeat(64)] {
            assert!(FeatureName::parse(bad).is_none(), "{bad}");
        }
    }
}
