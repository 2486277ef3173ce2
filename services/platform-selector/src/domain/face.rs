use std::collections::BTreeSet;

/// The forms an access code can take (R6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Face {
    /// Digits.
    Digits,
    /// Consonants.
    Letters,
    /// English words.
    Words,
    /// Two-character Chinese words.
    Characters,
    /// Pictures.
    Picture,
    /// A QR code.
    Qr,
}

/// A set of faces.
pub type Faces = BTreeSet<Face>;

/// Whether a code can be handed over: every face asked for, or any face when none is, must be deliverable by the source
/// and enterable on the target.
pub fn can_pass(asked: &Faces, delivered_by_source: &Faces, accepted_by_target: &Faces) -> bool {
    let passes = |face: &Face| delivered_by_source.contains(face) && accepted_by_target.contains(face);
    if asked.is_empty() { delivered_by_source.iter().any(passes) } else { asked.iter().all(passes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_faces_asked_for_must_pass_or_any_when_none_is() {
        use Face::{Digits, Letters, Qr};
        let (source, target) = (Faces::from([Digits, Qr]), Faces::from([Digits, Letters]));
        let passes = |asked: &[Face]| can_pass(&asked.iter().copied().collect(), &source, &target);
        assert!(passes(&[]));
        assert!(passes(&[Digits]));
        assert!(!passes(&[Digits, Qr]));
        assert!(!passes(&[Letters]));
        assert!(!can_pass(&Faces::new(), &Faces::from([Qr]), &target));
        assert!(!can_pass(&Faces::new(), &Faces::new(), &target));
    }
}
