use std::{collections::BTreeSet, fmt};

use super::feature::{FeatureName, FeatureValue, Features, Number, WordList};

/// One term over a platform's features, in the shape of Kubernetes node affinity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Term {
    /// The feature it is about.
    pub feature: FeatureName,
    /// What is asked of it.
    pub test: Test,
}

/// What is asked of a feature.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Test {
    /// It is there.
    Exists,
    /// It is not there.
    NotExists,
    /// Its words hold at least one of these.
    In(BTreeSet<String>),
    /// Its words hold none of these; a missing feature has none.
    NotIn(BTreeSet<String>),
    /// Its number is this one, or its words are exactly this word.
    Equals {
        /// The value as a word.
        word: String,
        /// The value as a number, if it is one.
        number: Option<Number>,
    },
    /// Its number is at least this.
    AtLeast(Number),
    /// Its number is at most this.
    AtMost(Number),
}

/// A term that is only wished for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preference {
    /// What meeting it adds to the score, 1 to 100.
    pub weight: i32,
    /// The term.
    pub term: Term,
}

/// How a term fares on a platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// It is met.
    Met,
    /// The feature is not there.
    Missing,
    /// The feature is there, but not like this.
    Mismatch(&'a FeatureValue),
}

impl Term {
    /// Holds the term against a platform's features.
    pub fn judge<'a>(&self, features: &'a Features) -> Verdict<'a> {
        match features.get(&self.feature) {
            None => self.judge_missing(),
            Some(value) if self.test.holds_for(value) => Verdict::Met,
            Some(value) => Verdict::Mismatch(value),
        }
    }

    /// Holds the term against a platform without the feature.
    pub fn judge_missing<'a>(&self) -> Verdict<'a> {
        if matches!(self.test, Test::NotExists | Test::NotIn(_)) { Verdict::Met } else { Verdict::Missing }
    }
}

impl Test {
    fn holds_for(&self, value: &FeatureValue) -> bool {
        match self {
            Self::Exists => true,
            Self::NotExists => false,
            Self::In(words) => !value.words.is_disjoint(words),
            Self::NotIn(words) => value.words.is_disjoint(words),
            Self::Equals { word, number } => {
                let same_number = number.is_some() && *number == value.number;
                same_number || (value.words.len() == 1 && value.words.contains(word))
            }
            Self::AtLeast(least) => value.number.is_some_and(|number| number >= *least),
            Self::AtMost(most) => value.number.is_some_and(|number| number <= *most),
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists => f.write_str("to exist"),
            Self::NotExists => f.write_str("not to exist"),
            Self::In(words) => write!(f, "one of {}", WordList(words)),
            Self::NotIn(words) => write!(f, "none of {}", WordList(words)),
            Self::Equals { word, .. } => write!(f, "= {word}"),
            Self::AtLeast(least) => write!(f, ">= {least}"),
            Self::AtMost(most) => write!(f, "<= {most}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> BTreeSet<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn equals(word: &str) -> Test {
        Test::Equals { word: word.to_owned(), number: Number::parse(word) }
    }

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap()
    }

    fn outcome(feature: &str, test: Test) -> &'static str {
        let name = |text| FeatureName::parse(text).unwrap();
        let features = Features::from([
            (name("video"), FeatureValue::default()),
            (name("max_mb"), FeatureValue { number: Some(number("50")), words: words(&[]) }),
            (name("language"), FeatureValue { number: None, words: words(&["zh", "en"]) }),
            (name("tone"), FeatureValue { number: None, words: words(&["formal"]) }),
        ]);
        match (Term { feature: name(feature), test }).judge(&features) {
            Verdict::Met => "met",
            Verdict::Missing => "missing",
            Verdict::Mismatch(_) => "mismatch",
        }
    }

    #[test]
    fn each_operator_on_each_kind_of_value() {
        let table = [
            ("video", Test::Exists, "met"),
            ("nothing", Test::Exists, "missing"),
            ("video", Test::NotExists, "mismatch"),
            ("nothing", Test::NotExists, "met"),
            ("language", Test::In(words(&["en", "fr"])), "met"),
            ("language", Test::In(words(&["fr"])), "mismatch"),
            ("video", Test::In(words(&["fr"])), "mismatch"),
            ("nothing", Test::In(words(&["fr"])), "missing"),
            ("language", Test::NotIn(words(&["fr"])), "met"),
            ("language", Test::NotIn(words(&["fr", "zh"])), "mismatch"),
            ("nothing", Test::NotIn(words(&["fr"])), "met"),
            ("max_mb", equals("50"), "met"),
            ("max_mb", equals("50.0"), "met"),
            ("max_mb", equals("49"), "mismatch"),
            ("tone", equals("formal"), "met"),
            ("language", equals("zh"), "mismatch"),
            ("video", equals("x"), "mismatch"),
            ("nothing", equals("50"), "missing"),
            ("max_mb", Test::AtLeast(number("50.0")), "met"),
            ("max_mb", Test::AtLeast(number("50.1")), "mismatch"),
            ("max_mb", Test::AtMost(number("50.0")), "met"),
            ("max_mb", Test::AtMost(number("49.9")), "mismatch"),
            ("language", Test::AtLeast(number("0.0")), "mismatch"),
            ("nothing", Test::AtMost(number("1.0")), "missing"),
        ];
        for (feature, test, expected) in table {
            assert_eq!(outcome(feature, test.clone()), expected, "{feature} {test}");
        }
    }
}
