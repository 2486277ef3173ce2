//! Texts of people and programs, made the same for ways of writing that nobody sees or means.

use unicode_normalization::UnicodeNormalization as _;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

/// Without format characters (Unicode's category Cf): zero width, joiners, marks of direction, byte order marks, soft hyphens.
/// Address books and spreadsheets add them unseen.
pub fn without_format_characters(text: &str) -> String {
    text.chars().filter(|c| c.general_category() != GeneralCategory::Format).collect()
}

/// An id of somebody else's, trimmed and without format characters, but for joiners inside: in some scripts and in emoji they make
/// another word.
pub fn without_invisible_marks(id: &str) -> String {
    let is_joiner = |c: char| matches!(c, '\u{200c}' | '\u{200d}');
    let kept: String =
        id.chars().filter(|c| is_joiner(*c) || c.general_category() != GeneralCategory::Format).collect();
    kept.trim_matches(|c: char| c.is_whitespace() || is_joiner(c)).to_owned()
}

/// With line feeds at the ends of lines, whatever they were.
pub fn with_line_feeds(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// A word that people agree on rather than quote: without format characters, composed (NFKC), lower case, one space for each run
/// of white space and none outside. Doing it again changes nothing.
pub fn folded(text: &str) -> String {
    let composed: String =
        without_format_characters(text).nfkc().flat_map(char::to_lowercase).nfkc().collect();
    composed.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A decimal digit of any script as ASCII; other characters as they are. Unicode encodes each script's ten in a row, from zero.
pub fn ascii_digit(c: char) -> char {
    let is_digit = |c: char| !c.is_ascii() && c.general_category() == GeneralCategory::DecimalNumber;
    if !is_digit(c) {
        return c;
    }
    let before = (1..).take_while(|back| char::from_u32(u32::from(c) - back).is_some_and(is_digit)).count();
    u32::try_from(before % 10).ok().and_then(|digit| char::from_digit(digit, 10)).unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sees_comes_off() {
        assert_eq!(without_format_characters("\u{202a}a\u{200b}b\u{feff}\u{2069}"), "ab");
        assert_eq!(with_line_feeds("a\r\nb\rc\nd"), "a\nb\nc\nd");
    }

    #[test]
    fn joiners_inside_an_id_are_part_of_it() {
        assert_eq!(without_invisible_marks(" \u{feff}li\u{200b}-wei\u{200d} "), "li-wei");
        assert_ne!(without_invisible_marks("علی\u{200c}رضا"), without_invisible_marks("علیرضا"));
    }

    #[test]
    fn folding_makes_spellings_one_and_again_changes_nothing() {
        for (written, one) in [
            (" Claims ", "claims"),
            ("clai\u{200b}ms", "claims"),
            ("re\u{301}clamations", "r\u{e9}clamations"),
            ("Life  \u{a0}Claims", "life claims"),
            ("ＶＩＰ", "vip"),
            ("İ", "i\u{307}"),
        ] {
            assert_eq!(folded(written), one);
            assert_eq!(folded(one), one);
        }
        assert_ne!(folded("claim"), folded("claims"));
    }

    #[test]
    fn digits_of_every_script_are_digits() {
        let ascii = |text: &str| text.chars().map(ascii_digit).collect::<String>();
        assert_eq!(ascii("٠١٢٣٤٥٦٧٨٩ ۰۱۲۳۴۵۶۷۸۹ ०१२३४५६७८९ ๐๑๒๓๔๕๖๗๘๙"), ["0123456789"; 4].join(" "));
        assert_eq!(ascii("五½a"), "五½a");
    }
}
