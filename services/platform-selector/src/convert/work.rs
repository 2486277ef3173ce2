use segue_proto::common::v1::RemainingWork as WorkMessage;
use segue_runtime::Fields;

use super::terms;
use crate::domain::work::Terms;

const MAX_TEXT_CHARACTERS: usize = 2000;
const MAX_CONTEXT_ENTRIES: usize = 64;
const MAX_CONTEXT_KEY_CHARACTERS: usize = 64;

/// What the remaining work needs. Without profile and terms it needs nothing, and every platform will do.
#[derive(Debug, Clone, Default)]
pub(crate) struct RemainingWork {
    /// Empty: none.
    pub(crate) profile: String,
    /// Its own terms.
    pub(crate) terms: Terms,
}

/// Reads the remaining work.
pub(crate) fn parse(fields: &mut Fields, path: &str, message: Option<&WorkMessage>) -> RemainingWork {
    let Some(message) = message else { return RemainingWork::default() };
    if !message.profile.is_empty() {
        fields.slug(&format!("{path}.profile"), &message.profile);
    }
    // Not kept, so its line ends don't matter.
    let _ = fields.text(&format!("{path}.summary"), &message.summary, 0..=MAX_TEXT_CHARACTERS);
    check_context(fields, &format!("{path}.context"), message);
    RemainingWork {
        profile: message.profile.clone(),
        terms: Terms {
            requirements: terms::requirements(fields, &format!("{path}.requirements"), &message.requirements),
            preferences: terms::preferences(fields, &format!("{path}.preferences"), &message.preferences),
        },
    }
}

/// The violations name the map only: its keys may be as long as they like.
fn check_context(fields: &mut Fields, path: &str, message: &WorkMessage) {
    fields.at_most(path, message.context.len(), MAX_CONTEXT_ENTRIES);
    let characters = |text: &str| text.chars().count();
    let keys = message.context.keys().all(|key| (1..=MAX_CONTEXT_KEY_CHARACTERS).contains(&characters(key)));
    fields.require(keys, path, "must have keys of 1 to 64 characters");
    let values = message.context.values().all(|value| characters(value) <= MAX_TEXT_CHARACTERS);
    fields.require(values, path, "must have values of at most 2000 characters");
}
