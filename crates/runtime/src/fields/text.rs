use std::{collections::BTreeMap, ops::RangeInclusive};

use segue_core::text::with_line_feeds;

use super::Fields;

const MAX_KEY_CHARACTERS: usize = 64;

impl Fields {
    /// A text of so many characters, none of them a control character other than line ends and tabs. Line ends are line feeds in
    /// what it gives, whatever they were.
    #[must_use = "the text has other line ends than what was sent"]
    pub fn text(&mut self, field: &str, value: &str, characters: RangeInclusive<usize>) -> String {
        let (least, most) = (*characters.start(), *characters.end());
        let value = with_line_feeds(value);
        let plain = value.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\t'));
        if !characters.contains(&value.chars().count()) {
            self.violation(field, format!("must have {least} to {most} characters"));
        } else if !plain {
            self.violation(field, "must not have control characters");
        }
        value
    }

    /// The same, for a text that is kept as it is and so must have line feeds already.
    pub fn check_text(&mut self, field: &str, value: &str, characters: RangeInclusive<usize>) {
        if value.contains('\r') {
            self.violation(field, "must not have control characters");
        } else {
            let _ = self.text(field, value, characters);
        }
    }

    /// The same, in its place.
    pub fn text_in(&mut self, field: &str, value: &mut String, characters: RangeInclusive<usize>) {
        *value = self.text(field, value, characters);
    }

    /// A text of one line that is not empty.
    pub fn line(&mut self, field: &str, value: &str, most_characters: usize) -> String {
        self.require(!value.contains(['\n', '\r', '\t']), field, "must be one line");
        self.text(field, value, 1..=most_characters)
    }

    /// The same as [`texts`](Self::texts), with line feeds at the ends of lines.
    pub fn texts_in(
        &mut self,
        field: &str,
        texts: &mut BTreeMap<String, String>,
        most_entries: usize,
        most_characters: usize,
    ) {
        use_line_feeds(texts.values_mut());
        self.texts(field, texts, most_entries, most_characters);
    }

    /// A map of texts under keys of one line and at most 64 characters. Every violation names the map: a key may be of any length and
    /// content, so it's not repeated.
    pub fn texts(
        &mut self,
        field: &str,
        texts: &BTreeMap<String, String>,
        most_entries: usize,
        most_characters: usize,
    ) {
        self.at_most(field, texts.len(), most_entries);
        for (key, value) in texts.iter().take(most_entries) {
            self.line(field, key, MAX_KEY_CHARACTERS);
            let _ = self.text(field, value, 0..=most_characters);
        }
    }
}

/// Has line feeds end the lines of texts.
pub(super) fn use_line_feeds<'a>(texts: impl Iterator<Item = &'a mut String>) {
    for text in texts.filter(|text| text.contains('\r')) {
        *text = with_line_feeds(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_has_few_short_keys_and_texts() {
        let refused = |entries: &[(&str, &str)]| {
            let mut fields = Fields::new();
            let texts = entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            fields.texts("map", &texts, 2, 3);
            fields.first().map(|(field, _)| field.to_owned())
        };
        assert_eq!(refused(&[("k", "a\r\nb"), (&"k".repeat(64), "")]), None);
        for wrong in [
            &[("", "x")][..],
            &[(&"k".repeat(65), "x")],
            &[("a\nb", "x")],
            &[("k", "four")],
            &[("k", "\u{7}")],
            &[("a", ""), ("b", ""), ("c", "")],
        ] {
            assert_eq!(refused(wrong).as_deref(), Some("map"), "{wrong:?}");
        }
    }
}
