use segue_core::Random;

use super::{
    Canonical, Face, FaceKind, Input, Voice, bits_of, check, draw_below, drawing,
    emoji::{self, EMOJI, Emoji},
    slips,
};
use crate::domain::locale::Locale;

/// Pictures out of 64 with a check picture: 6 + 1 at least, 12 + 1 at most. Tapped on a grid, or named in English or Chinese.
#[derive(Debug)]
pub(super) struct Picture;

const BASE: u8 = 64;
/// In steps of two: a picture and its name beside it are the picture twice, which is then no code.
const LENGTHS: [usize; 4] = [7, 9, 11, 13];
/// The longest name has as many characters (`hu luo bo`).
const LONGEST_CHINESE: usize = 3;

impl Face for Picture {
    fn kind(&self) -> FaceKind {
        FaceKind::Picture
    }

    fn draw(&self, length: usize, random: &Random) -> Canonical {
        let mut symbols: Vec<u8> = (1..length).map(|_| draw_below(random, BASE)).collect();
        symbols.push(check::of(check::emoji, BASE, &symbols));
        canonical(&symbols)
    }

    fn recognise(&self, input: &Input) -> Vec<Canonical> {
        let symbols = read(input).unwrap_or_default();
        let right = self.has_length(symbols.len()) && check::holds(check::emoji, &symbols);
        right.then(|| canonical(&symbols)).into_iter().collect()
    }

    fn reads(&self, piece: &str) -> bool {
        EMOJI.iter().any(|emoji| emoji.english == piece) || (!piece.is_ascii() && pieces(piece).is_some())
    }

    fn display(&self, code: &Canonical) -> String {
        let shown: Vec<&str> = pictures(code).iter().map(|emoji| emoji.character).collect();
        shown.join(" ")
    }

    fn speech(&self, code: &Canonical, voice: Voice) -> String {
        let names: Vec<&str> = pictures(code).iter().map(|emoji| emoji::name(emoji, voice.locale)).collect();
        names.join(match voice.locale {
            Locale::En => ", ",
            Locale::ZhCn => "，",
        })
    }

    fn draw_picture(&self, code: &Canonical, locale: Locale) -> Option<drawing::Drawn> {
        drawing::emoji(&read(&Input::new(code.reveal()))?, locale)
    }

    fn bits(&self, length: usize) -> f64 {
        bits_of(length.saturating_sub(1), BASE.into())
    }

    fn lengths(&self) -> &'static [usize] {
        &LENGTHS
    }

    fn least_unbound(&self) -> usize {
        LENGTHS[0]
    }
}

fn canonical(symbols: &[u8]) -> Canonical {
    let emoji = symbols.iter().filter_map(|symbol| EMOJI.get(usize::from(*symbol)));
    Canonical::new(emoji.map(|emoji| emoji.character).collect())
}

fn pictures(code: &Canonical) -> Vec<&'static Emoji> {
    let symbols = read(&Input::new(code.reveal())).unwrap_or_default();
    symbols.iter().filter_map(|symbol| EMOJI.get(usize::from(*symbol))).collect()
}

/// Pictures, English names and Chinese names, in any mixture: the picture with its name is the picture twice, which the
/// length tells.
fn read(input: &Input) -> Option<Vec<u8>> {
    let mut places = Vec::new();
    // The one name that people write in two words.
    let text = input.text().replace("ice cream", "icecream").replace('和', " ");
    for token in text.split(' ').filter(|token| !["", "and"].contains(token)) {
        if token.bytes().all(|byte| byte.is_ascii_lowercase()) {
            places.push(slips::resolve(token, EMOJI.iter().map(|emoji| emoji.english))?);
        } else {
            places.extend(pieces(token)?);
        }
    }
    places.into_iter().map(|place| u8::try_from(place).ok()).collect()
}

/// Pictures and Chinese names without a space: the longest name that fits, since 猫 (cat) begins 猫头鹰 (owl).
fn pieces(token: &str) -> Option<Vec<usize>> {
    let mut rest = token;
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (place, length) = begins(rest)?;
        found.push(place);
        rest = &rest[length..];
    }
    Some(found)
}

fn begins(text: &str) -> Option<(usize, usize)> {
    let ends = text.char_indices().map(|(at, c)| at + c.len_utf8()).take(LONGEST_CHINESE).collect::<Vec<_>>();
    ends.into_iter().rev().find_map(|end| {
        let name = &text[..end];
        let is = |emoji: &Emoji| [emoji.character, emoji.simplified, emoji.traditional].contains(&name);
        Some((EMOJI.iter().position(is)?, end))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_picture_has_names_of_its_own() {
        assert_eq!(EMOJI.len(), 64);
        let of = |name: fn(&Emoji) -> &'static str| EMOJI.iter().map(name).collect::<BTreeSet<_>>().len();
        assert_eq!(of(|emoji| emoji.character), 64);
        assert_eq!(of(|emoji| emoji.english), 64);
        assert_eq!(of(|emoji| emoji.simplified), 64);
        for (place, emoji) in EMOJI.iter().enumerate() {
            for name in [emoji.character, emoji.english, emoji.simplified, emoji.traditional] {
                assert_eq!(read(&Input::new(name)), Some(vec![u8::try_from(place).unwrap()]), "{name}");
            }
            assert!(emoji.simplified.chars().count() <= LONGEST_CHINESE && !emoji.art.is_empty());
        }
    }

    #[test]
    fn people_enter_pictures_in_many_ways() {
        let code = Picture.draw(LENGTHS[0], &Random::seeded(7));
        let selected: String = code.reveal().chars().flat_map(|c| [c, '\u{fe0f}']).collect();
        let traditional: String = pictures(&code).iter().map(|emoji| emoji.traditional).collect();
        let english = Picture.speech(&code, Locale::En.into());
        let slips: Vec<String> = english.split(", ").map(|name| name.replacen('a', "aa", 1)).collect();
        for entered in [
            &Picture.display(&code),
            &selected,
            &english,
            &english.to_uppercase(),
            &slips.join(" "),
            &Picture.speech(&code, Locale::ZhCn.into()),
            &traditional,
        ] {
            assert_eq!(Picture.recognise(&Input::new(entered)), std::slice::from_ref(&code), "{entered}");
        }
    }

    #[test]
    fn the_strength_is_what_the_design_asks() {
        assert!((Picture.bits(LENGTHS[0]) - 36.0).abs() < 0.01);
        assert!((Picture.bits(LENGTHS[1]) - 48.0).abs() < 0.01);
    }
}
