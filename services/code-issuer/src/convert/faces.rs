use segue_proto::common::v1::Face;

use crate::domain::faces::FaceKind;

/// A face for the wire.
pub(crate) fn face(kind: FaceKind) -> Face {
    match kind {
        FaceKind::Digits => Face::Digits,
        FaceKind::Letters => Face::Letters,
        FaceKind::Words => Face::Words,
        FaceKind::Characters => Face::Characters,
        FaceKind::Picture => Face::Picture,
        FaceKind::Qr => Face::Qr,
    }
}

/// A face from the wire.
pub(crate) fn kind(face: Face) -> Option<FaceKind> {
    Some(match face {
        Face::Digits => FaceKind::Digits,
        Face::Letters => FaceKind::Letters,
        Face::Words => FaceKind::Words,
        Face::Characters => FaceKind::Characters,
        Face::Picture => FaceKind::Picture,
        Face::Qr => FaceKind::Qr,
        Face::Unspecified => return None,
    })
}
