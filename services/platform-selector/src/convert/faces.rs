use segue_proto::common::v1::Face as FaceMessage;
use segue_runtime::Fields;

use crate::domain::face::{Face, Faces};

/// Reads a list of faces.
pub(crate) fn parse(fields: &mut Fields, path: &str, values: &[i32]) -> Faces {
    fields.faces(path, values).into_iter().filter_map(of_message).collect()
}

fn of_message(face: FaceMessage) -> Option<Face> {
    match face {
        FaceMessage::Unspecified => None,
        FaceMessage::Digits => Some(Face::Digits),
        FaceMessage::Letters => Some(Face::Letters),
        FaceMessage::Words => Some(Face::Words),
        FaceMessage::Characters => Some(Face::Characters),
        FaceMessage::Picture => Some(Face::Picture),
        FaceMessage::Qr => Some(Face::Qr),
    }
}
