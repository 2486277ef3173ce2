use segue_proto::common::v1::{Operator, Preference, RemainingWork, Requirement};

use super::{Fields, text::use_line_feeds};

const MAX_TERMS: usize = 32;
const MAX_FEATURE_CHARACTERS: usize = 63;
const MAX_VALUES: usize = 64;
const MAX_VALUE_CHARACTERS: usize = 128;
const MAX_SUMMARY_CHARACTERS: usize = 2000;
const MAX_CONVERSATION_CHARACTERS: usize = 4000;
const MAX_CONTEXT_ENTRIES: usize = 64;
const MAX_CONTEXT_CHARACTERS: usize = 2000;

/// What was read of the terms of remaining work.
#[derive(Debug)]
pub struct Terms<T> {
    /// Of those that must be met.
    pub requirements: Vec<T>,
    /// Of those that are wished for, with their weights.
    pub preferences: Vec<(i32, T)>,
}

impl Fields {
    /// Checks the form of remaining work that is handed on, and leaves line feeds at the ends of its lines. What its terms mean is the
    /// selector's matter.
    pub fn check_remaining_work(&mut self, field: &str, work: &mut RemainingWork) {
        let texts = [&mut work.summary, &mut work.conversation_summary];
        use_line_feeds(texts.into_iter().chain(work.context.values_mut()));
        self.remaining_work(field, work, Self::term);
    }

    /// Checks remaining work, and reads each of its terms with `read`, which checks the term.
    pub fn remaining_work<T>(
        &mut self,
        field: &str,
        work: &RemainingWork,
        read: impl Fn(&mut Self, &str, &Requirement) -> Option<T>,
    ) -> Terms<T> {
        let at = |name: &str| format!("{field}.{name}");
        if !work.profile.is_empty() {
            self.slug(&at("profile"), &work.profile);
        }
        let terms = Terms {
            requirements: self.requirements(&at("requirements"), &work.requirements, &read),
            preferences: self.preferences(&at("preferences"), &work.preferences, &read),
        };
        let _ = self.text(&at("summary"), &work.summary, 0..=MAX_SUMMARY_CHARACTERS);
        self.texts(&at("context"), &work.context, MAX_CONTEXT_ENTRIES, MAX_CONTEXT_CHARACTERS);
        let conversation = &work.conversation_summary;
        let _ = self.text(&at("conversation_summary"), conversation, 0..=MAX_CONVERSATION_CHARACTERS);
        terms
    }

    /// Reads terms that must be met.
    pub fn requirements<T>(
        &mut self,
        field: &str,
        terms: &[Requirement],
        read: impl Fn(&mut Self, &str, &Requirement) -> Option<T>,
    ) -> Vec<T> {
        self.at_most(field, terms.len(), MAX_TERMS);
        let terms = terms.iter().take(MAX_TERMS).enumerate();
        terms.filter_map(|(index, term)| read(self, &format!("{field}[{index}]"), term)).collect()
    }

    /// Reads weighted wishes.
    pub fn preferences<T>(
        &mut self,
        field: &str,
        wishes: &[Preference],
        read: impl Fn(&mut Self, &str, &Requirement) -> Option<T>,
    ) -> Vec<(i32, T)> {
        self.at_most(field, wishes.len(), MAX_TERMS);
        let mut found = vec![];
        for (index, wish) in wishes.iter().take(MAX_TERMS).enumerate() {
            let weight = self.range(&format!("{field}[{index}].weight"), wish.weight, 1..=100);
            let field = format!("{field}[{index}].requirement");
            match &wish.requirement {
                None => self.violation(field, "must be given"),
                Some(term) => found.extend(read(self, &field, term).map(|term| (weight, term))),
            }
        }
        found
    }

    /// The form of a term.
    fn term(&mut self, field: &str, term: &Requirement) -> Option<()> {
        self.check_text(&format!("{field}.feature"), &term.feature, 1..=MAX_FEATURE_CHARACTERS);
        self.enumeration::<Operator>(&format!("{field}.operator"), term.operator);
        self.at_most(&format!("{field}.values"), term.values.len(), MAX_VALUES);
        for (index, value) in term.values.iter().take(MAX_VALUES).enumerate() {
            self.check_text(&format!("{field}.values[{index}]"), value, 0..=MAX_VALUE_CHARACTERS);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn term(feature: &str, operator: Operator, values: &[&str]) -> Requirement {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        Requirement { feature: feature.to_owned(), operator: operator.into(), values }
    }

    /// The first field that is refused of remaining work.
    fn refused(change: impl FnOnce(&mut RemainingWork)) -> Option<String> {
        let wish = |weight| Preference { weight, requirement: Some(term("wait", Operator::Lte, &["5"])) };
        let mut work = RemainingWork {
            profile: "claims".to_owned(),
            requirements: vec![term("video", Operator::Exists, &[]); MAX_TERMS],
            preferences: [1, 100].into_iter().map(wish).collect(),
            summary: "字".repeat(MAX_SUMMARY_CHARACTERS),
            context: [("step".to_owned(), "x".repeat(MAX_CONTEXT_CHARACTERS))].into(),
            conversation_summary: "x".repeat(MAX_CONVERSATION_CHARACTERS),
        };
        change(&mut work);
        let mut fields = Fields::new();
        fields.check_remaining_work("work", &mut work);
        fields.first().map(|(field, _)| field.to_owned())
    }

    #[test]
    fn remaining_work_within_its_limits_is_taken() {
        assert_eq!(refused(|_| ()), None);
        assert_eq!(refused(|work| *work = RemainingWork::default()), None);
        let value = "x".repeat(MAX_VALUE_CHARACTERS);
        let most = term(&"x".repeat(MAX_FEATURE_CHARACTERS), Operator::In, &[&*value; MAX_VALUES]);
        assert_eq!(refused(|work| work.requirements = vec![most]), None);
    }

    #[test]
    fn each_part_of_remaining_work_has_a_limit() {
        type Change = fn(&mut RemainingWork);
        let changes: [(&str, Change); 9] = [
            ("work.profile", |work| work.profile = "No slug".to_owned()),
            ("work.requirements", |work| work.requirements.push(term("a", Operator::Exists, &[]))),
            ("work.preferences", |work| work.preferences = vec![work.preferences[0].clone(); MAX_TERMS + 1]),
            ("work.preferences[1].weight", |work| work.preferences[1].weight = 101),
            ("work.preferences[0].requirement", |work| work.preferences[0].requirement = None),
            ("work.summary", |work| work.summary.push('x')),
            ("work.context", |work| work.context = (0..65).map(|n| (n.to_string(), String::new())).collect()),
            ("work.context", |work| work.context = [("two\nlines".to_owned(), String::new())].into()),
            ("work.conversation_summary", |work| work.conversation_summary.push('x')),
        ];
        for (field, change) in changes {
            assert_eq!(refused(change).as_deref(), Some(field));
        }
    }

    #[test]
    fn each_part_of_a_term_has_a_limit() {
        let value = "x".repeat(MAX_VALUE_CHARACTERS + 1);
        for (part, wrong) in [
            ("feature", term("", Operator::Exists, &[])),
            ("feature", term(&"x".repeat(MAX_FEATURE_CHARACTERS + 1), Operator::Exists, &[])),
            ("operator", term("a", Operator::Unspecified, &[])),
            ("operator", Requirement { operator: 99, ..term("a", Operator::Exists, &[]) }),
            ("values", term("a", Operator::In, &["x"; MAX_VALUES + 1])),
            ("values[1]", term("a", Operator::In, &["x", &value])),
            ("values[0]", term("a", Operator::In, &["\u{7}"])),
        ] {
            let wish = Preference { weight: 1, requirement: Some(wrong.clone()) };
            let of_wish = refused(|work| work.preferences = vec![wish]);
            assert_eq!(of_wish, Some(format!("work.preferences[0].requirement.{part}")));
            let of_requirement = refused(|work| work.requirements[1] = wrong);
            assert_eq!(of_requirement, Some(format!("work.requirements[1].{part}")));
        }
    }

    #[test]
    fn texts_that_are_kept_have_line_feeds() {
        let text = || "a\r\nb\rc".to_owned();
        let mut work = RemainingWork {
            summary: text(),
            context: [("key".to_owned(), text())].into(),
            conversation_summary: text(),
            ..RemainingWork::default()
        };
        let mut fields = Fields::new();
        fields.check_remaining_work("work", &mut work);
        assert!(fields.finish().is_ok());
        for text in [&work.summary, &work.context["key"], &work.conversation_summary] {
            assert_eq!(text, "a\nb\nc");
        }
    }
}
