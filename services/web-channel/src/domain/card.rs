use std::fmt;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_tells_no_code() {
        let face =
            CardFace { kind: "digits".to_owned(), display: "2345".to_owned(), speech: "2345".to_owned() };
        let card = Card {
            message: "2345".to_owned(),
            target: String::new(),
            faces: vec![face],
            qr_svg: String::new(),
            entry_uri: "2345".to_owned(),
            expire_at_ms: 0,
        };
        assert!(!format!("{card:?} {:?}", card.faces).contains("2345"));
    }
}
