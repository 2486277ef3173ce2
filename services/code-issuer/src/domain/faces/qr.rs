//! QR codes. The code itself is a token of 128 random bits; the QR code holds the deep link with the token in its
//! fragment, which browsers never send to a server.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use qrcode::{
    Color, EcLevel, QrCode,
    render::{svg, unicode},
};
use segue_core::Random;

use super::{Canonical, Face, FaceKind, Input, Voice, drawing::Drawn};
use crate::domain::locale::Locale;

const TOKEN_BYTES: usize = 16;
const TOKEN_CHARS: usize = 22;
/// Level Q recovers a quarter of the symbol, so 10% damage leaves room.
const LEVEL: EcLevel = EcLevel::Q;
/// ISO/IEC 18004 asks for a quiet zone of four modules.
const QUIET_ZONE: usize = 4;
const MODULE_PIXELS: usize = 6;

/// A QR code with a random token.
#[derive(Debug)]
pub(super) struct Qr;

/// The pictures can't be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the link is too long for a QR code")]
pub struct TooLong;

impl Face for Qr {
    fn kind(&self) -> FaceKind {
        FaceKind::Qr
    }

    fn draw(&self, _: usize, random: &Random) -> Canonical {
        Canonical::new(URL_SAFE_NO_PAD.encode(random.bytes::<TOKEN_BYTES>()))
    }

    /// Takes the token, or the whole link as a scanner may give it.
    fn recognise(&self, input: &Input) -> Vec<Canonical> {
        let token = input.raw().rsplit('#').next().unwrap_or_default();
        let whole = token.len() == TOKEN_CHARS && URL_SAFE_NO_PAD.decode(token).is_ok();
        whole.then(|| Canonical::new(token.to_owned())).into_iter().collect()
    }

    fn display(&self, code: &Canonical) -> String {
        code.reveal().clone()
    }

    fn speech(&self, _: &Canonical, _: Voice) -> String {
        String::new()
    }

    fn draw_picture(&self, _: &Canonical, _: Locale) -> Option<Drawn> {
        None
    }

    fn bits(&self, _: usize) -> f64 {
        128.0
    }

    fn lengths(&self) -> &'static [usize] {
        &[TOKEN_CHARS]
    }

    fn least_unbound(&self) -> usize {
        TOKEN_CHARS
    }
}

/// The QR code of a text as SVG.
pub fn svg(text: &str) -> Result<String, TooLong> {
    Ok(encode(text)?.render::<svg::Color<'_>>().min_dimensions(240, 240).build())
}

/// The QR code of a text for a terminal, two modules to a character.
pub fn terminal(text: &str) -> Result<String, TooLong> {
    // Most terminals are dark, so the light modules are the ones to draw.
    let code = encode(text)?;
    Ok(code
        .render::<unicode::Dense1x2>()
        .dark_color(unicode::Dense1x2::Light)
        .light_color(unicode::Dense1x2::Dark)
        .build())
}

/// The QR code of a text as PNG: black on white, one bit a pixel.
pub fn png(text: &str) -> Result<Vec<u8>, TooLong> {
    let code = encode(text)?;
    let modules = code.width();
    let side = (modules + 2 * QUIET_ZONE) * MODULE_PIXELS;
    let row_bytes = side.div_ceil(8);
    let mut pixels = vec![0xff_u8; row_bytes * side];
    for y in 0..side {
        for x in 0..side {
            let module =
                (x / MODULE_PIXELS).checked_sub(QUIET_ZONE).zip((y / MODULE_PIXELS).checked_sub(QUIET_ZONE));
            let dark =
                module.is_some_and(|(mx, my)| mx < modules && my < modules && code[(mx, my)] == Color::Dark);
            if dark {
                pixels[y * row_bytes + x / 8] &= !(0x80 >> (x % 8));
            }
        }
    }
    encode_png(side, &pixels).ok_or(TooLong)
}

fn encode(text: &str) -> Result<QrCode, TooLong> {
    QrCode::with_error_correction_level(text, LEVEL).map_err(|_| TooLong)
}

fn encode_png(side: usize, pixels: &[u8]) -> Option<Vec<u8>> {
    let side = u32::try_from(side).ok()?;
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(pixels).ok()?;
    writer.finish().ok()?;
    Some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scanned_link_is_recognised() {
        let code = Qr.draw(TOKEN_CHARS, &Random::seeded(1));
        let link = format!("https://app.example/go#{}", code.reveal());
        assert_eq!(Qr.recognise(&Input::new(&link)), [code]);
    }

    #[test]
    fn pictures_are_made() {
        let text = "https://app.example/go#AAAAAAAAAAAAAAAAAAAAAA";
        assert!(svg(text).unwrap().contains("<svg"));
        assert!(terminal(text).unwrap().lines().count() > 15);
        let bytes = png(text).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!(info.width, info.height);
        assert!(pixels.iter().any(|byte| *byte != 0xff) && pixels.contains(&0xff));
        assert!(svg(&"x".repeat(5000)).is_err());
    }
}
