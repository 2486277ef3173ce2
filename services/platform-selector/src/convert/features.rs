use std::collections::BTreeSet;

use segue_proto::selector::v1::Feature;
use segue_runtime::Fields;

use crate::domain::feature::{FeatureName, FeatureValue, Features, Number};

const MAX_FEATURES: usize = 64;
/// Words of one feature, and values of one term.
const MAX_WORDS: usize = 64;
const MAX_WORD_CHARACTERS: usize = 64;
const NAME_FORM: &str = "must be 1 to 63 of a-z, 0-9, _ and ., starting with a letter";

/// Reads a platform's features.
pub(crate) fn parse(fields: &mut Fields, path: &str, messages: &[Feature]) -> Features {
    fields.at_most(path, messages.len(), MAX_FEATURES);
    let mut features = Features::new();
    for (index, message) in messages.iter().take(MAX_FEATURES).enumerate() {
        let path = format!("{path}[{index}]");
        let words = words(fields, &format!("{path}.words"), &message.words);
        let number = message.number.and_then(Number::new);
        if message.number.is_some() != number.is_some() {
            fields.violation(format!("{path}.number"), "must be a finite number");
        }
        let Some(name) = name(fields, &format!("{path}.name"), &message.name) else { continue };
        if features.insert(name, FeatureValue { number, words }).is_some() {
            fields.violation(format!("{path}.name"), "is given twice");
        }
    }
    features
}

/// Reads a feature's name.
pub(crate) fn name(fields: &mut Fields, path: &str, text: &str) -> Option<FeatureName> {
    let name = FeatureName::parse(text);
    fields.require(name.is_some(), path, NAME_FORM);
    name
}

/// Reads a set of words.
pub(crate) fn words(fields: &mut Fields, path: &str, words: &[String]) -> BTreeSet<String> {
    fields.at_most(path, words.len(), MAX_WORDS);
    let words = words.iter().take(MAX_WORDS).enumerate();
    words
        .map(|(index, word)| fields.text(&format!("{path}[{index}]"), word, 1..=MAX_WORD_CHARACTERS))
        .collect()
}
