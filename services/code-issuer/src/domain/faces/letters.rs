use segue_core::Random;

use super::{Canonical, Face, FaceKind, Input, Voice, bits_of, check, draw_below, grouped};
use crate::domain::locale::Locale;

/// Consonants with a check letter: 8 + 1 at least, 9 + 1 when unbound, 14 + 1 at most. The alphabet is that of RFC 8628, section 6.1:
/// no vowel, so that no word comes about, and no Y.
#[derive(Debug)]
pub(super) struct Letters;

const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const BASE: u8 = 20;
const GROUP: usize = 4;
const LENGTHS: [usize; 5] = [9, 10, 11, 13, 15];

/// The spelling alphabet of ICAO and ITU, for the letters that there are.
const SPELT: [&str; 20] = [
    "Bravo", "Charlie", "Delta", "Foxtrot", "Golf", "Hotel", "Juliett", "Kilo", "Lima", "Mike", "November",
    "Papa", "Quebec", "Romeo", "Sierra", "Tango", "Victor", "Whiskey", "X-ray", "Zulu",
];

impl Face for Letters {
    fn kind(&self) -> FaceKind {
        FaceKind::Letters
    }

    fn draw(&self, length: usize, random: &Random) -> Canonical {
        let mut symbols: Vec<u8> = (1..length).map(|_| draw_below(random, BASE)).collect();
        symbols.push(check::of(check::letter, BASE, &symbols));
        Canonical::new(symbols.iter().filter_map(|symbol| letter(*symbol)).collect())
    }

    fn recognise(&self, input: &Input) -> Vec<Canonical> {
        let symbols = read(input).unwrap_or_default();
        let right = self.has_length(symbols.len()) && check::holds(check::letter, &symbols);
        let code =
            right.then(|| Canonical::new(symbols.iter().filter_map(|symbol| letter(*symbol)).collect()));
        code.into_iter().collect()
    }

    fn reads(&self, piece: &str) -> bool {
        spelt(piece).is_some() || piece.chars().all(|letter| symbol(letter).is_some())
    }

    fn display(&self, code: &Canonical) -> String {
        grouped(code, GROUP, "-")
    }

    /// In English each letter with its word of the spelling alphabet; in Mandarin the letters, which are read as they are
    /// in English.
    fn speech(&self, code: &Canonical, voice: Voice) -> String {
        let letters: Vec<String> =
            code.reveal().chars().filter_map(|letter| spoken(letter, voice.locale)).collect();
        match voice.locale {
            Locale::En => letters.join(", "),
            Locale::ZhCn => letters.chunks(GROUP).map(|group| group.join(" ")).collect::<Vec<_>>().join(", "),
        }
    }

    fn bits(&self, length: usize) -> f64 {
        bits_of(length.saturating_sub(1), BASE.into())
    }

    fn lengths(&self) -> &'static [usize] {
        &LENGTHS
    }

    fn least_unbound(&self) -> usize {
        LENGTHS[1]
    }
}

fn letter(symbol: u8) -> Option<char> {
    ALPHABET.get(usize::from(symbol)).map(|byte| char::from(*byte))
}

fn symbol(letter: char) -> Option<u8> {
    let place = ALPHABET.iter().position(|byte| char::from(*byte) == letter.to_ascii_uppercase())?;
    u8::try_from(place).ok()
}

/// Letters in any grouping, words of the spelling alphabet, or letters with a word for each, as `B as in Bravo`.
fn read(input: &Input) -> Option<Vec<u8>> {
    let text = input.text().replace("x ray", "xray");
    let tokens: Vec<&str> = text.split(' ').collect();
    let (mut rest, mut symbols) = (tokens.as_slice(), Vec::new());
    while let [token, after @ ..] = rest {
        rest = after;
        let example = match after {
            ["as", "in", word, after @ ..] | ["for" | "like", word, after @ ..] => Some((*word, after)),
            _ => None,
        };
        if let Some((word, after)) = example {
            // Of another letter it's a slip, and which of the two is meant is unknown.
            symbols.push(token.parse().ok().filter(|letter| word.starts_with(*letter)).and_then(symbol)?);
            rest = after;
        } else if let Some(symbol) = spelt(token) {
            symbols.push(symbol);
        } else {
            symbols.extend(token.chars().map(symbol).collect::<Option<Vec<_>>>()?);
        }
    }
    Some(symbols)
}

/// A word of the spelling alphabet, in all of its spellings.
fn spelt(token: &str) -> Option<u8> {
    let word = match token {
        "juliet" | "juliette" => "juliett",
        "whisky" => "whiskey",
        token => token,
    };
    let place = SPELT.iter().position(|known| known.replace('-', "").eq_ignore_ascii_case(word))?;
    u8::try_from(place).ok()
}

fn spoken(letter: char, locale: Locale) -> Option<String> {
    let word = SPELT.get(usize::from(symbol(letter)?))?;
    Some(match locale {
        Locale::En => format!("{letter} as in {word}"),
        Locale::ZhCn => letter.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_write_letters_in_many_ways() {
        let code = Letters.draw(LENGTHS[0], &Random::seeded(7));
        let plain = code.reveal();
        let wide: String = plain.chars().map(|c| char::from_u32(u32::from(c) + 0xfee0).unwrap()).collect();
        let spelt: Vec<&str> = plain.chars().map(|c| SPELT[usize::from(symbol(c).unwrap())]).collect();
        let aloud = Letters.speech(&code, Locale::En.into());
        let own_words = aloud.replace("as in", "for").replace("Juliett", "jam");
        let all =
            [&Letters.display(&code), &plain.to_lowercase(), &wide, &spelt.join(" "), &aloud, &own_words];
        for written in all {
            assert_eq!(Letters.recognise(&Input::new(written)), std::slice::from_ref(&code), "{written}");
        }
    }

    #[test]
    fn spellings_and_keyboards_of_others_are_understood() {
        let known = |entered: &str| {
            let codes = Letters.recognise(&Input::new(entered));
            codes.first().map(|code| code.reveal().clone())
        };
        // The last letter is the check letter.
        for entered in ["ВСDFGНJКС", "bravo charlie delta foxtrot golf hotel juliet kilo charlie"] {
            assert_eq!(known(entered).as_deref(), Some("BCDFGHJKC"), "{entered}");
        }
        assert_eq!(known("B as in Delta, C as in Charlie, D, F, G, H, J, K, C"), None);
        assert_eq!(spelt("whisky"), spelt("whiskey"));
        assert!(spelt("whisky").is_some());
    }

    #[test]
    fn letters_are_spelt() {
        let code = Canonical::new("BCXZB".to_owned());
        let english = "B as in Bravo, C as in Charlie, X as in X-ray, Z as in Zulu, B as in Bravo";
        assert_eq!(Letters.speech(&code, Locale::En.into()), english);
        assert_eq!(Letters.speech(&code, Locale::ZhCn.into()), "B C X Z, B");
        assert_eq!(Letters.display(&code), "BCXZ-B");
    }

    #[test]
    fn the_strength_is_what_the_design_asks() {
        assert!((Letters.bits(LENGTHS[0]) - 34.58).abs() < 0.01);
        assert!((Letters.bits(LENGTHS[1]) - 38.90).abs() < 0.01);
    }
}
