//! The catalogue of features: which there are and what may be said of them, so that a misspelt one is an error and not a
//! platform that silently never matches.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::{
    feature::{FeatureName, FeatureValue},
    term::Test,
};

/// Names that are alike up to this are worth suggesting; 1 is the same.
const ALIKE: f64 = 0.6;

/// The features that there are. While it is empty, anything goes.
#[derive(Debug, Clone, Default)]
pub struct Vocabulary(BTreeMap<FeatureName, Kind>);

/// What platforms say of a feature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// That they have it.
    Present,
    /// A measure.
    Number,
    /// Some of these words; any when there are none.
    Words(BTreeSet<String>),
}

/// Why something does not suit the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// Where it is wrong.
    pub part: Part,
    why: Why,
}

/// A part of a feature or of a term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The feature's name.
    Name,
    /// The operator.
    Operator,
    /// A feature's number.
    Number,
    /// A feature's words, or a term's values.
    Words,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Why {
    UnknownFeature { suggestion: Option<String> },
    UnknownWord { word: String, suggestion: Option<String> },
    NeedsNumber,
    NeedsWords,
    TakesNothing,
    NotForKind { kind: &'static str, operators: &'static str },
}

impl Vocabulary {
    /// Adds or replaces a definition.
    pub fn define(&mut self, name: FeatureName, kind: Kind) {
        self.0.insert(name, kind);
    }

    /// Whether what a platform says of a feature suits.
    pub fn check_value(&self, name: &FeatureName, value: &FeatureValue) -> Result<(), Misfit> {
        let Some(kind) = self.kind(name)? else { return Ok(()) };
        match kind {
            Kind::Present | Kind::Words(_) if value.number.is_some() => {
                Err(Misfit::new(Part::Number, Why::TakesNothing))
            }
            Kind::Present | Kind::Number if !value.words.is_empty() => {
                Err(Misfit::new(Part::Words, Why::TakesNothing))
            }
            Kind::Number if value.number.is_none() => Err(Misfit::new(Part::Number, Why::NeedsNumber)),
            Kind::Words(_) if value.words.is_empty() => Err(Misfit::new(Part::Words, Why::NeedsWords)),
            Kind::Words(known) => known_words(known, &value.words),
            Kind::Present | Kind::Number => Ok(()),
        }
    }

    /// Whether what is asked of a feature suits.
    pub fn check_test(&self, name: &FeatureName, test: &Test) -> Result<(), Misfit> {
        let Some(kind) = self.kind(name)? else { return Ok(()) };
        match (kind, test) {
            (_, Test::Exists | Test::NotExists) | (Kind::Number, Test::AtLeast(_) | Test::AtMost(_)) => {
                Ok(())
            }
            (Kind::Number, Test::Equals { number, .. }) => {
                number.map(drop).ok_or(Misfit::new(Part::Words, Why::NeedsNumber))
            }
            (Kind::Words(known), Test::In(words) | Test::NotIn(words)) => known_words(known, words),
            (Kind::Words(known), Test::Equals { word, .. }) => known_words(known, [word]),
            (kind, _) => Err(Misfit::new(Part::Operator, kind.refusal())),
        }
    }

    /// None while anything goes.
    fn kind(&self, name: &FeatureName) -> Result<Option<&Kind>, Misfit> {
        match self.0.get(name) {
            Some(kind) => Ok(Some(kind)),
            None if self.0.is_empty() => Ok(None),
            None => {
                let suggestion = most_alike(name.as_str(), self.0.keys().map(FeatureName::as_str));
                Err(Misfit::new(Part::Name, Why::UnknownFeature { suggestion }))
            }
        }
    }
}

impl Kind {
    fn refusal(&self) -> Why {
        match self {
            Self::Present => Why::NotForKind { kind: "just present", operators: "EXISTS or NOT_EXISTS" },
            Self::Number => {
                Why::NotForKind { kind: "a number", operators: "EXISTS, NOT_EXISTS, EQ, GTE or LTE" }
            }
            Self::Words(_) => {
                Why::NotForKind { kind: "words", operators: "EXISTS, NOT_EXISTS, IN, NOT_IN or EQ" }
            }
        }
    }
}

impl Misfit {
    fn new(part: Part, why: Why) -> Self {
        Self { part, why }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let suggest = |f: &mut fmt::Formatter<'_>, suggestion: &Option<String>| match suggestion {
            Some(suggestion) => write!(f, "; did you mean {suggestion}?"),
            None => Ok(()),
        };
        match &self.why {
            Why::UnknownFeature { suggestion } => {
                f.write_str("is not in the catalogue of features")?;
                suggest(f, suggestion)
            }
            Why::UnknownWord { word, suggestion } => {
                write!(f, "{word} is none of the words that the catalogue has for this feature")?;
                suggest(f, suggestion)
            }
            Why::NeedsNumber => f.write_str("must be a number for this feature"),
            Why::NeedsWords => f.write_str("must have at least one word for this feature"),
            Why::TakesNothing => f.write_str("must be left out for this feature"),
            Why::NotForKind { kind, operators } => {
                write!(f, "must be {operators}, as this feature is {kind}")
            }
        }
    }
}

fn known_words<'a>(
    known: &BTreeSet<String>,
    words: impl IntoIterator<Item = &'a String>,
) -> Result<(), Misfit> {
    let unknown = words.into_iter().find(|word| !known.is_empty() && !known.contains(*word));
    unknown.map_or(Ok(()), |word| {
        let suggestion = most_alike(word, known.iter().map(String::as_str));
        Err(Misfit::new(Part::Words, Why::UnknownWord { word: word.clone(), suggestion }))
    })
}

/// The most alike, the first of equals; none that is too different to be meant.
fn most_alike<'a>(text: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let alike = known.map(|name| (strsim::normalized_damerau_levenshtein(text, name), name));
    let best = alike
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.map(|(_, name)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::feature::Number;

    fn name(text: &str) -> FeatureName {
        FeatureName::parse(text).unwrap()
    }

    fn words(text: &str) -> BTreeSet<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn vocabulary() -> Vocabulary {
        let mut vocabulary = Vocabulary::default();
        vocabulary.define(name("video"), Kind::Present);
        vocabulary.define(name("file_upload.max_mb"), Kind::Number);
        vocabulary.define(name("language"), Kind::Words(words("zh en yue")));
        vocabulary.define(name("tags"), Kind::Words(words("")));
        vocabulary
    }

    fn of_test(feature: &str, test: Test) -> String {
        match vocabulary().check_test(&name(feature), &test) {
            Ok(()) => "fine".to_owned(),
            Err(misfit) => format!("{:?} {misfit}", misfit.part),
        }
    }

    fn of_value(feature: &str, number: Option<f64>, text: &str) -> String {
        let value = FeatureValue { number: number.and_then(Number::new), words: words(text) };
        match vocabulary().check_value(&name(feature), &value) {
            Ok(()) => "fine".to_owned(),
            Err(misfit) => format!("{:?} {misfit}", misfit.part),
        }
    }

    fn equals(word: &str) -> Test {
        Test::Equals { word: word.to_owned(), number: Number::parse(word) }
    }

    #[test]
    fn a_misspelt_feature_is_an_error_with_a_suggestion() {
        let unknown = "Name is not in the catalogue of features";
        for misspelt in ["file_upload.mb_max", "fileupload.max_mb", "file_upload.max_md"] {
            let expected = format!("{unknown}; did you mean file_upload.max_mb?");
            assert_eq!(of_test(misspelt, Test::Exists), expected, "{misspelt}");
            assert_eq!(of_value(misspelt, Some(1.0), ""), expected, "{misspelt}");
        }
        assert_eq!(of_test("vidoe", Test::NotExists), format!("{unknown}; did you mean video?"));
        assert_eq!(of_test("fax", Test::NotExists), unknown);
    }

    #[test]
    fn each_kind_has_its_operators() {
        let bound = Test::AtLeast(Number::parse("5").unwrap());
        assert_eq!(of_test("file_upload.max_mb", bound.clone()), "fine");
        assert_eq!(of_test("file_upload.max_mb", equals("5")), "fine");
        assert_eq!(of_test("language", Test::In(words("zh"))), "fine");
        assert_eq!(of_test("language", equals("zh")), "fine");
        assert_eq!(of_test("tags", Test::NotIn(words("anything"))), "fine");
        assert_eq!(
            of_test("video", bound.clone()),
            "Operator must be EXISTS or NOT_EXISTS, as this feature is just present"
        );
        assert_eq!(
            of_test("language", bound),
            "Operator must be EXISTS, NOT_EXISTS, IN, NOT_IN or EQ, as this feature is words"
        );
        assert_eq!(
            of_test("file_upload.max_mb", Test::In(words("5"))),
            "Operator must be EXISTS, NOT_EXISTS, EQ, GTE or LTE, as this feature is a number"
        );
        assert_eq!(of_test("file_upload.max_mb", equals("much")), "Words must be a number for this feature");
        assert_eq!(
            of_test("language", Test::In(words("zh yeu"))),
            "Words yeu is none of the words that the catalogue has for this feature; did you mean yue?"
        );
    }

    #[test]
    fn each_kind_has_its_values() {
        assert_eq!(of_value("video", None, ""), "fine");
        assert_eq!(of_value("file_upload.max_mb", Some(5.0), ""), "fine");
        assert_eq!(of_value("language", None, "zh en"), "fine");
        assert_eq!(of_value("video", Some(1.0), ""), "Number must be left out for this feature");
        assert_eq!(of_value("video", None, "x"), "Words must be left out for this feature");
        assert_eq!(of_value("language", Some(1.0), "zh"), "Number must be left out for this feature");
        assert_eq!(of_value("file_upload.max_mb", None, ""), "Number must be a number for this feature");
        assert_eq!(of_value("language", None, ""), "Words must have at least one word for this feature");
        assert!(of_value("language", None, "fr").starts_with("Words fr is none of the words"));
    }

    #[test]
    fn without_a_catalogue_anything_goes() {
        let mut vocabulary = Vocabulary::default();
        assert_eq!(vocabulary.check_test(&name("vidoe"), &Test::Exists), Ok(()));
        vocabulary.define(name("video"), Kind::Present);
        assert!(vocabulary.check_test(&name("vidoe"), &Test::Exists).is_err());
    }
}
