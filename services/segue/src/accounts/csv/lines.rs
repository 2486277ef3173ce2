//! The lines of a file as bytes of its encoding.

use std::io::{BufRead, ErrorKind};

use anyhow::{Context as _, ensure};

/// The longest line; one that is longer is no line of a table, but a file of another kind.
const MAX_LINE_BYTES: usize = 1024 * 1024;

/// How wide the units of an encoding are, and how they are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Units {
    /// Bytes; in every such encoding that is read here, the bytes of line ends are in no other character.
    Bytes,
    /// Pairs of bytes, the low one first.
    LittleEndian,
    /// Pairs of bytes, the high one first.
    BigEndian,
}

/// Reads lines that end with LF, CRLF or CR.
#[derive(Debug)]
pub(super) struct Lines<R> {
    reader: R,
    units: Units,
    after_return: bool,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R, units: Units) -> Self {
        Self { reader, units, after_return: false, number: 0 }
    }

    /// Puts the next line into `line`, without its end, and returns its number, counted from 1; none at the end.
    pub(super) fn next_into(&mut self, line: &mut Vec<u8>) -> anyhow::Result<Option<u64>> {
        line.clear();
        let mut has_some = false;
        while let Some(unit) = self.unit()? {
            // The second half of CRLF belongs to the line before.
            let ends_before = std::mem::take(&mut self.after_return) && self.is(unit, b'\n');
            if ends_before {
                continue;
            }
            has_some = true;
            self.after_return = self.is(unit, b'\r');
            if self.after_return || self.is(unit, b'\n') {
                break;
            }
            line.extend_from_slice(self.part(&unit));
            let number = self.number + 1;
            ensure!(
                line.len() <= MAX_LINE_BYTES,
                "line {number} is longer than 1 MiB: this is no table of accounts"
            );
        }
        self.number += u64::from(has_some);
        Ok(has_some.then_some(self.number))
    }

    /// The next unit; half a unit at the end of a file is given as it is, and is then no text.
    fn unit(&mut self) -> anyhow::Result<Option<[u8; 2]>> {
        let Some(first) = self.byte()? else { return Ok(None) };
        let second = if self.units == Units::Bytes { 0 } else { self.byte()?.unwrap_or_default() };
        Ok(Some([first, second]))
    }

    fn byte(&mut self) -> anyhow::Result<Option<u8>> {
        loop {
            match self.reader.fill_buf() {
                Ok(buffer) => {
                    let byte = buffer.first().copied();
                    self.reader.consume(usize::from(byte.is_some()));
                    return Ok(byte);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(error).with_context(|| format!("can't read behind line {}", self.number));
                }
            }
        }
    }

    fn is(&self, unit: [u8; 2], ascii: u8) -> bool {
        match self.units {
            Units::Bytes => unit[0] == ascii,
            Units::LittleEndian => unit == [ascii, 0],
            Units::BigEndian => unit == [0, ascii],
        }
    }

    fn part<'u>(&self, unit: &'u [u8; 2]) -> &'u [u8] {
        if self.units == Units::Bytes { &unit[..1] } else { unit }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], units: Units) -> Vec<(u64, Vec<u8>)> {
        let (mut lines, mut line, mut all) = (Lines::new(bytes, units), vec![], vec![]);
        while let Some(number) = lines.next_into(&mut line).unwrap() {
            all.push((number, line.clone()));
        }
        all
    }

    #[test]
    fn all_line_ends_count_once() {
        let lines = |texts: &[&str]| -> Vec<(u64, Vec<u8>)> {
            (1..).zip(texts).map(|(number, text)| (number, text.as_bytes().to_vec())).collect()
        };
        assert_eq!(read(b"a\r\nb\nc\rd", Units::Bytes), lines(&["a", "b", "c", "d"]));
        assert_eq!(read(b"a\r\n\r\n\n\r", Units::Bytes), lines(&["a", "", "", ""]));
        assert_eq!(read(b"", Units::Bytes), []);
    }

    #[test]
    fn the_bytes_of_a_wide_unit_are_no_line_ends() {
        // U+0A0D is one unit, and no line end in either order.
        let text = "a\u{a0d}\r\nb\n";
        let bytes = |order: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(order).collect::<Vec<u8>>();
        let little = read(&bytes(u16::to_le_bytes), Units::LittleEndian);
        assert_eq!(little, [(1, vec![b'a', 0, 0x0d, 0x0a]), (2, vec![b'b', 0])]);
        assert_eq!(read(&bytes(u16::to_be_bytes), Units::BigEndian).len(), 2);
    }

    #[test]
    fn what_has_no_lines_is_no_table() {
        let error =
            Lines::new(&vec![b'x'; MAX_LINE_BYTES + 1][..], Units::Bytes).next_into(&mut vec![]).unwrap_err();
        assert!(error.to_string().starts_with("line 1 is longer"), "{error}");
    }
}
