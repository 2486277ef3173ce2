//! The languages that Segue speaks to customers.

/// A language of texts and speech.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locale {
    /// English.
    En,
    /// Chinese as written on the mainland.
    ZhCn,
}

impl Locale {
    /// Reads a BCP 47 tag; empty means English.
    pub fn parse(tag: &str) -> Option<Self> {
        match tag {
            "" | "en" => Some(Self::En),
            "zh-CN" => Some(Self::ZhCn),
            _ => None,
        }
    }

    /// Its BCP 47 tag.
    pub fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::ZhCn => "zh-CN",
        }
    }
}
