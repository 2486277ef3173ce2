//! Codes drawn as pictures, for channels that show images only.
//!
//! The SVG of a text is text, in whatever font its viewer has. The PNG is drawn here with a font of 8 by 8 pixels, which has
//! ASCII only: a Chinese font would weigh more than the service, so characters have an SVG and no PNG. Pictures are drawn
//! with Twemoji's art in both, so that they look the same everywhere.

use std::{fmt::Write as _, sync::LazyLock};

use super::emoji::{self, EMOJI};
use crate::domain::locale::Locale;

/// A picture of a code. A secret, as the code is.
pub struct Drawn {
    /// As SVG.
    pub svg: String,
    /// As PNG; empty when there's no font for it.
    pub png: Vec<u8>,
}

/// The size of a letter in the font, in pixels.
const GLYPH: usize = 8;
/// Each pixel of the font is drawn as a square of as many.
const SCALE: usize = 4;
const MARGIN: usize = 16;
/// Lines are broken between words so that none is longer, in characters.
const LINE: usize = 24;
/// The size of a picture on the sheet, which has eight in a row.
const CELL: usize = 72;
const SHEET_ROW: usize = 8;
const GAP: usize = 8;

/// Draws a text.
pub fn text(text: &str) -> Drawn {
    let lines = broken(text);
    let png = if text.is_ascii() { text_png(&lines).unwrap_or_default() } else { vec![] };
    Drawn { svg: text_svg(&lines), png }
}

/// Draws pictures in a row, in SVG with their names.
pub(super) fn emoji(symbols: &[u8], locale: Locale) -> Option<Drawn> {
    Some(Drawn { svg: emoji_svg(symbols, locale), png: emoji_png(symbols)? })
}

fn broken(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= LINE => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn text_svg(lines: &[String]) -> String {
    const SIZE: usize = 32;
    let columns = |line: &String| line.chars().map(|c| if c.is_ascii() { 2 } else { 4 }).sum::<usize>();
    let width = lines.iter().map(columns).max().unwrap_or_default() * SIZE / 3 + 2 * MARGIN;
    let height = lines.len() * SIZE * 3 / 2 + 2 * MARGIN;
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="monospace" font-size="{SIZE}" text-anchor="middle"><rect width="100%" height="100%" fill="white"/>"#
    );
    for (number, line) in lines.iter().enumerate() {
        let line = line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let y = MARGIN + SIZE * 9 / 8 + number * SIZE * 3 / 2;
        let _ = write!(svg, r#"<text x="50%" y="{y}">{line}</text>"#);
    }
    svg + "</svg>"
}

fn text_png(lines: &[String]) -> Option<Vec<u8>> {
    let cell = GLYPH * SCALE;
    let width = lines.iter().map(String::len).max()? * cell + 2 * MARGIN;
    let height = lines.len() * cell * 3 / 2 + 2 * MARGIN;
    let row_bytes = width.div_ceil(8);
    let mut pixels = vec![0xff_u8; row_bytes * height];
    for (number, line) in lines.iter().enumerate() {
        for (column, letter) in line.bytes().enumerate() {
            let glyph = font8x8::legacy::BASIC_LEGACY.get(usize::from(letter))?;
            let (left, top) = (MARGIN + column * cell, MARGIN + cell / 4 + number * cell * 3 / 2);
            for y in 0..cell {
                for x in (0..cell).filter(|x| glyph[y / SCALE] >> (x / SCALE) & 1 == 1) {
                    pixels[(top + y) * row_bytes + (left + x) / 8] &= !(0x80 >> ((left + x) % 8));
                }
            }
        }
    }
    encode(width, height, &pixels, |encoder| {
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::One);
        // A few hundred bytes either way; the state of the others is three times a hundred kilobytes, cleared for each picture.
        encoder.set_compression(png::Compression::Fast);
    })
}

fn emoji_svg(symbols: &[u8], locale: Locale) -> String {
    let step = CELL + GAP;
    let (width, height) = (symbols.len() * step + GAP, CELL + 4 * GAP);
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="14" text-anchor="middle"><desc>Graphics: Twemoji, CC BY 4.0</desc><rect width="100%" height="100%" fill="white"/>"#
    );
    for (number, emoji) in symbols.iter().filter_map(|symbol| EMOJI.get(usize::from(*symbol))).enumerate() {
        let (left, name) = (GAP + number * step, emoji::name(emoji, locale));
        let (middle, baseline) = (left + CELL / 2, CELL + 3 * GAP);
        let art = emoji.art;
        let _ = write!(
            svg,
            r#"<g transform="translate({left} {GAP}) scale(2)">{art}</g><text x="{middle}" y="{baseline}">{name}</text>"#
        );
    }
    svg + "</svg>"
}

/// The sheet of all pictures, one byte a pixel.
struct Sheet {
    palette: Vec<u8>,
    pixels: Vec<u8>,
    white: u8,
}

static SHEET: LazyLock<Option<Sheet>> = LazyLock::new(|| {
    let file = std::io::Cursor::new(include_bytes!("../../../words/emoji_sheet.png"));
    let mut reader = png::Decoder::new(file).read_info().ok()?;
    let mut pixels = vec![0; reader.output_buffer_size()?];
    reader.next_frame(&mut pixels).ok()?;
    let palette = reader.info().palette.as_ref()?.to_vec();
    let brightness = |colour: &[u8]| colour.iter().map(|part| u32::from(*part)).sum::<u32>();
    let (white, _) = palette.chunks_exact(3).enumerate().max_by_key(|(_, colour)| brightness(colour))?;
    Some(Sheet { white: u8::try_from(white).ok()?, palette, pixels })
});

fn emoji_png(symbols: &[u8]) -> Option<Vec<u8>> {
    let sheet = SHEET.as_ref()?;
    let step = CELL + GAP;
    let (width, height) = (symbols.len() * step + GAP, CELL + 2 * GAP);
    let mut pixels = vec![sheet.white; width * height];
    for (number, symbol) in symbols.iter().map(|symbol| usize::from(*symbol)).enumerate() {
        for y in 0..CELL {
            let from = (symbol / SHEET_ROW * CELL + y) * SHEET_ROW * CELL + symbol % SHEET_ROW * CELL;
            let to = (GAP + y) * width + GAP + number * step;
            pixels.get_mut(to..to + CELL)?.copy_from_slice(sheet.pixels.get(from..from + CELL)?);
        }
    }
    encode(width, height, &pixels, |encoder| {
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_palette(sheet.palette.as_slice());
    })
}

fn encode(
    width: usize,
    height: usize,
    pixels: &[u8],
    form: impl FnOnce(&mut png::Encoder<'_, &mut Vec<u8>>),
) -> Option<Vec<u8>> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, u32::try_from(width).ok()?, u32::try_from(height).ok()?);
    form(&mut encoder);
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(pixels).ok()?;
    writer.finish().ok()?;
    Some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(png: &[u8]) -> (u32, u32) {
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        (reader.info().width, reader.info().height)
    }

    #[test]
    fn texts_are_drawn() {
        let drawn = text("2345 6789 1");
        assert_eq!(size(&drawn.png), (11 * 32 + 32, 48 + 32));
        assert!(drawn.svg.contains(">2345 6789 1</text>"));
        let long = text("aardvark abandoned abbreviate abdomen");
        assert_eq!(long.svg.matches("<text").count(), 2);
        assert!(text("a<b&c").svg.contains("a&lt;b&amp;c"));
    }

    /// The drawing is read back by matching the font: nothing is cut off, mirrored or missing.
    #[test]
    fn what_is_drawn_can_be_read() {
        let code = "BCDF-GHJK-L 0123456789";
        let drawn = text(code).png;
        let mut reader = png::Decoder::new(std::io::Cursor::new(drawn)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let row_bytes = reader.next_frame(&mut pixels).unwrap().line_size;
        let dark = |x: usize, y: usize| pixels[y * row_bytes + x / 8] & (0x80 >> (x % 8)) == 0;
        let read: String = (0..code.len())
            .map(|column| {
                let glyph: [u8; 8] = std::array::from_fn(|y| {
                    let bits = (0..8).filter(|x| dark(18 + column * 32 + x * 4, 26 + y * 4));
                    bits.map(|x| 1 << x).sum()
                });
                let letter = (32..127).find(|letter| font8x8::legacy::BASIC_LEGACY[*letter] == glyph);
                char::from(u8::try_from(letter.unwrap()).unwrap())
            })
            .collect();
        assert_eq!(read, code);
    }

    #[test]
    fn characters_have_no_png() {
        let drawn = text("玻璃 菠萝");
        assert!(drawn.png.is_empty() && drawn.svg.contains("玻璃 菠萝"));
    }

    #[test]
    fn pictures_are_drawn() {
        let drawn = emoji(&[0, 1, 2, 3, 4, 5, 63], Locale::ZhCn).unwrap();
        assert_eq!(size(&drawn.png), (7 * 80 + 8, 88));
        assert!(drawn.svg.contains(">苹果</text>") && drawn.svg.contains(">椅子</text>"));
        assert!(emoji(&[64], Locale::En).is_none());
    }
}
