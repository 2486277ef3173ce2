use std::fmt;

use segue_proto::common::v1::{AccessInfo, Face};
use serde::{Deserialize, Serialize};

/// The quick access information as the customer's page shows it (R8). A secret until its code is dead.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Card {
    pub(crate) message: String,
    pub(crate) target: String,
    pub(crate) faces: Vec<CardFace>,
    /// The QR code as SVG; empty: none.
    pub(crate) qr_svg: String,
    pub(crate) entry_uri: String,
    pub(crate) expire_at_ms: i64,
}

/// A form of the code that can be read.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CardFace {
    pub(crate) kind: String,
    pub(crate) display: String,
    pub(crate) speech: String,
}

impl fmt::Debug for Card {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Card([secret])")
    }
}

impl fmt::Debug for CardFace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CardFace([secret])")
    }
}

impl Card {
    pub(crate) fn of(info: &AccessInfo, target: &str, expire_at_ms: i64) -> Self {
        let faces = info.faces.iter().filter(|face| face.kind() != Face::Qr).map(|face| CardFace {
            kind: name(face.kind()),
            display: face.display.clone(),
            speech: face.speech.clone(),
        });
        let qr = info.faces.iter().find(|face| face.kind() == Face::Qr);
        Self {
            message: info.message.clone(),
            target: target.to_owned(),
            faces: faces.collect(),
            qr_svg: qr.map(|face| face.svg.clone()).unwrap_or_default(),
            entry_uri: info.entry_uri.clone(),
            expire_at_ms,
        }
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
        let card = Card::of(&info, "App", 7);
        assert_eq!((card.faces.len(), card.faces[0].kind.as_str()), (1, "digits"));
        assert_eq!(card.qr_svg, "<svg/>");
        assert!(!format!("{card:?} {:?}", card.faces).contains("2345"));
    }
}
