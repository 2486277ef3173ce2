//! The faces of an access code (R6): each draws, shows, speaks and recognises codes of its own form.
//!
//! One handoff has one ticket with several faces, each drawn on its own; redeeming any spends the ticket. To add a face,
//! implement [`Face`] in a module here and add it to [`ALL`].

mod damm;
mod digits;
pub mod qr;

use segue_core::Random;

use super::locale::Locale;

/// Which face.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FaceKind {
    /// Digits, for voice and keypads.
    Digits,
    /// A QR code that holds the deep link.
    Qr,
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

/// A code in its canonical form: what is hashed. A secret.
pub type Canonical = segue_core::Secret<String>;

/// One form of access codes.
pub trait Face: Sync {
    /// Which.
    fn kind(&self) -> FaceKind;
    /// A new code, each as likely as the others.
    fn draw(&self, binding: Binding, random: &Random) -> Canonical;
    /// The canonical form of what a customer entered, or none if it can't be a code of this face. Forgiving about how
    /// it's written; check symbols catch typos here, before any database is asked.
    fn recognise(&self, input: &str) -> Option<Canonical>;
    /// As a person reads it.
    fn display(&self, code: &Canonical) -> String;
    /// As it is read aloud; empty when it can't be.
    fn speech(&self, code: &Canonical, locale: Locale) -> String;
    /// The strength: the binary logarithm of how many codes there are.
    fn bits(&self, binding: Binding) -> f64;
}

/// All faces.
pub const ALL: [&dyn Face; 2] = [&digits::Digits, &qr::Qr];

/// The face of a kind.
pub fn of_kind(kind: FaceKind) -> &'static dyn Face {
    match kind {
        FaceKind::Digits => &digits::Digits,
        FaceKind::Qr => &qr::Qr,
    }
}

/// What the input may be, face by face; empty for a malformed code.
pub fn recognise(input: &str) -> Vec<(FaceKind, Canonical)> {
    ALL.iter().filter_map(|face| Some((face.kind(), face.recognise(input)?))).collect()
}

impl FaceKind {
    /// Its name, which is part of what is hashed: never change it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Digits => "digits",
            Self::Qr => "qr",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_face_recognises_what_it_shows() {
        let random = Random::seeded(1);
        for face in ALL {
            for binding in [Binding::Bound, Binding::Unbound] {
                for _ in 0..500 {
                    let code = face.draw(binding, &random);
                    assert_eq!(face.recognise(&face.display(&code)).as_ref(), Some(&code));
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
