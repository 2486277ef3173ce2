//! The faces of an access code (R6): each draws, shows, speaks and recognises codes of its own form.
//!
//! One handoff has one ticket with several faces, each drawn on its own; redeeming any spends the ticket. To add a face:
//! a module here with a type that implements [`Face`], and its line in the list of [`faces!`](ALL) below. What a face is
//! called on the wire is in `flow/issue.rs` and `grpc/parse.rs`, where the compiler asks for it.

mod characters;
mod check;
mod damm;
mod digits;
pub mod drawing;
mod emoji;
mod input;
mod letters;
mod picture;
mod pinyin;
pub mod qr;
mod sentence;
mod slips;
mod words;

use segue_core::Random;

pub use self::input::{Input, MOST_CHARS, normalise};
use super::locale::Locale;

/// Declares the faces: their kinds in the order in which they are shown, their lasting names, and their modules.
macro_rules! faces {
    ($($(#[$doc:meta])* $kind:ident = $name:literal: $face:expr;)*) => {
        /// Which face.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum FaceKind {
            $($(#[$doc])* $kind,)*
        }

        /// All faces.
        pub const ALL: &[&dyn Face] = &[$(&$face),*];

        /// The face of a kind.
        pub fn of_kind(kind: FaceKind) -> &'static dyn Face {
            match kind {
                $(FaceKind::$kind => &$face,)*
            }
        }

        impl FaceKind {
            /// Its name, which is part of what is hashed: never change it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }
        }
    };
}

faces! {
    /// Digits, for voice and keypads.
    Digits = "digits": digits::Digits;
    /// Consonants.
    Letters = "letters": letters::Letters;
    /// English words.
    Words = "words": words::Words;
    /// Two-character Chinese words.
    Characters = "characters": characters::Characters;
    /// Pictures, tapped or named.
    Picture = "picture": picture::Picture;
    /// A QR code that holds the deep link.
    Qr = "qr": qr::Qr;
}

/// A code in its canonical form: what is hashed. A secret.
pub type Canonical = segue_core::Secret<String>;

/// How a code is read aloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Voice {
    /// The language.
    pub locale: Locale,
    /// In Mandarin, 1 as yao.
    pub one_as_yao: bool,
}

/// One form of access codes.
pub trait Face: Sync {
    /// Which.
    fn kind(&self) -> FaceKind;
    /// A new code of one of the [`lengths`](Self::lengths), each as likely as the others.
    fn draw(&self, length: usize, random: &Random) -> Canonical;
    /// The canonical forms that what a customer entered may stand for; none if it can't be a code of this face, and
    /// nearly always one. Forgiving about how it's written; check symbols catch typos here, before any database is asked.
    fn recognise(&self, input: &Input) -> Vec<Canonical>;
    /// As a person reads it.
    fn display(&self, code: &Canonical) -> String;
    /// As it is read aloud; empty when it can't be.
    fn speech(&self, code: &Canonical, voice: Voice) -> String;
    /// As a picture, for channels that show images only; none for a QR code, whose picture depends on the link.
    fn draw_picture(&self, code: &Canonical, _locale: Locale) -> Option<drawing::Drawn> {
        Some(drawing::text(&self.display(code)))
    }
    /// The strength: the binary logarithm of how many codes of a length there are. A check symbol adds none.
    fn bits(&self, length: usize) -> f64;
    /// How many symbols (characters, words, pictures) a code may have, with its check symbol; the shortest first. Codes of all of
    /// these are recognised, so a length is never taken out while such codes live.
    fn lengths(&self) -> &'static [usize];
    /// The fewest symbols of a code for whoever has it. A code that is bound to an account may have fewer: guessing it takes that
    /// account too.
    fn least_unbound(&self) -> usize;

    /// Whether a piece of a sentence can be a part of a code whose check symbol tells whether it's one; never for a face
    /// without.
    fn reads(&self, _piece: &str) -> bool {
        false
    }

    /// Whether some codes have so many symbols.
    fn has_length(&self, symbols: usize) -> bool {
        self.lengths().contains(&symbols)
    }

    /// The shortest length that has the bits; none when even the longest that a person can enter has not.
    fn length_with(&self, bits: f64, bound: bool) -> Option<usize> {
        let least = if bound { 0 } else { self.least_unbound() };
        self.lengths().iter().copied().find(|length| *length >= least && self.bits(*length) >= bits)
    }
}

/// An input that could stand for more codes than this is refused: every candidate is a guess.
pub const MOST_CANDIDATES: usize = 8;

/// What the input may be, face by face; empty when it's no code and holds none. A text around a code is taken off when there is
/// exactly one code in it.
pub fn recognise(entered: &str) -> Vec<(FaceKind, Canonical)> {
    let input = Input::new(entered);
    // A label may look like a word of a code.
    let labelled = sentence::after_label(input.raw());
    let whole = if labelled.is_empty() { candidates(&input) } else { vec![] };
    match whole.len() {
        0 => sentence::only_code_in(input.raw(), labelled).into_iter().collect(),
        1..=MOST_CANDIDATES => whole,
        _ => vec![],
    }
}

/// What the whole input may be; one more than is allowed at most.
fn candidates(input: &Input) -> Vec<(FaceKind, Canonical)> {
    let all = ALL.iter().flat_map(|face| face.recognise(input).into_iter().map(|code| (face.kind(), code)));
    all.take(MOST_CANDIDATES + 1).collect()
}

impl From<Locale> for Voice {
    fn from(locale: Locale) -> Self {
        Self { locale, one_as_yao: true }
    }
}

fn draw_below(random: &Random, bound: u8) -> u8 {
    u8::try_from(random.below(u32::from(bound))).unwrap_or_default()
}

/// The bits of so many symbols out of an alphabet of a size.
fn bits_of(symbols: usize, alphabet: u32) -> f64 {
    f64::from(u32::try_from(symbols).unwrap_or_default()) * f64::from(alphabet).log2()
}

fn grouped(code: &Canonical, size: usize, separator: &str) -> String {
    let characters: Vec<char> = code.reveal().chars().collect();
    let groups: Vec<String> = characters.chunks(size).map(|group| group.iter().collect()).collect();
    groups.join(separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_face_recognises_what_it_shows() {
        let random = Random::seeded(1);
        for face in ALL {
            for length in face.lengths() {
                for _ in 0..300 {
                    let code = face.draw(*length, &random);
                    assert_eq!(
                        face.recognise(&Input::new(&face.display(&code))),
                        std::slice::from_ref(&code)
                    );
                    let found = recognise(code.reveal());
                    assert_eq!(found.len(), 1, "one face only");
                    assert!(found[0] == (face.kind(), code));
                }
            }
        }
    }

    #[test]
    fn lengths_grow_with_the_bits_that_are_needed() {
        for face in ALL {
            let lengths = face.lengths();
            assert!(lengths.is_sorted() && face.has_length(face.least_unbound()));
            for length in lengths {
                assert_eq!(face.length_with(face.bits(*length), true), Some(*length), "{:?}", face.kind());
            }
            assert_eq!(face.length_with(0.0, false), Some(face.least_unbound()));
            assert_eq!(face.length_with(129.0, true), None);
        }
        // A flood of 1,700 wrong codes a second, for a platform on which a thousand codes live.
        assert!(ALL.iter().all(|face| face.length_with(51.0, false).is_some()));
    }

    #[test]
    fn nonsense_is_no_code() {
        for input in ["", " ", "1", "12345678", "hello", "１２３", "23456789012345", "2345 6789 1"] {
            assert!(recognise(input).is_empty(), "{input}");
        }
    }
}
