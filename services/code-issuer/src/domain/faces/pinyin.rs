//! Chinese words by how they sound.

use std::{collections::HashMap, sync::LazyLock};

use pinyin::ToPinyinMulti as _;

/// A word of the list.
pub(super) struct Word {
    /// In simplified characters.
    pub simplified: &'static str,
    /// In traditional characters.
    traditional: &'static str,
    /// Its toneless pinyin, two syllables.
    pub reading: &'static str,
}

/// The list: see `words/README.md`.
pub(super) static WORDS: LazyLock<Vec<Word>> = LazyLock::new(|| {
    let rows = include_str!("../../../words/characters.tsv").lines();
    rows.filter_map(|row| {
        let mut columns = row.split('\t');
        Some(Word { simplified: columns.next()?, traditional: columns.next()?, reading: columns.next()? })
    })
    .collect()
});

static BY_WRITING: LazyLock<HashMap<&'static str, usize>> = LazyLock::new(|| {
    let words = WORDS.iter().enumerate();
    words.flat_map(|(place, word)| [(word.simplified, place), (word.traditional, place)]).collect()
});

/// Each word has a sound of its own; that of the syllables decides, so `xi an` and `xian` are different.
static BY_SOUND: LazyLock<HashMap<(String, String), usize>> = LazyLock::new(|| {
    let words = WORDS.iter().enumerate();
    words
        .filter_map(|(place, word)| {
            let (first, second) = word.reading.split_once(' ')?;
            Some(((fuzzy(first), fuzzy(second)), place))
        })
        .collect()
});

/// A syllable has six letters at most (`zhuang`).
const LONGEST_SYLLABLE: usize = 6;

/// A syllable without tone and without what many accents and keyboards don't tell apart: zh, ch, sh and z, c, s; n and l;
/// f and h; -ng and -n after a, e, i; ü and u.
pub(super) fn fuzzy(syllable: &str) -> String {
    let plain = syllable.replace(['ü', 'v'], "u");
    let sounds = [("zh", "z"), ("ch", "c"), ("sh", "s"), ("n", "l"), ("f", "h")];
    let spoken = sounds.iter().find_map(|(from, to)| Some(format!("{to}{}", plain.strip_prefix(from)?)));
    let mut spoken = spoken.unwrap_or(plain);
    if ["ang", "eng", "ing"].iter().any(|end| spoken.ends_with(end)) {
        spoken.pop();
    }
    spoken
}

/// The words that two characters may stand for: the word itself, else all that sound like some reading of them.
pub(super) fn of_characters(first: char, second: char) -> Vec<usize> {
    let written: String = [first, second].iter().collect();
    if let Some(place) = BY_WRITING.get(written.as_str()) {
        return vec![*place];
    }
    let seconds = readings(second);
    let mut places: Vec<usize> = readings(first)
        .iter()
        .flat_map(|first| seconds.iter().map(move |second| (first.clone(), second.clone())))
        .filter_map(|sound| BY_SOUND.get(&sound).copied())
        .collect();
    places.sort_unstable();
    places.dedup();
    places
}

/// The words that Latin letters may begin with, each with what comes after it. A syllable has no space inside.
pub(super) fn of_letters(letters: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (first, rest) in syllables(letters) {
        for (second, rest) in syllables(rest) {
            let place = BY_SOUND.get(&(fuzzy(first), fuzzy(second)));
            found.extend(place.map(|place| (*place, rest)));
        }
    }
    found
}

/// The syllables that a text may begin with, each with the rest.
fn syllables(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let text = text.trim_start();
    let longest = text.bytes().take(LONGEST_SYLLABLE).take_while(u8::is_ascii_lowercase).count();
    (1..=longest).map(move |length| text.split_at(length))
}

fn readings(character: char) -> Vec<String> {
    let all = character.to_pinyin_multi();
    all.into_iter().flatten().map(|reading| fuzzy(reading.plain())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_a_sound_and_a_writing_of_its_own() {
        assert_eq!(WORDS.len(), 2048);
        assert_eq!(BY_SOUND.len(), 2048);
        let differing = WORDS.iter().filter(|word| word.simplified != word.traditional).count();
        assert_eq!(BY_WRITING.len(), 2048 + differing);
        assert!(WORDS.iter().all(|word| word.simplified.chars().count() == 2));
    }

    /// What the list says is what the table of readings says, so that homophones of any writing meet.
    #[test]
    fn every_word_is_known_by_its_sound() {
        for (place, word) in WORDS.iter().enumerate() {
            let sounds: Vec<Vec<String>> = word.simplified.chars().map(readings).collect();
            let (first, second) = word.reading.split_once(' ').unwrap();
            assert!(
                sounds[0].contains(&fuzzy(first)) && sounds[1].contains(&fuzzy(second)),
                "{}",
                word.simplified
            );
            let typed = super::super::normalise(word.reading);
            assert!(of_letters(&typed).contains(&(place, "")), "{typed}");
        }
    }

    #[test]
    fn accents_are_understood() {
        for (one, other) in
            [("zhong", "zong"), ("nan", "lang"), ("fei", "hei"), ("xing", "xin"), ("lü", "nu")]
        {
            assert_eq!(fuzzy(one), fuzzy(other));
        }
        assert_ne!(fuzzy("dong"), fuzzy("dun"));
    }
}
