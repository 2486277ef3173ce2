use segue_core::Random;
use unicode_normalization::UnicodeNormalization as _;

use super::{Binding, Canonical, Face, FaceKind, damm::check_digit};
use crate::domain::locale::Locale;

/// Digits with a Damm check digit: 8 + 1 when bound, 10 + 1 when not, 12 + 1 when long. The first is 2 to 9, so that no number of this
/// length is read as one with a trunk prefix, and a lost leading zero can't make two codes one.
#[derive(Debug)]
pub(super) struct Digits;

const BOUND: usize = 8;
const UNBOUND: usize = 10;
const LONG: usize = 12;
const GROUP: usize = 4;

impl Face for Digits {
    fn kind(&self) -> FaceKind {
        FaceKind::Digits
    }

    fn draw(&self, binding: Binding, random: &Random) -> Canonical {
        let mut digits = vec![2 + small(random, 8)];
        digits.extend((1..payload(binding)).map(|_| small(random, 10)));
        digits.push(check_digit(&digits));
        Canonical::new(digits.iter().map(|digit| char::from(b'0' + digit)).collect())
    }

    fn recognise(&self, input: &str) -> Option<Canonical> {
        let kept: String = input.nfkc().filter(|c| !is_separator(*c)).collect();
        let digits: Vec<u8> =
            kept.chars().map(|c| c.to_digit(10)).map(|d| u8::try_from(d?).ok()).collect::<Option<_>>()?;
        let right_length = [BOUND + 1, UNBOUND + 1, LONG + 1].contains(&digits.len());
        (right_length && digits.first().is_some_and(|first| *first >= 2) && check_digit(&digits) == 0)
            .then(|| Canonical::new(kept))
    }

    fn display(&self, code: &Canonical) -> String {
        let characters: Vec<char> = code.reveal().chars().collect();
        let groups: Vec<String> = characters.chunks(GROUP).map(|group| group.iter().collect()).collect();
        groups.join(" ")
    }

    fn speech(&self, code: &Canonical, locale: Locale) -> String {
        let words: Vec<&str> = code.reveal().chars().filter_map(|digit| spoken(digit, locale)).collect();
        let groups: Vec<String> = words.chunks(GROUP).map(|group| group.join(" ")).collect();
        groups.join(", ")
    }

    fn bits(&self, binding: Binding) -> f64 {
        let others = u32::try_from(payload(binding) - 1).unwrap_or_default();
        8_f64.log2() + f64::from(others) * 10_f64.log2()
    }
}

fn payload(binding: Binding) -> usize {
    match binding {
        Binding::Bound => BOUND,
        Binding::Unbound => UNBOUND,
        Binding::Long => LONG,
    }
}

fn small(random: &Random, bound: u8) -> u8 {
    u8::try_from(random.below(u32::from(bound))).unwrap_or_default()
}

/// What people put between digits, and what chat programs add without being seen.
fn is_separator(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '-' | '.' | ',' | '_' | '/' | '(' | ')' | '、' | '。' | '‐' | '‑' | '–' | '—')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{00ad}')
}

/// One digit aloud; in Mandarin 1 is yao, as everywhere on the phone, so that it isn't heard as 7.
fn spoken(digit: char, locale: Locale) -> Option<&'static str> {
    const EN: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    const ZH: [&str; 10] = ["零", "幺", "二", "三", "四", "五", "六", "七", "八", "九"];
    let words = match locale {
        Locale::En => EN,
        Locale::ZhCn => ZH,
    };
    words.get(usize::try_from(digit.to_digit(10)?).ok()?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_write_digits_in_many_ways() {
        let canonical = Digits.draw(Binding::Bound, &Random::seeded(7));
        let plain = canonical.reveal();
        let wide: String =
            plain.chars().map(|c| char::from_u32(u32::from(c) - 0x30 + 0xff10).unwrap()).collect();
        let dashed = format!(" {}-{}\u{200b} ", &plain[..4], &plain[4..]);
        for written in [plain, &wide, &dashed] {
            assert_eq!(Digits.recognise(written).as_ref(), Some(&canonical));
        }
    }

    #[test]
    fn a_typo_is_caught_before_any_look_up() {
        let canonical = Digits.draw(Binding::Unbound, &Random::seeded(7));
        let mut typo = canonical.reveal().clone();
        let last = typo.pop().unwrap();
        typo.push(if last == '0' { '1' } else { '0' });
        assert_eq!(Digits.recognise(&typo), None);
    }

    #[test]
    fn digits_are_spoken_one_by_one() {
        let code = Canonical::new("21034567".to_owned());
        assert_eq!(Digits.speech(&code, Locale::En), "two one zero three, four five six seven");
        assert_eq!(Digits.speech(&code, Locale::ZhCn), "二 幺 零 三, 四 五 六 七");
    }

    #[test]
    fn the_strength_is_what_the_design_asks() {
        assert!((Digits.bits(Binding::Bound) - 26.25).abs() < 0.01);
        assert!((Digits.bits(Binding::Unbound) - 32.9).abs() < 0.01);
    }
}
