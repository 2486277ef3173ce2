//! Fields that several requests share.

use std::collections::BTreeMap;

use segue_core::text::folded;
use segue_proto::common::v1::{Operator, RemainingWork, Requirement, Session};
use segue_runtime::{Fields, Refusal};

use crate::routing::OfAgent;

const MAX_SKILL_CHARS: usize = 64;
const MAX_SESSION_CHARS: usize = 128;
const MAX_KEY_CHARS: usize = 64;
const MAX_TERMS: usize = 32;
const MAX_CONTEXT: usize = 64;
const MAX_TERM_VALUES: usize = 64;
const MAX_TERM_CHARS: usize = 128;

/// The id of a contact: made by the router, so the form only keeps nonsense from the database.
pub(super) fn contact_id(fields: &mut Fields, field: &str, value: &str) -> String {
    fields.number(field, value)
}

/// Skills, sorted, each once.
pub(super) fn skills(fields: &mut Fields, field: &str, values: &[String], most: usize) -> Vec<String> {
    fields.at_most(field, values.len(), most);
    let mut skills: Vec<String> = values
        .iter()
        .take(most)
        .enumerate()
        .map(|(index, skill)| self::skill(fields, &format!("{field}[{index}]"), skill))
        .collect();
    skills.sort_unstable();
    skills.dedup();
    skills
}

/// One skill, in the form in which desks and agents mean the same.
pub(super) fn skill(fields: &mut Fields, field: &str, value: &str) -> String {
    let skill = folded(value);
    line(fields, field, value, MAX_SKILL_CHARS);
    if !value.is_empty() && !(1..=MAX_SKILL_CHARS).contains(&skill.chars().count()) {
        fields.violation(field, format!("must have 1 to {MAX_SKILL_CHARS} characters that are seen"));
    }
    skill
}

/// A write that an agent makes about a contact: the request's id, and who about what.
pub(super) fn of_agent(request_id: &str, id: &str, agent: &str) -> Result<(String, OfAgent), Refusal> {
    let mut fields = Fields::new();
    let request_id = fields.request_id(request_id);
    let id = contact_id(&mut fields, "id", id);
    let agent = fields.number("agent", agent);
    fields.finish()?;
    Ok((request_id, OfAgent { id, agent }))
}

/// A conversation's id.
pub(super) fn session_id(fields: &mut Fields, field: &str, value: &str) -> String {
    line(fields, field, value, MAX_SESSION_CHARS)
}

/// A conversation that must be given.
pub(super) fn session(fields: &mut Fields, field: &str, value: Option<&Session>) -> Session {
    let Some(session) = value else {
        fields.violation(field, "must be given");
        return Session::default();
    };
    Session {
        platform: fields.slug(&format!("{field}.platform"), &session.platform),
        session: session_id(fields, &format!("{field}.session"), &session.session),
    }
}

/// A map of texts, whose line ends become line feeds.
pub(super) fn entries(
    fields: &mut Fields,
    field: &str,
    map: &mut BTreeMap<String, String>,
    most: usize,
    most_chars: usize,
) {
    fields.at_most(field, map.len(), most);
    for (key, value) in map.iter_mut().take(most) {
        // The key may be of any length and content, so a violation doesn't repeat it.
        line(fields, field, key, MAX_KEY_CHARS);
        fields.text_in(&format!("{field}[]"), value, 0..=most_chars);
    }
}

/// The remaining work, which may be left out. The selector judges its terms; here they only have to be of bounded size.
pub(super) fn remaining_work(fields: &mut Fields, field: &str, work: Option<&mut RemainingWork>) {
    let Some(work) = work else { return };
    if !work.profile.is_empty() {
        fields.slug(&format!("{field}.profile"), &work.profile);
    }
    fields.at_most(&format!("{field}.requirements"), work.requirements.len(), MAX_TERMS);
    for (index, term) in work.requirements.iter().take(MAX_TERMS).enumerate() {
        requirement(fields, &format!("{field}.requirements[{index}]"), term);
    }
    fields.at_most(&format!("{field}.preferences"), work.preferences.len(), MAX_TERMS);
    for (index, preference) in work.preferences.iter().take(MAX_TERMS).enumerate() {
        if let Some(term) = &preference.requirement {
            requirement(fields, &format!("{field}.preferences[{index}].requirement"), term);
        }
    }
    fields.text_in(&format!("{field}.summary"), &mut work.summary, 0..=2000);
    entries(fields, &format!("{field}.context"), &mut work.context, MAX_CONTEXT, 2000);
    fields.text_in(&format!("{field}.conversation_summary"), &mut work.conversation_summary, 0..=4000);
}

fn requirement(fields: &mut Fields, field: &str, term: &Requirement) {
    fields.check_text(&format!("{field}.feature"), &term.feature, 0..=MAX_TERM_CHARS);
    fields.optional_enumeration::<Operator>(&format!("{field}.operator"), term.operator);
    fields.at_most(&format!("{field}.values"), term.values.len(), MAX_TERM_VALUES);
    for value in term.values.iter().take(MAX_TERM_VALUES) {
        fields.check_text(&format!("{field}.values"), value, 0..=MAX_TERM_CHARS);
    }
}

/// A keyed hash: 32 to 128 hexadecimal digits, in lower case.
pub(super) fn code_hash(fields: &mut Fields, field: &str, value: &str) -> String {
    let well_formed = (32..=128).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    fields.require(well_formed, field, "must be 32 to 128 hexadecimal digits");
    value.to_ascii_lowercase()
}

/// A text of one line that must not be empty.
fn line(fields: &mut Fields, field: &str, value: &str, most_chars: usize) -> String {
    if value.contains(['\n', '\r', '\t']) {
        fields.violation(field, "must be one line");
    }
    fields.text(field, value, 1..=most_chars)
}
