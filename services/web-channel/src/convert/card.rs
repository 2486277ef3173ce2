use segue_proto::common::v1::{AccessInfo, Face};

use crate::domain::{Card, CardFace};

/// The quick access information as the customer's page shows it.
pub(crate) fn card(info: &AccessInfo, target: &str, expire_at_ms: i64) -> Card {
    let faces = info.faces.iter().filter(|face| face.kind() != Face::Qr).map(|face| CardFace {
        kind: name(face.kind()),
        display: face.display.clone(),
        speech: face.speech.clone(),
    });
    let qr = info.faces.iter().find(|face| face.kind() == Face::Qr);
    Card {
        message: info.message.clone(),
        target: target.to_owned(),
        faces: faces.collect(),
        qr_svg: qr.map(|face| face.svg.clone()).unwrap_or_default(),
        entry_uri: info.entry_uri.clone(),
        expire_at_ms,
    }
}

/// `FACE_DIGITS` is `digits` for pages.
fn name(face: Face) -> String {
    face.as_str_name().trim_start_matches("FACE_").to_lowercase()
}

#[cfg(test)]
mod tests {
    use segue_proto::common::v1::CodeFace;

    use super::*;

    fn face(kind: Face, display: &str, svg: &str) -> CodeFace {
        CodeFace {
            kind: kind.into(),
            display: display.to_owned(),
            svg: svg.to_owned(),
            ..CodeFace::default()
        }
    }

    #[test]
    fn the_qr_code_is_a_picture_and_the_rest_is_text() {
        let info = AccessInfo {
            faces: vec![face(Face::Digits, "2345 6789 1", ""), face(Face::Qr, "https://x/#t", "<svg/>")],
            entry_uri: "https://x/#t".to_owned(),
            message: "go on".to_owned(),
        };
        let shown = card(&info, "App", 7);
        assert_eq!((shown.faces.len(), shown.faces[0].kind.as_str()), (1, "digits"));
        assert_eq!(shown.qr_svg, "<svg/>");
    }
}
