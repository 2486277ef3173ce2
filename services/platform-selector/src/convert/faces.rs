use segue_proto::common::v1::Face as FaceMessage;
use segue_runtime::Fields;

use crate::domain::face::{Face, Faces};

const MAX_FACES: usize = 16;

/// Reads a list of faces.
pub(crate) fn parse(fields: &mut Fields, path: &str, values: &[i32]) -> Faces {
    fields.at_most(path, values.len(), MAX_FACES);
    let values = values.iter().take(MAX_FACES).enumerate();
    values.filter_map(|(index, value)| parse_one(fields, &format!("{path}[{index}]"), *value)).collect()
}

fn parse_one(fields: &mut Fields, path: &str, value: i32) -> Option<Face> {
    match fields.enumeration::<FaceMessage>(path, value) {
        FaceMessage::Unspecified => None,
        FaceMessage::Digits => Some(Face::Digits),
        FaceMessage::Letters => Some(Face::Letters),
        FaceMessage::Words => Some(Face::Words),
        FaceMessage::Characters => Some(Face::Characters),
        FaceMessage::Picture => Some(Face::Picture),
        FaceMessage::Qr => Some(Face::Qr),
    }
}
