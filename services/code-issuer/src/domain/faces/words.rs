use std::sync::LazyLock;

use segue_core::Random;

use super::{Canonical, Face, FaceKind, Input, Voice, bits_of, slips};

/// English words: 3 at least, 4 when unbound, 8 at most. The list is EFF's short list no. 2 (CC BY 3.0 US, see `words/README.md`):
/// 1,296 words, each known from its first three letters, and any two at least three slips apart.
#[derive(Debug)]
pub(super) struct Words;

/// Never 7: half of the pictures' names are words of the list too, and seven names are a code of pictures.
const LENGTHS: [usize; 5] = [3, 4, 5, 6, 8];

/// The list, with `yo-yo` in one piece: a hyphen is a separator.
static LIST: LazyLock<Vec<String>> = LazyLock::new(|| {
    include_str!("../../../words/eff_short_2.txt").lines().map(|word| word.replace('-', "")).collect()
});

impl Face for Words {
    fn kind(&self) -> FaceKind {
        FaceKind::Words
    }

    fn draw(&self, length: usize, random: &Random) -> Canonical {
        let size = u32::try_from(LIST.len()).unwrap_or_default();
        let places = (0..length).map(|_| random.below(size));
        let words: Vec<&str> = places.filter_map(|place| word(usize::try_from(place).ok()?)).collect();
        Canonical::new(words.join(" "))
    }

    fn recognise(&self, input: &Input) -> Vec<Canonical> {
        let words = read(input).filter(|words| self.has_length(words.len()));
        words.map(|words| Canonical::new(words.join(" "))).into_iter().collect()
    }

    fn display(&self, code: &Canonical) -> String {
        code.reveal().clone()
    }

    /// The words with pauses, in either language.
    fn speech(&self, code: &Canonical, _: Voice) -> String {
        code.reveal().replace(' ', ", ")
    }

    fn bits(&self, length: usize) -> f64 {
        bits_of(length, u32::try_from(LIST.len()).unwrap_or(1))
    }

    fn lengths(&self) -> &'static [usize] {
        &LENGTHS
    }

    fn least_unbound(&self) -> usize {
        LENGTHS[1]
    }
}

fn word(place: usize) -> Option<&'static str> {
    LIST.get(place).map(String::as_str)
}

fn read(input: &Input) -> Option<Vec<&'static str>> {
    let text = input.text().replace("yo yo", "yoyo");
    let mut words = Vec::new();
    // The first letters of `android`, for whoever gives no more of any word.
    let abbreviated = text.split(' ').all(|token| token.len() <= "and".len());
    for token in text.split(' ').filter(|token| abbreviated || *token != "and") {
        match resolve(token) {
            Some(word) => words.push(word),
            None => words.extend(pieces(token)?),
        }
    }
    Some(words)
}

fn resolve(token: &str) -> Option<&'static str> {
    let letters = token.bytes().all(|byte| byte.is_ascii_lowercase());
    word(slips::resolve(token, LIST.iter().map(String::as_str)).filter(|_| letters)?)
}

/// Whole words written without a space. Three letters tell a word, so there is one way at most.
fn pieces(token: &str) -> Option<Vec<&'static str>> {
    let mut rest = token;
    let mut found = Vec::new();
    while !rest.is_empty() {
        let next = LIST.iter().find(|word| rest.starts_with(word.as_str()))?;
        rest = &rest[next.len()..];
        found.push(next.as_str());
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recognise(entered: &str) -> Vec<String> {
        Words.recognise(&Input::new(entered)).iter().map(|code| code.reveal().clone()).collect()
    }

    #[test]
    fn the_list_is_what_corrections_rely_on() {
        assert_eq!(LIST.len(), 1296);
        let mut starts: Vec<&str> = LIST.iter().map(|word| &word[..3]).collect();
        starts.sort_unstable();
        starts.dedup();
        assert_eq!(starts.len(), LIST.len());
        assert!(LIST.iter().all(|word| word.bytes().all(|byte| byte.is_ascii_lowercase())));
    }

    /// No two words have a slip in common, so a slip never leads to another word.
    #[test]
    fn every_single_slip_leads_back_or_nowhere() {
        let mut corrected = (0, 0);
        for word in LIST.iter().step_by(37) {
            for slip in slips_of(word).filter(|slip| slip != word) {
                let found = slips::resolve(&slip, LIST.iter().map(String::as_str));
                let found = found.and_then(super::word);
                assert!(
                    found.is_none_or(|found| found == word || found.starts_with(&slip)),
                    "{slip} of {word}"
                );
                corrected.0 += usize::from(found == Some(word));
                corrected.1 += 1;
            }
        }
        println!("words: {corrected:?} single slips corrected");
        assert!(corrected.0 * 1000 >= corrected.1 * 995);
    }

    fn slips_of(word: &str) -> impl Iterator<Item = String> {
        let letters = ('a'..='z').map(String::from).chain([String::new()]);
        let replaced = letters.flat_map(move |new| {
            (0..word.len()).flat_map(move |at| {
                let inserted = format!("{}{new}{}", &word[..at], &word[at..]);
                [inserted, format!("{}{new}{}", &word[..at], &word[at + 1..])]
            })
        });
        let exchanged = (1..word.len()).map(move |at| {
            format!("{}{}{}{}", &word[..at - 1], &word[at..=at], &word[at - 1..at], &word[at + 1..])
        });
        replaced.chain(exchanged)
    }

    #[test]
    fn people_write_words_in_many_ways() {
        for entered in [
            "aardvark yo-yo zucchini",
            "AARDVARK-YOYO-ZUCCHINI",
            "aar yoy zuc",
            "aardvarkyo-yozucchini",
            "aadvark yoyi zuchcini",
            "aardvark, yo-yo and zucchini",
        ] {
            assert_eq!(recognise(entered), ["aardvark yoyo zucchini"], "{entered}");
        }
        for entered in ["aardvark yo-yo", "aa yoy zuc", "aardvark yoyo zebrafishes"] {
            assert_eq!(recognise(entered), [""; 0], "{entered}");
        }
    }

    #[test]
    fn a_conjunction_is_no_word_where_words_are_whole() {
        assert_eq!(recognise("aar and zuc"), ["aardvark android zucchini"]);
        assert_eq!(recognise("movie, tupperware and tiara"), ["movie tupperware tiara"]);
    }

    #[test]
    fn the_strength_is_what_the_design_asks() {
        assert!((Words.bits(LENGTHS[0]) - 31.02).abs() < 0.01);
        assert!((Words.bits(LENGTHS[1]) - 41.36).abs() < 0.01);
    }
}
