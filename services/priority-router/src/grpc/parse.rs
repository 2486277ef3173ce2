//! Fields that several requests share.

use std::ops::RangeInclusive;

use segue_core::text::folded;
use segue_proto::router::v1::{self as proto, transfer_contact_request as transfer};
use segue_runtime::{Fields, Refusal};

use crate::{
    domain::{By, ContactId, DAY_MS, Leaving, Name, Priority, To},
    errors::contact_not_found,
};

/// Skills that a contact may ask for.
pub(super) const MAX_CONTACT_SKILLS: usize = 16;
/// How long the reason of a transfer may be.
const MAX_REASON_CHARS: usize = 256;

/// For how long a contact may wait for an agent.
const TIME_TO_LIVE_MS: RangeInclusive<i64> = 10_000..=30 * DAY_MS;
const NANOS_OF_A_MILLI: i32 = 1_000_000;
const NANOS: RangeInclusive<i32> = 0..=999_999_999;

const MAX_SKILL_CHARS: usize = 64;

/// The id of a contact. It is made by the router: one of another form is of no contact, and none.
pub(super) fn contact_id(fields: &mut Fields, field: &str, value: &str) -> Option<ContactId> {
    fields.number(field, value).parse().ok()
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
    fields.line(field, value, MAX_SKILL_CHARS);
    if !value.is_empty() && !(1..=MAX_SKILL_CHARS).contains(&skill.chars().count()) {
        fields.violation(field, format!("must have 1 to {MAX_SKILL_CHARS} characters that are seen"));
    }
    skill
}

/// A write that an agent makes about a contact: the request's id, and who about what.
pub(super) fn of_agent(
    request_id: &str,
    id: &str,
    agent: &str,
) -> Result<(String, ContactId, Name), Refusal> {
    let mut fields = Fields::new();
    let request_id = fields.request_id(request_id);
    let contact = contact_id(&mut fields, "id", id);
    let agent = fields.number("agent", agent);
    fields.finish()?;
    let contact = contact.ok_or_else(|| contact_not_found(id))?;
    Ok((request_id, contact, agent.into()))
}

/// A class of service that may be asked for; none when it's not given.
pub(super) fn class(fields: &mut Fields, field: &str, value: i32) -> Option<Priority> {
    match fields.optional_enumeration(field, value) {
        proto::Priority::Unspecified => None,
        proto::Priority::Low => Some(Priority::Low),
        proto::Priority::Normal => Some(Priority::Normal),
        proto::Priority::High => Some(Priority::High),
        proto::Priority::Urgent => Some(Priority::Urgent),
        proto::Priority::Handoff => {
            fields.violation(field, "is given by an access code alone and can't be asked for");
            None
        }
    }
}

/// For how long a contact may wait, in milliseconds; none when it's not given.
pub(super) fn time_to_live(
    fields: &mut Fields,
    field: &str,
    value: Option<&prost_types::Duration>,
) -> Option<i64> {
    let value = value?;
    let millis = value.seconds.saturating_mul(1000).saturating_add((value.nanos / NANOS_OF_A_MILLI).into());
    let is_valid = NANOS.contains(&value.nanos) && TIME_TO_LIVE_MS.contains(&millis);
    fields.require(is_valid, field, "must be 10 s to 30 days");
    is_valid.then_some(millis)
}

/// The contact that a submission goes on with, by its id; none when it's not given.
pub(super) fn rejoins(fields: &mut Fields, field: &str, value: &str) -> Option<ContactId> {
    if value.is_empty() { None } else { contact_id(fields, field, value) }
}

/// What becomes of the contacts of an agent who signs out.
pub(super) fn leaving(fields: &mut Fields, field: &str, value: i32) -> Leaving {
    match fields.optional_enumeration(field, value) {
        proto::SignOutPolicy::RequeueAtOnce => Leaving::AtOnce,
        proto::SignOutPolicy::Unspecified | proto::SignOutPolicy::KeepForGrace => Leaving::AfterGrace,
    }
}

/// Who transfers a contact: nobody's agent is a supervisor, as whom the table of access lets only those through who administer
/// routing.
pub(super) fn transfers(fields: &mut Fields, field: &str, value: &str) -> By {
    match value {
        "" => By::Supervisor,
        agent => By::Agent(fields.number(field, agent).into()),
    }
}

/// Where a contact is transferred to; none when it's not given, which is a violation.
pub(super) fn transfer_target(fields: &mut Fields, value: Option<&transfer::To>) -> Option<To> {
    match value {
        None => {
            fields.violation("to", "must be given");
            None
        }
        Some(transfer::To::ToAgent(agent)) => Some(To::Agent(fields.number("to_agent", agent).into())),
        Some(transfer::To::ToSkills(wanted)) => {
            let wanted = skills(fields, "to_skills.skills", &wanted.skills, MAX_CONTACT_SKILLS);
            Some(To::Skills(wanted.into_iter().map(Into::into).collect()))
        }
        Some(transfer::To::ToLine(proto::Line {})) => Some(To::Line),
    }
}

/// Why a contact is transferred.
pub(super) fn reason(fields: &mut Fields, field: &str, value: &str) -> String {
    fields.text(field, value, 1..=MAX_REASON_CHARS)
}

/// A keyed hash: 32 to 128 hexadecimal digits, in lower case.
pub(super) fn code_hash(fields: &mut Fields, field: &str, value: &str) -> String {
    let well_formed = (32..=128).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    fields.require(well_formed, field, "must be 32 to 128 hexadecimal digits");
    value.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use prost_types::Duration;
    use segue_proto::router::v1::SignOutPolicy;

    use super::*;

    /// What a parser gives, and the fields that it refuses.
    fn parsed<T>(parse: impl FnOnce(&mut Fields) -> T) -> (T, Option<String>) {
        let mut fields = Fields::new();
        let value = parse(&mut fields);
        let refused = fields.first().map(|(field, _)| field.to_owned());
        (value, refused)
    }

    #[test]
    fn a_time_to_live_is_between_ten_seconds_and_thirty_days() {
        let parse =
            |seconds, nanos| parsed(|fields| time_to_live(fields, "ttl", Some(&Duration { seconds, nanos })));
        let refused = (None, Some("ttl".to_owned()));
        assert_eq!(parsed(|fields| time_to_live(fields, "ttl", None)), (None, None));
        assert_eq!(parse(10, 0), (Some(10_000), None));
        assert_eq!(parse(10, 1_500_000), (Some(10_001), None));
        assert_eq!(parse(9, 999_999_999), refused);
        assert_eq!(parse(30 * 86_400, 0), (Some(2_592_000_000), None));
        assert_eq!(parse(30 * 86_400, 1_000_000), refused);
        for (seconds, nanos) in
            [(0, 0), (-10, 0), (i64::MAX, 0), (i64::MIN, 0), (10, -1), (10, 1_000_000_000)]
        {
            assert_eq!(parse(seconds, nanos), refused, "{seconds} s {nanos} ns");
        }
    }

    #[test]
    fn who_rejoins_names_a_contact() {
        assert_eq!(parsed(|fields| rejoins(fields, "rejoins", "")), (None, None));
        let id = ContactId(7).to_string();
        assert_eq!(parsed(|fields| rejoins(fields, "rejoins", &id)), (Some(ContactId(7)), None));
        assert_eq!(parsed(|fields| rejoins(fields, "rejoins", "contact_1")), (None, None), "of no contact");
        assert_eq!(parsed(|fields| rejoins(fields, "rejoins", "a b")).1.as_deref(), Some("rejoins"));
    }

    #[test]
    fn contacts_are_kept_for_the_grace_unless_they_are_to_go_on_at_once() {
        let parse = |policy: SignOutPolicy| parsed(|fields| leaving(fields, "policy", policy.into()));
        assert_eq!(parse(SignOutPolicy::Unspecified), (Leaving::AfterGrace, None));
        assert_eq!(parse(SignOutPolicy::KeepForGrace), (Leaving::AfterGrace, None));
        assert_eq!(parse(SignOutPolicy::RequeueAtOnce), (Leaving::AtOnce, None));
        assert_eq!(parsed(|fields| leaving(fields, "policy", 9)).1.as_deref(), Some("policy"));
    }

    #[test]
    fn a_handoffs_class_is_not_asked_for() {
        let parse = |value| parsed(|fields| class(fields, "priority", value));
        assert_eq!(parse(0), (None, None));
        assert_eq!(parse(proto::Priority::Urgent.into()), (Some(Priority::Urgent), None));
        let refused = (None, Some("priority".to_owned()));
        assert_eq!(parse(proto::Priority::Handoff.into()), refused);
        assert_eq!(parse(9), refused);
    }

    #[test]
    fn a_transfer_is_by_an_agent_or_a_supervisor() {
        assert_eq!(parsed(|fields| transfers(fields, "agent", "")), (By::Supervisor, None));
        let by_agent = By::Agent("a1".into());
        assert_eq!(parsed(|fields| transfers(fields, "agent", "a1")), (by_agent, None));
        assert_eq!(parsed(|fields| transfers(fields, "agent", " ")).1.as_deref(), Some("agent"));
    }

    #[test]
    fn a_transfer_goes_to_an_agent_to_skills_or_to_the_line() {
        let to = |to: &transfer::To| parsed(|fields| transfer_target(fields, Some(to)));
        let of = |skills: &[&str]| {
            let skills = skills.iter().map(|skill| (*skill).to_owned()).collect();
            to(&transfer::To::ToSkills(proto::Skills { skills }))
        };
        assert_eq!(parsed(|fields| transfer_target(fields, None)), (None, Some("to".to_owned())));
        assert_eq!(to(&transfer::To::ToAgent("a1".to_owned())), (Some(To::Agent("a1".into())), None));
        assert_eq!(to(&transfer::To::ToAgent(String::new())).1.as_deref(), Some("to_agent"));
        assert_eq!(to(&transfer::To::ToLine(proto::Line {})), (Some(To::Line), None));
        let folded = To::Skills(["claims".into()].into());
        assert_eq!(of(&["Claims", "\u{ff43}laims"]), (Some(folded), None));
        assert_eq!(of(&[]), (Some(To::Skills([].into())), None));
        assert_eq!(of(&["a", ""]).1.as_deref(), Some("to_skills.skills[1]"));
        assert_eq!(of(&["s"; 17]).1.as_deref(), Some("to_skills.skills"));
    }

    #[test]
    fn a_transfer_has_a_reason() {
        let parse = |value: &str| parsed(|fields| reason(fields, "reason", value)).1;
        assert_eq!((parse("asked for\na colleague"), parse(&"x".repeat(256))), (None, None));
        for wrong in ["", "bell\u{7}", &"x".repeat(257)] {
            assert_eq!(parse(wrong).as_deref(), Some("reason"), "{wrong:?}");
        }
    }
}
