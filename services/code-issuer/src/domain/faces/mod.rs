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

/// Whether a code works for one account only. A bound code can be shorter, since guessing it takes that account too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// For one account.
    Bound,
    /// For whoever has the code.
    Unbound,
    /// The same, two symbols longer: for platforms where so many codes live that shorter ones could be guessed.
    Long,
}

impl Binding {
    /// All of them, the shortest codes first.
    pub const ALL: [Self; 3] = [Self::Bound, Self::Unbound, Self::Long];
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
    /// A new code, each as likely as the others.
    fn draw(&self, binding: Binding, random: &Random) -> Canonical;
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
    /// The strength: the binary logarithm of how many codes there are. A check symbol adds none.
    fn bits(&self, binding: Binding) -> f64;
    /// How many symbols (characters, words, pictures) a code has, with its check symbol.
    fn length(&self, binding: Binding) -> usize;

    /// Whether a piece of a sentence can be a part of a code whose check symbol tells whether it's one; never for a face
    /// without.
    fn reads(&self, _piece: &str) -> bool {
        false
    }

    /// Whether codes of some binding have so many symbols.
    fn has_length(&self, symbols: usize) -> bool {
        Binding::ALL.iter().any(|binding| self.length(*binding) == symbols)
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
            for binding in Binding::ALL {
                for _ in 0..500 {
                    let code = face.draw(binding, &random);
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
    fn nonsense_is_no_code() {
        for input in ["", " ", "1", "12345678", "hello", "１２３", "23456789012345", "2345 6789 1"] {
            assert!(recognise(input).is_empty(), "{input}");
        }
    }
}
