use segue_core::Random;

use super::{Canonical, Face, FaceKind, Input, Voice, bits_of, damm::check_digit, draw_below, grouped};
use crate::domain::locale::Locale;

/// Digits with a Damm check digit: 8 + 1 at least, 10 + 1 when unbound, 16 + 1 at most. The first is 2 to 9, so that no
/// number of this length is read as one with a trunk prefix, and a lost leading zero can't make two codes one.
#[derive(Debug)]
pub(super) struct Digits;

/// In steps of two, so that a digit lost or doubled never makes another length.
const LENGTHS: [usize; 5] = [9, 11, 13, 15, 17];
const GROUP: usize = 4;

impl Face for Digits {
    fn kind(&self) -> FaceKind {
        FaceKind::Digits
    }

    fn draw(&self, length: usize, random: &Random) -> Canonical {
        let mut digits = vec![2 + draw_below(random, 8)];
        // The first and the check digit are the other two.
        digits.extend((2..length).map(|_| draw_below(random, 10)));
        digits.push(check_digit(&digits));
        Canonical::new(digits.iter().map(|digit| char::from(b'0' + digit)).collect())
    }

    fn recognise(&self, input: &Input) -> Vec<Canonical> {
        let digits = read(input).unwrap_or_default();
        let right = self.has_length(digits.len())
            && digits.first().is_some_and(|first| *first >= 2)
            && check_digit(&digits) == 0;
        let code =
            right.then(|| Canonical::new(digits.iter().map(|digit| char::from(b'0' + digit)).collect()));
        code.into_iter().collect()
    }

    fn reads(&self, piece: &str) -> bool {
        let spoken = heard(piece).is_some() || repetition(piece).is_some();
        let written = |c: char| digit(c).is_some() || look_alike(c).is_some();
        spoken || (piece.chars().all(written) && piece.chars().any(|c| digit(c).is_some()))
    }

    fn display(&self, code: &Canonical) -> String {
        grouped(code, GROUP, " ")
    }

    fn speech(&self, code: &Canonical, voice: Voice) -> String {
        let words: Vec<&str> = code.reveal().chars().filter_map(|digit| spoken(digit, voice)).collect();
        let groups: Vec<String> = words.chunks(GROUP).map(|group| group.join(" ")).collect();
        groups.join(", ")
    }

    fn bits(&self, length: usize) -> f64 {
        8_f64.log2() + bits_of(length.saturating_sub(2), 10)
    }

    fn lengths(&self) -> &'static [usize] {
        &LENGTHS
    }

    fn least_unbound(&self) -> usize {
        LENGTHS[1]
    }
}

/// Digits in any grouping, also as words, as a voice channel may write down what it heard. Letters that look like digits are
/// taken for them where at least as many are digits.
fn read(input: &Input) -> Option<Vec<u8>> {
    let (mut digits, mut alike, mut times) = (Vec::new(), 0, 1);
    for token in input.tokens() {
        if let Some(repeated) = repetition(token) {
            times = repeated;
            continue;
        }
        let read = match heard(token) {
            Some(digit) => vec![digit],
            None => token.chars().map(|c| digit(c).or_else(|| look_alike(c))).collect::<Option<Vec<_>>>()?,
        };
        if heard(token).is_none() {
            alike += token.chars().filter(|c| look_alike(*c).is_some()).count();
        }
        let (first, others) = read.split_first()?;
        digits.extend(std::iter::repeat_n(*first, times));
        digits.extend(others);
        times = 1;
    }
    (times == 1 && alike * 2 <= digits.len()).then_some(digits)
}

/// Letters that are typed for digits.
fn look_alike(c: char) -> Option<u8> {
    match c {
        'o' => Some(0),
        'i' | 'l' => Some(1),
        _ => None,
    }
}

/// `double five` is 55.
pub(super) fn repetition(token: &str) -> Option<usize> {
    match token {
        "double" => Some(2),
        "triple" | "treble" => Some(3),
        _ => None,
    }
}

fn digit(c: char) -> Option<u8> {
    const NUMERALS: [&str; 10] = ["零〇", "一幺壹", "二两", "三", "四", "五", "六", "七", "八", "九"];
    let place = c.to_digit(10).and_then(|digit| usize::try_from(digit).ok());
    let place = place.or_else(|| NUMERALS.iter().position(|numerals| numerals.contains(c)))?;
    u8::try_from(place).ok()
}

fn heard(word: &str) -> Option<u8> {
    let place = if word == "oh" { Some(0) } else { EN.iter().position(|english| *english == word) };
    u8::try_from(place?).ok()
}

const EN: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
const ZH: [&str; 10] = ["零", "一", "二", "三", "四", "五", "六", "七", "八", "九"];

/// One digit aloud. In Mandarin 1 is yao on the phone, so that it isn't heard as 7.
fn spoken(digit: char, voice: Voice) -> Option<&'static str> {
    if voice.locale == Locale::ZhCn && voice.one_as_yao && digit == '1' {
        return Some("幺");
    }
    let words = match voice.locale {
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
        let canonical = Digits.draw(LENGTHS[0], &Random::seeded(7));
        let plain = canonical.reveal();
        let wide: String =
            plain.chars().map(|c| char::from_u32(u32::from(c) - 0x30 + 0xff10).unwrap()).collect();
        let dashed = format!(" {}-{}\u{200b} ", &plain[..4], &plain[4..]);
        for written in [plain, &wide, &dashed] {
            assert_eq!(Digits.recognise(&Input::new(written)), std::slice::from_ref(&canonical));
        }
    }

    #[test]
    fn a_typo_is_caught_before_any_look_up() {
        let canonical = Digits.draw(LENGTHS[1], &Random::seeded(7));
        let mut typo = canonical.reveal().clone();
        let last = typo.pop().unwrap();
        typo.push(if last == '0' { '1' } else { '0' });
        assert_eq!(Digits.recognise(&Input::new(&typo)), []);
    }

    #[test]
    fn digits_are_spoken_one_by_one() {
        let code = Canonical::new("21034567".to_owned());
        assert_eq!(Digits.speech(&code, Locale::En.into()), "two one zero three, four five six seven");
        assert_eq!(Digits.speech(&code, Locale::ZhCn.into()), "二 幺 零 三, 四 五 六 七");
        let formal = Voice { locale: Locale::ZhCn, one_as_yao: false };
        assert_eq!(Digits.speech(&code, formal), "二 一 零 三, 四 五 六 七");
    }

    #[test]
    fn spoken_digits_are_understood() {
        let code = Digits.draw(LENGTHS[0], &Random::seeded(5));
        for locale in [Locale::En, Locale::ZhCn] {
            let speech = Digits.speech(&code, locale.into());
            assert_eq!(Digits.recognise(&Input::new(&speech)), std::slice::from_ref(&code), "{speech}");
        }
    }

    #[test]
    fn what_people_type_and_say_for_digits_is_understood() {
        let known = |entered: &str| {
            let codes = Digits.recognise(&Input::new(entered));
            codes.first().map(|code| code.reveal().clone())
        };
        for entered in
            ["2O48 I357 3", "2o48 l357 3", "٢٠٤٨ ١٣٥٧ ٣", "two oh four eight one three five seven three"]
        {
            assert_eq!(known(entered).as_deref(), Some("204813573"), "{entered}");
        }
        assert_eq!(known("double two double oh triple zero 0 one").as_deref(), Some("220000001"));
        for entered in ["2O48 I357 4", "ollo iooi l", "204813573 double", "double"] {
            assert_eq!(known(entered), None, "{entered}");
        }
    }

    #[test]
    fn the_strength_is_what_the_design_asks() {
        assert!((Digits.bits(LENGTHS[0]) - 26.25).abs() < 0.01);
        assert!((Digits.bits(LENGTHS[1]) - 32.9).abs() < 0.01);
        assert!((Digits.bits(LENGTHS[4]) - 52.83).abs() < 0.01);
    }
}
