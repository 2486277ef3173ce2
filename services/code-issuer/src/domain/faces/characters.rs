use std::collections::HashSet;

use segue_core::Random;

use super::{
    Canonical, Face, FaceKind, Input, MOST_CANDIDATES, Voice, bits_of,
    pinyin::{self, WORDS},
};
use crate::domain::locale::Locale;

/// Two-character Chinese words: 3 at least, 4 when unbound, 8 at most. Each of the 2,048 sounds like no other, even without
/// tones and in many accents, so a code may be typed with any characters that sound right, simplified or traditional, or in
/// pinyin.
#[derive(Debug)]
pub(super) struct Characters;

/// Never 7, as there are codes of seven pictures, whose names have two characters mostly.
const LENGTHS: [usize; 5] = [3, 4, 5, 6, 8];
const LONGEST: usize = LENGTHS[LENGTHS.len() - 1];

/// Codes that pinyin may stand for, while it is read.
#[derive(Default)]
struct Reading {
    /// The words so far.
    words: Vec<usize>,
    found: Vec<Vec<usize>>,
    /// How many words stood before a rest of so many bytes that leads nowhere. Without it a long text would be tried in as many
    /// ways as its syllables can be cut.
    dead_ends: HashSet<(usize, usize)>,
}

impl Face for Characters {
    fn kind(&self) -> FaceKind {
        FaceKind::Characters
    }

    fn draw(&self, length: usize, random: &Random) -> Canonical {
        let size = u32::try_from(WORDS.len()).unwrap_or_default();
        let places = (0..length).filter_map(|_| usize::try_from(random.below(size)).ok());
        canonical(&places.collect::<Vec<_>>())
    }

    fn recognise(&self, input: &Input) -> Vec<Canonical> {
        let mut found = Vec::new();
        if input.text().is_ascii() {
            let letters = input.text().replace(['1', '2', '3', '4', '5'], " ");
            let mut reading = Reading::default();
            self.read_letters(&letters, &mut reading);
            found = reading.found;
        } else {
            self.read_characters(&input.joined(), &mut found);
        }
        found.sort_unstable();
        found.dedup();
        found.iter().map(|places| canonical(places)).collect()
    }

    fn display(&self, code: &Canonical) -> String {
        code.reveal().clone()
    }

    /// The words with pauses; in English their pinyin.
    fn speech(&self, code: &Canonical, voice: Voice) -> String {
        let reading = |word| WORDS.iter().find(|known| known.simplified == word).map(|word| word.reading);
        match voice.locale {
            Locale::ZhCn => code.reveal().replace(' ', "，"),
            Locale::En => code.reveal().split(' ').filter_map(reading).collect::<Vec<_>>().join(", "),
        }
    }

    fn bits(&self, length: usize) -> f64 {
        bits_of(length, u32::try_from(WORDS.len()).unwrap_or(1))
    }

    fn lengths(&self) -> &'static [usize] {
        &LENGTHS
    }

    fn least_unbound(&self) -> usize {
        LENGTHS[1]
    }
}

impl Characters {
    /// Adds the codes that pairs of characters stand for; one more than is allowed at most.
    fn read_characters(&self, text: &str, found: &mut Vec<Vec<usize>>) {
        let characters: Vec<char> = text.chars().collect();
        if !characters.len().is_multiple_of(2) || !self.has_length(characters.len() / 2) {
            return;
        }
        found.push(vec![]);
        for pair in characters.chunks_exact(2) {
            let words = pinyin::of_characters(pair[0], pair[1]);
            let longer = found
                .iter()
                .flat_map(|places| words.iter().map(move |word| [&places[..], &[*word]].concat()));
            *found = longer.take(MOST_CANDIDATES + 1).collect();
        }
    }

    /// Adds the codes that pinyin stands for, with or without spaces; one more than is allowed at most.
    fn read_letters(&self, text: &str, reading: &mut Reading) {
        if text.trim().is_empty() {
            let words = self.has_length(reading.words.len()).then(|| reading.words.clone());
            reading.found.extend(words);
            return;
        }
        let place = (reading.words.len(), text.len());
        if reading.words.len() == LONGEST || reading.dead_ends.contains(&place) {
            return;
        }
        let before = reading.found.len();
        for (word, rest) in pinyin::of_letters(text) {
            if reading.found.len() > MOST_CANDIDATES {
                return;
            }
            reading.words.push(word);
            self.read_letters(rest, reading);
            reading.words.pop();
        }
        if reading.found.len() == before {
            reading.dead_ends.insert(place);
        }
    }
}

fn canonical(places: &[usize]) -> Canonical {
    let words: Vec<&str> =
        places.iter().filter_map(|place| WORDS.get(*place)).map(|word| word.simplified).collect();
    Canonical::new(words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recognise(entered: &str) -> Vec<String> {
        Characters.recognise(&Input::new(entered)).iter().map(|code| code.reveal().clone()).collect()
    }

    #[test]
    fn people_write_characters_in_many_ways() {
        let code = "玻璃 菠萝 蜜蜂";
        for entered in [
            "玻璃菠萝蜜蜂",
            "玻璃，菠萝，蜜蜂。",
            "玻璃 菠蘿 蜜蜂",
            "播离 波罗 密封",
            "bō li bōluó mìfēng",
            "boli boluo mifeng",
            "bo1li2 bo1luo2 mi4feng1",
            "bolipoluo",
            "bo ni bo nuo mi hen",
            "BOLIBOLUOMIFENG",
        ] {
            let expected: &[&str] = if entered == "bolipoluo" { &[] } else { &[code] };
            assert_eq!(recognise(entered), expected, "{entered}");
        }
        assert_eq!(recognise("玻璃 菠萝 蜜"), [""; 0]);
    }

    #[test]
    fn words_are_read_aloud() {
        let code = Canonical::new("玻璃 菠萝".to_owned());
        assert_eq!(Characters.speech(&code, Locale::ZhCn.into()), "玻璃，菠萝");
        assert_eq!(Characters.speech(&code, Locale::En.into()), "bo li, bo luo");
    }

    #[test]
    fn the_strength_is_what_the_design_asks() {
        assert!((Characters.bits(LENGTHS[0]) - 33.0).abs() < 0.01);
        assert!((Characters.bits(LENGTHS[1]) - 44.0).abs() < 0.01);
    }
}
