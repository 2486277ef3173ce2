//! The QR codes are read by somebody else's decoder: small, blurred, and damaged.
//!
//! Error correction of level Q recovers a quarter of the codewords. A blotch over a tenth of the picture spoils about as
//! many codewords as it covers and is read for certain, wherever it leaves the squares in the corners alone. A tenth of all
//! modules, each for itself, would spoil more than half of the codewords: that no QR code survives, and it's only reported.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::Cursor;

use code_issuer::domain::faces::qr;
use segue_core::Random;

const LINK: &str = "https://app.insurer.example/chat/app#";
const QUIET: usize = 4;
/// What a corner's square takes with its separator and the format information beside it.
const CORNER: usize = 9;
const TOKENS: u64 = 20;

/// A grey picture, 0 is black.
#[derive(Clone)]
struct Picture {
    side: usize,
    pixels: Vec<f32>,
}

/// A link as long as real ones are.
fn link(seed: u64) -> String {
    let random = Random::seeded(seed);
    let token: String = (0..22).map(|_| char::from(b'a' + random.bytes::<1>()[0] % 26)).collect();
    format!("{LINK}{token}")
}

impl Picture {
    /// Of the PNG, which has six pixels to a module.
    fn of_png(text: &str) -> Self {
        let file = qr::png(text).unwrap();
        let mut decoder = png::Decoder::new(Cursor::new(file));
        decoder.set_transformations(png::Transformations::normalize_to_color8());
        let mut reader = decoder.read_info().unwrap();
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        let side = reader.next_frame(&mut bytes).unwrap().width as usize;
        bytes.truncate(side * side);
        Self { side, pixels: bytes.into_iter().map(f32::from).collect() }
    }

    /// Of the SVG, which consists of rectangles: `M{left} {top}h{width}v{height}H{left}V{top}`.
    fn of_svg(text: &str) -> Self {
        let svg = qr::svg(text).unwrap();
        let attribute =
            |name: &str| svg.split(&format!("{name}=\"")).nth(1).unwrap().split('"').next().unwrap();
        let side: usize = attribute(" width").parse().unwrap();
        let mut picture = Self { side, pixels: vec![255.0; side * side] };
        let path = svg.rsplit(" d=\"").next().unwrap().split('"').next().unwrap();
        for rectangle in path.split('M').skip(1) {
            let numbers: Vec<usize> = rectangle
                .split(|c: char| !c.is_ascii_digit())
                .filter_map(|number| number.parse().ok())
                .collect();
            picture.fill(numbers[0], numbers[1], numbers[2], numbers[3], 0.0);
        }
        picture
    }

    fn fill(&mut self, left: usize, top: usize, width: usize, height: usize, grey: f32) {
        for y in top..top + height {
            self.pixels[y * self.side + left..y * self.side + left + width].fill(grey);
        }
    }

    /// Modules of the code, without the quiet zone.
    fn modules(&self) -> usize {
        self.side / 6 - 2 * QUIET
    }

    /// Another size; each pixel is the mean of what it covers.
    fn scaled(&self, side: usize) -> Self {
        let at = |index: usize| index * self.side / side..((index + 1) * self.side).div_ceil(side);
        let mean = |x: usize, y: usize| {
            let values: Vec<f32> = at(y)
                .flat_map(|row| at(x).map(move |column| self.pixels[row * self.side + column]))
                .collect();
            #[expect(clippy::cast_precision_loss, reason = "few pixels")]
            let count = values.len() as f32;
            values.iter().sum::<f32>() / count
        };
        let pixels = (0..side * side).map(|index| mean(index % side, index / side)).collect();
        Self { side, pixels }
    }

    /// Blurred as by a lens out of focus: three passes of a box come close to a Gaussian.
    fn blurred(&self, radius: usize) -> Self {
        let mut picture = self.clone();
        for _ in 0..3 {
            picture = picture.box_blurred(radius).turned().box_blurred(radius).turned();
        }
        picture
    }

    fn box_blurred(&self, radius: usize) -> Self {
        let row = |y: usize, x: usize| {
            let window = x.saturating_sub(radius)..(x + radius + 1).min(self.side);
            #[expect(clippy::cast_precision_loss, reason = "few pixels")]
            let count = window.len() as f32;
            self.pixels[y * self.side..][window].iter().sum::<f32>() / count
        };
        let pixels =
            (0..self.side * self.side).map(|index| row(index / self.side, index % self.side)).collect();
        Self { side: self.side, pixels }
    }

    fn turned(&self) -> Self {
        let pixels = (0..self.side * self.side)
            .map(|index| self.pixels[index % self.side * self.side + index / self.side])
            .collect();
        Self { side: self.side, pixels }
    }

    /// One module painted over.
    fn spoil(&mut self, x: usize, y: usize, grey: f32) {
        self.fill((x + QUIET) * 6, (y + QUIET) * 6, 6, 6, grey);
    }

    fn decoded(&self) -> Option<String> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "grey is 0 to 255")]
        let grey = |x: usize, y: usize| self.pixels[y * self.side + x] as u8;
        let mut prepared = rqrr::PreparedImage::prepare_from_greyscale(self.side, self.side, grey);
        prepared.detect_grids().iter().find_map(|grid| Some(grid.decode().ok()?.1))
    }

    fn holds(&self, text: &str) -> bool {
        self.decoded().as_deref() == Some(text)
    }
}

/// How many of the tokens' pictures are read after a change.
fn read(change: impl Fn(Picture, &Random) -> Picture) -> u64 {
    let read = (0..TOKENS).filter(|seed| {
        let text = link(*seed);
        change(Picture::of_png(&text), &Random::seeded(*seed)).holds(&text)
    });
    read.count() as u64
}

#[test]
fn png_and_svg_are_read_as_they_are() {
    for seed in 0..TOKENS {
        let text = link(seed);
        assert!(Picture::of_png(&text).holds(&text) && Picture::of_svg(&text).holds(&text), "{text}");
    }
}

#[test]
fn small_pictures_are_read() {
    let at = |pixels: usize, of: usize| read(|picture, _| picture.scaled(picture.side * pixels / (6 * of)));
    assert_eq!(at(3, 1), TOKENS, "three pixels to a module");
    assert_eq!(at(2, 1), TOKENS, "two pixels to a module");
    println!("at 1.5 pixels to a module {} of {TOKENS} are read", at(3, 2));
}

#[test]
fn blurred_pictures_are_read() {
    // Three boxes of radius r have a standard deviation of sqrt(r(r + 1)) pixels; a module has six.
    let by = |radius: usize| {
        // A camera takes many pictures while a hand moves: the code is read as soon as one of them is.
        let frames = |picture: &Picture| [6, 4, 3, 2].map(|pixels| picture.scaled(picture.side * pixels / 6));
        let read = (0..TOKENS).filter(|seed| {
            let text = link(*seed);
            frames(&Picture::of_png(&text).blurred(radius)).iter().any(|frame| frame.holds(&text))
        });
        read.count() as u64
    };
    assert_eq!(by(1), TOKENS, "blurred by 0.24 of a module");
    println!("blurred by 0.41 of a module {} of {TOKENS} are read, by 0.58 {}", by(2), by(3));
}

#[test]
fn a_blotch_over_a_tenth_is_read_wherever_it_leaves_the_corners_alone() {
    let text = link(1);
    let picture = Picture::of_png(&text);
    let modules = picture.modules();
    let blotch = (1..).find(|side| side * side * 10 >= modules * modules).unwrap();
    let far = modules - CORNER;
    let near = |at: usize| at < CORNER;
    let beyond = |at: usize| at + blotch > far;
    let (mut tried, random) = (0, Random::seeded(7));
    for top in (0..=modules - blotch).step_by(3) {
        for left in (0..=modules - blotch).step_by(3) {
            // The fourth corner has the small square by which readers straighten the picture.
            let on_corner = beyond(top) && beyond(left)
                || near(top) && (near(left) || beyond(left))
                || beyond(top) && near(left);
            if on_corner {
                continue;
            }
            for grey in [Some(0.0), Some(255.0), None] {
                let mut spoilt = picture.clone();
                paint(&mut spoilt, (left, top), blotch, grey, &random);
                assert!(spoilt.holds(&text), "{blotch} of {modules} modules at {left}, {top}: {grey:?}");
                tried += 1;
            }
        }
    }
    println!("{tried} blotches of {blotch} of {modules} modules squared: all read");
    assert!(tried > 30, "{tried}");
}

/// A square in one grey, or in noise.
fn paint(
    picture: &mut Picture,
    (left, top): (usize, usize),
    side: usize,
    grey: Option<f32>,
    random: &Random,
) {
    for (x, y) in (0..side * side).map(|index| (left + index % side, top + index / side)) {
        let noise = if random.below(2) == 0 { 0.0 } else { 255.0 };
        picture.spoil(x, y, grey.unwrap_or(noise));
    }
}

#[test]
fn damage_beyond_what_is_promised_is_reported() {
    let anywhere = read(|mut picture, random| {
        let modules = picture.modules();
        let blotch = (1..).find(|side| side * side * 10 >= modules * modules).unwrap();
        let place = || random.below(u32::try_from(modules - blotch).unwrap()) as usize;
        let (left, top) = (place(), place());
        paint(&mut picture, (left, top), blotch, Some(255.0), random);
        picture
    });
    println!("a white blotch over a tenth anywhere, corners too: {anywhere} of {TOKENS} are read");
    for percent in [1, 2, 3, 5, 10] {
        let scattered = read(|mut picture, random| {
            let modules = picture.modules();
            for (x, y) in (0..modules * modules).map(|index| (index % modules, index / modules)) {
                if random.below(100) < percent {
                    picture.spoil(x, y, if random.below(2) == 0 { 0.0 } else { 255.0 });
                }
            }
            picture
        });
        println!("{percent}% of the modules painted over one by one: {scattered} of {TOKENS} are read");
    }
}
