//! The languages that Segue speaks to customers, and how the one for a handoff is chosen.

use oxilangtag::LanguageTag;

/// A language of texts and speech.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locale {
    /// English.
    En,
    /// Chinese as written on the mainland.
    ZhCn,
}

/// Not a language tag (BCP 47).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotALanguage;

impl Locale {
    const ALL: [Self; 2] = [Self::En, Self::ZhCn];
    /// For languages that there are no texts in.
    const DEFAULT: Self = Self::En;

    /// The best there is for a BCP 47 tag, by look-up (RFC 4647, section 3.4): without regard to case, and the last parts left off until
    /// something fits. `_` is taken as `-`, as programs write it. What nothing fits gets English, and so does no tag.
    pub fn look_up(tag: &str) -> Result<Self, NotALanguage> {
        if tag.is_empty() {
            return Ok(Self::DEFAULT);
        }
        let tag = LanguageTag::parse(tag.replace('_', "-")).map_err(|_| NotALanguage)?;
        let parts: Vec<&str> = tag.as_str().split('-').collect();
        let prefixes = (1..=parts.len()).rev().filter_map(|length| parts.get(..length));
        let found = prefixes.map(|prefix| prefix.join("-")).find_map(|prefix| Self::of_range(&prefix));
        Ok(found.unwrap_or(Self::DEFAULT))
    }

    fn of_range(range: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|locale| locale.ranges().iter().any(|own| own.eq_ignore_ascii_case(range)))
    }

    /// The tags that are this language. There is one Chinese, so readers of others get it rather than English.
    fn ranges(self) -> &'static [&'static str] {
        match self {
            Self::En => &["en"],
            Self::ZhCn => &["zh-CN", "zh", "cmn"],
        }
    }

    /// Reads what [`Locale::tag`] has written.
    pub fn parse(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|locale| locale.tag() == tag)
    }

    /// Its BCP 47 tag.
    pub fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::ZhCn => "zh-CN",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_language_there_is_is_found() {
        for tag in
            ["", "en", "EN", "en-US", "en_GB", "en-Latn-US-x-twain", "fr", "fr-CA", "mn-Cyrl-MN", "x-klingon"]
        {
            assert_eq!(Locale::look_up(tag), Ok(Locale::En), "{tag}");
        }
        for tag in
            ["zh", "zh-CN", "zh_CN", "zh-cn", "ZH-cn", "zh-Hans-CN", "zh-TW", "zh-Hant-HK", "zh-SG", "cmn"]
        {
            assert_eq!(Locale::look_up(tag), Ok(Locale::ZhCn), "{tag}");
        }
        for tag in ["z", "zh-", "-zh", "zh--CN", "english!", "en US", "中文", "toolonglanguage"] {
            assert_eq!(Locale::look_up(tag), Err(NotALanguage), "{tag}");
        }
    }

    #[test]
    fn what_is_chosen_is_chosen_again() {
        for locale in Locale::ALL {
            assert_eq!(Locale::parse(locale.tag()), Some(locale));
            assert_eq!(Locale::look_up(locale.tag()), Ok(locale));
        }
    }
}
