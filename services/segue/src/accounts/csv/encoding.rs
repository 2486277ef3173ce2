//! In which encoding a file is written.

use std::{borrow::Cow, fmt, str::FromStr};

use anyhow::{Context as _, bail};
use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{GB18030, UTF_8, UTF_16BE, UTF_16LE};

use super::lines::Units;

/// Of so many bytes at the start every second one is looked at, to know UTF-16 that has no byte order mark.
const PROBE_BYTES: usize = 512;

/// An encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoding(&'static encoding_rs::Encoding);

/// Looks at the lines of a file without a byte order mark, one after the other, for what they are written in.
pub(super) struct Guess {
    detector: EncodingDetector,
    /// Lines with other characters than ASCII: those that are UTF-8, and those that are not.
    utf_8: u64,
    other: u64,
}

impl Encoding {
    /// By the byte order mark, or every second byte of the first being 0; the mark's length.
    pub(super) fn of_start(start: &[u8]) -> Option<(Self, usize)> {
        if let Some((encoding, length)) = encoding_rs::Encoding::for_bom(start) {
            return Some((Self(encoding), length));
        }
        let probe = &start[..start.len().min(PROBE_BYTES)];
        let zeros = |from: usize| probe.iter().skip(from).step_by(2).filter(|byte| **byte == 0).count() * 4;
        // Latin letters, digits and delimiters are most of a table's start.
        match (zeros(0) > probe.len(), zeros(1) > probe.len()) {
            (false, true) => Some((Self(UTF_16LE), 0)),
            (true, false) => Some((Self(UTF_16BE), 0)),
            _ => None,
        }
    }

    pub(super) fn units(self) -> Units {
        match self.0 {
            encoding if encoding == UTF_16LE => Units::LittleEndian,
            encoding if encoding == UTF_16BE => Units::BigEndian,
            _ => Units::Bytes,
        }
    }

    /// A line as text; none when it is not written in this encoding.
    pub(super) fn decode(self, line: &[u8]) -> Option<Cow<'_, str>> {
        self.0.decode_without_bom_handling_and_without_replacement(line)
    }
}

impl FromStr for Encoding {
    type Err = anyhow::Error;

    fn from_str(label: &str) -> anyhow::Result<Self> {
        let encoding =
            encoding_rs::Encoding::for_label_no_replacement(label.as_bytes()).with_context(|| {
                format!("{label} is no encoding; known are utf-8, utf-16le, gb18030, windows-1252, …")
            })?;
        // Shift states go over line ends, and lines are read one by one.
        if encoding == encoding_rs::ISO_2022_JP {
            bail!("{label} can't be read line by line; save the file as UTF-8");
        }
        Ok(Self(encoding))
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

impl Guess {
    pub(super) fn new() -> Self {
        Self { detector: EncodingDetector::new(Iso2022JpDetection::Deny), utf_8: 0, other: 0 }
    }

    pub(super) fn line(&mut self, line: &[u8]) {
        if line.is_ascii() {
            return;
        }
        match std::str::from_utf8(line) {
            Ok(_) => self.utf_8 += 1,
            Err(_) => self.other += 1,
        }
        self.detector.feed(line, false);
        self.detector.feed(b"\n", false);
    }

    /// UTF-8 unless more lines can't be: some broken lines are then told one by one. No other encoding looks like UTF-8 by
    /// chance, whereas most bytes are letters of Latin-1 as well as characters of GB18030, which is what the detector is for.
    pub(super) fn finish(mut self) -> Encoding {
        if self.utf_8 >= self.other {
            return Encoding(UTF_8);
        }
        self.detector.feed(b"", true);
        let guess = self.detector.guess(None, Utf8Detection::Deny);
        Encoding(match guess {
            gbk if gbk == encoding_rs::GBK => GB18030,
            other => other,
        })
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::WINDOWS_1252;

    use super::*;

    fn guess(encoding: &'static encoding_rs::Encoding, lines: &[&str]) -> Encoding {
        let mut guess = Guess::new();
        for line in lines {
            guess.line(&encoding.encode(line).0);
        }
        guess.finish()
    }

    #[test]
    fn encodings_of_spreadsheets_are_told_apart() {
        let european =
            ["app;Müller;+4915112345678", "app;Société Générale;+33123456789", "app;Peña;+34612345678"];
        let chinese = ["app,林书瑶,+8613800138000", "app,上海分公司客户,+8613900139000"];
        assert_eq!(guess(WINDOWS_1252, &european), Encoding(WINDOWS_1252));
        assert_eq!(guess(WINDOWS_1252, &["app;Jürgen;+4915112345678"]), Encoding(WINDOWS_1252));
        assert_eq!(guess(GB18030, &chinese), Encoding(GB18030));
        assert_eq!(guess(UTF_8, &european), Encoding(UTF_8));
        assert_eq!(guess(UTF_8, &chinese), Encoding(UTF_8));
        assert_eq!(guess(UTF_8, &["app,a,+1"]), Encoding(UTF_8));
    }

    #[test]
    fn the_start_tells_utf_16_with_and_without_a_mark() {
        let text = "platform\taccount\tphone\r\napp\t林书瑶\t+8613800138000";
        let [little, big] = [u16::to_le_bytes, u16::to_be_bytes]
            .map(|order| text.encode_utf16().flat_map(order).collect::<Vec<u8>>());
        assert_eq!(Encoding::of_start(&little), Some((Encoding(UTF_16LE), 0)));
        assert_eq!(Encoding::of_start(&big), Some((Encoding(UTF_16BE), 0)));
        assert_eq!(Encoding::of_start(b"\xff\xfea\0"), Some((Encoding(UTF_16LE), 2)));
        assert_eq!(Encoding::of_start("\u{feff}a".as_bytes()), Some((Encoding(UTF_8), 3)));
        assert_eq!(Encoding::of_start(text.as_bytes()), None);
        assert_eq!(Encoding::of_start(b""), None);
    }

    #[test]
    fn a_line_that_is_not_of_the_encoding_is_no_text() {
        assert_eq!(Encoding(UTF_8).decode(b"M\xfcller"), None);
        assert_eq!("latin1".parse::<Encoding>().unwrap().decode(b"M\xfcller").unwrap(), "Müller");
        for odd in ["klingon", "iso-2022-jp"] {
            odd.parse::<Encoding>().unwrap_err();
        }
    }
}
