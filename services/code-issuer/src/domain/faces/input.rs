//! What a customer entered, made the same for all the ways of writing it.

use segue_core::text::ascii_digit;
use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

/// Longer input is no code; the contract allows no more either. A whole message of ours is a third of it.
pub const MOST_CHARS: usize = 1024;

/// An entered text in the two forms that faces read.
#[derive(Clone)]
pub struct Input {
    raw: String,
    text: String,
}

impl Input {
    /// Reads an entered text; nothing is left of one that is too long to be a code.
    pub fn new(entered: &str) -> Self {
        if entered.chars().count() > MOST_CHARS {
            return Self { raw: String::new(), text: String::new() };
        }
        let raw = entered.chars().filter(|c| !is_invisible(*c)).collect::<String>();
        Self { text: normalise(entered), raw: raw.trim().to_owned() }
    }

    /// As entered, less invisible characters and outer spaces: for what depends on case.
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// Normalised: see [`normalise`].
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The pieces of the normalised text.
    pub fn tokens(&self) -> impl Iterator<Item = &str> {
        self.text.split(' ').filter(|token| !token.is_empty())
    }

    /// The normalised text without its spaces.
    pub fn joined(&self) -> String {
        self.tokens().collect()
    }
}

/// Lower case, full width as half width, the decimal digits of every script as ASCII, Cyrillic and Greek letters as the Latin
/// ones that they look like, no marks, nothing invisible, and one space for each run of separators.
///
/// Decomposed (NFKD) rather than composed (NFKC): the same for every symbol that a code has, and tone marks, variation
/// selectors and keycap frames come off as the marks that they are. Doing it again changes nothing.
pub fn normalise(entered: &str) -> String {
    let visible = entered.chars().filter(|c| !is_invisible(*c));
    let plain = visible.nfkd().map(latin).flat_map(char::to_lowercase).nfkd().map(latin).map(ascii_digit);
    let kept: String = plain
        .filter(|c| !is_combining_mark(*c) && !is_invisible(*c))
        .map(|c| if is_separator(c) { ' ' } else { c })
        .collect();
    let tokens: Vec<&str> = kept.split(' ').filter(|token| !token.is_empty()).collect();
    tokens.join(" ")
}

/// A letter of another keyboard as the Latin one that looks the same.
fn latin(c: char) -> char {
    const FOREIGN: &str = "АВЕЅІЈКМНОРԚСТԜУХӀаеѕіјкморԛстԝухԁһӏΑΒΕΖΗΙΚΜΝΟΡΤΥΧο";
    const LATIN: &str = "ABESIJKMHOPQCTWYXIaesijkmopqctwyxdhlABEZHIKMNOPTYXo";
    let place = if c.is_ascii() { None } else { FOREIGN.chars().position(|foreign| foreign == c) };
    place.and_then(|place| LATIN.chars().nth(place)).unwrap_or(c)
}

/// What people put between symbols: white space and the punctuation of any keyboard.
fn is_separator(c: char) -> bool {
    c.is_whitespace()
        || c.is_ascii_punctuation()
        || matches!(c, '\u{00b7}' | '\u{2010}'..='\u{205e}' | '\u{2212}' | '\u{3001}'..='\u{303f}' | '\u{30fb}')
}

/// What chat programs and keyboards add without being seen: zero width, joiners, direction marks, variation selectors,
/// and the skin tones that don't tell one picture from another.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_of_writing_become_one() {
        for (entered, normal) in [
            (" Ab-C\u{200b}D ", "ab cd"),
            ("２３４５　６７", "2345 67"),
            ("1\u{fe0f}\u{20e3}2\u{fe0f}\u{20e3}", "12"),
            ("zhōng guó", "zhong guo"),
            ("lǜ'sè", "lu se"),
            ("苹果，电脑。", "苹果 电脑"),
            ("👍🏽", "👍"),
            ("…—…", ""),
            ("٢٠٤٨ ۱۳۵۷ ३ ๙", "2048 1357 3 9"),
            ("ВСХН", "bcxh"),
            ("ΒΖΚ", "bzk"),
        ] {
            assert_eq!(normalise(entered), normal, "{entered}");
        }
    }

    #[test]
    fn case_matters_where_it_must() {
        assert_eq!(Input::new("\u{feff} AbC \n").raw(), "AbC");
        assert_eq!(Input::new(&"7".repeat(MOST_CHARS + 1)).text(), "");
    }
}
