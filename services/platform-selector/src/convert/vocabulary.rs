//! The catalogue of features, and what it has against features and terms. Read them first: places in the messages are told
//! as if nothing was wrong with their form.

use segue_proto::selector::v1::{Feature, FeatureDefinition, FeatureKind};
use segue_runtime::Fields;
use segue_store::StoreError;

use super::{MAX_DISPLAY_NAME_CHARACTERS, features};
use crate::domain::{
    feature::{FeatureName, FeatureValue, Number},
    term::Term,
    vocabulary::{Kind, Misfit, Part, Vocabulary},
    work::Terms,
};

const MAX_UNIT_CHARACTERS: usize = 32;

/// Reads a definition. What it returns is to be used only if `fields` has nothing against it.
pub(crate) fn parse(
    fields: &mut Fields,
    path: &str,
    message: &FeatureDefinition,
) -> Option<(FeatureName, Kind)> {
    let at = |name: &str| format!("{path}.{name}");
    let name = features::name(fields, &at("name"), &message.name);
    fields.check_text(&at("display_name"), &message.display_name, 0..=MAX_DISPLAY_NAME_CHARACTERS);
    fields.check_text(&at("unit"), &message.unit, 0..=MAX_UNIT_CHARACTERS);
    let words = features::words(fields, &at("words"), &message.words);
    let kind = fields.enumeration(&at("kind"), message.kind);
    let no_words = words.is_empty() || kind == FeatureKind::Words;
    fields.require(no_words, &at("words"), "must be left out unless the kind is FEATURE_KIND_WORDS");
    let no_unit = message.unit.is_empty() || kind == FeatureKind::Number;
    fields.require(no_unit, &at("unit"), "must be left out unless the kind is FEATURE_KIND_NUMBER");
    let kind = match kind {
        FeatureKind::Unspecified => return None,
        FeatureKind::Present => Kind::Present,
        FeatureKind::Number => Kind::Number,
        FeatureKind::Words => Kind::Words(words),
    };
    Some((name?, kind))
}

/// Reads the whole catalogue as it is stored.
pub(crate) fn catalogue(messages: &[Vec<u8>]) -> Result<Vocabulary, StoreError> {
    let mut vocabulary = Vocabulary::default();
    for message in messages {
        let message: FeatureDefinition = super::stored(message)?;
        let mut fields = Fields::new();
        let definition = parse(&mut fields, "feature_definition", &message);
        match definition.filter(|_| fields.first().is_none()) {
            Some((name, kind)) => vocabulary.define(name, kind),
            None => {
                tracing::error!(name = message.name, "a stored feature definition is no longer valid");
                return Err(StoreError::Failed);
            }
        }
    }
    Ok(vocabulary)
}

/// Checks a platform's features.
pub(crate) fn check_features(fields: &mut Fields, path: &str, messages: &[Feature], known: &Vocabulary) {
    for (index, message) in messages.iter().enumerate() {
        let Some(name) = FeatureName::parse(&message.name) else { continue };
        let value = FeatureValue {
            number: message.number.and_then(Number::new),
            words: message.words.iter().cloned().collect(),
        };
        if let Err(misfit) = known.check_value(&name, &value) {
            let part = match misfit.part {
                Part::Name | Part::Operator => "name",
                Part::Number => "number",
                Part::Words => "words",
            };
            fields.violation(format!("{path}[{index}].{part}"), misfit.to_string());
        }
    }
}

/// Checks the terms of a work profile or of a request, which are below the path.
pub(crate) fn check_terms(fields: &mut Fields, path: &str, terms: &Terms, known: &Vocabulary) {
    for (index, term) in terms.requirements.iter().enumerate() {
        check_term(fields, &format!("{path}.requirements[{index}]"), term, known);
    }
    for (index, preference) in terms.preferences.iter().enumerate() {
        check_term(fields, &format!("{path}.preferences[{index}].requirement"), &preference.term, known);
    }
}

fn check_term(fields: &mut Fields, path: &str, term: &Term, known: &Vocabulary) {
    if let Err(misfit) = known.check_test(&term.feature, &term.test) {
        fields.violation(format!("{path}.{}", part_of_term(&misfit)), misfit.to_string());
    }
}

fn part_of_term(misfit: &Misfit) -> &'static str {
    match misfit.part {
        Part::Name => "feature",
        Part::Operator => "operator",
        Part::Number | Part::Words => "values",
    }
}
