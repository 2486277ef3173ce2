//! What customers are told: texts from templates that an operator can replace. `standard.toml` has Segue's own and says
//! how.
//!
//! To add a text: its key in `read.rs`, its field here, and its words in `standard.toml` in every language.

mod read;
mod template;
#[cfg(test)]
mod tests;

use std::time::Duration;

use super::locale::Locale;
use template::{Placeholder, Template};

/// The texts in all languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Messages {
    en: Texts,
    zh_cn: Texts,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Texts {
    invitation: Template,
    code: Template,
    link: Template,
    dial: Template,
    scan: Template,
    validity: Template,
    farewell: Template,
    objection: Template,
    revoked: Template,
}

/// What the customer is invited with. It holds secrets.
#[derive(Clone, Copy)]
pub struct Invitation<'a> {
    /// The target platform as people know it.
    pub target: &'a str,
    /// The code as a person reads it; empty when there is none to be read.
    pub code: &'a str,
    /// The entry link with the code; empty for none.
    pub link: &'a str,
    /// How long the code lives.
    pub ttl: Duration,
    /// For channels of text messages: the line by which phones fill in a code by themselves.
    pub autofill: Option<Autofill<'a>>,
}

/// A code bound to an origin, in the form of WICG's "Origin-bound one-time codes delivered via SMS".
#[derive(Clone, Copy)]
pub struct Autofill<'a> {
    /// The host of the page that takes the code.
    pub host: &'a str,
    /// The code as it's typed, without spaces.
    pub code: &'a str,
}

impl Messages {
    /// The access information as text that stands for itself, for channels that have nothing else.
    pub fn invitation(&self, locale: Locale, shown: Invitation<'_>) -> String {
        let texts = self.texts(locale);
        let minutes = minutes(locale, shown.ttl);
        let values = [
            (Placeholder::Target, shown.target),
            (Placeholder::Code, shown.code),
            (Placeholder::Link, shown.link),
            (Placeholder::Minutes, minutes.as_str()),
        ];
        let mut templates = vec![&texts.invitation];
        if !shown.code.is_empty() {
            templates.push(&texts.code);
        }
        if !shown.link.is_empty() {
            let by_phone = shown.link.starts_with("tel:");
            templates.push(if by_phone { &texts.dial } else { &texts.link });
        }
        if shown.code.is_empty() && shown.link.is_empty() {
            templates.push(&texts.scan);
        }
        templates.push(&texts.validity);
        let mut lines: Vec<String> = templates.into_iter().map(|template| template.fill(&values)).collect();
        // The format wants it on the last line, where people need not read it.
        lines.extend(shown.autofill.map(|Autofill { host, code }| format!("@{host} #{code}")));
        lines.join("\n")
    }

    /// What the customer reads in the old conversation when it ends: where they went on, and what to do if that wasn't
    /// them, as long as something can be done.
    pub fn farewell(&self, locale: Locale, target: &str, revoke_grace: Duration) -> String {
        let texts = self.texts(locale);
        let minutes = minutes(locale, revoke_grace);
        let values = [(Placeholder::Target, target), (Placeholder::Minutes, minutes.as_str())];
        let farewell = texts.farewell.fill(&values);
        if revoke_grace.is_zero() {
            return farewell;
        }
        let space = if locale == Locale::En { " " } else { "" };
        format!("{farewell}{space}{}", texts.objection.fill(&values))
    }

    /// What is read on the target when the switch was taken back.
    pub fn revoked(&self, locale: Locale) -> String {
        self.texts(locale).revoked.fill(&[])
    }

    fn texts(&self, locale: Locale) -> &Texts {
        match locale {
            Locale::En => &self.en,
            Locale::ZhCn => &self.zh_cn,
        }
    }
}

/// Rounded down, so that nobody is promised more than there is; less than a minute is told as one.
fn minutes(locale: Locale, time: Duration) -> String {
    match (locale, (time.as_secs() / 60).max(1)) {
        (Locale::En, 1) => "1 minute".to_owned(),
        (Locale::En, minutes) => format!("{minutes} minutes"),
        (Locale::ZhCn, minutes) => format!("{minutes}分钟"),
    }
}
