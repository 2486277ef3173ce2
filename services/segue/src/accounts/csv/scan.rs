//! The first reading of a file: what it is written in, and whether it can be sent at all.

use std::{
    fmt,
    io::{BufRead, Cursor, Read as _},
};

use anyhow::{Context as _, bail};
use segue_core::hex;
use sha2::{Digest as _, Sha256};

use super::{
    columns::Columns,
    encoding::{Encoding, Guess},
    lines::Lines,
    record::Delimiter,
    rows::Rows,
};

/// As much of the start as tells a byte order mark, or UTF-16 without one.
const START_BYTES: u64 = 512;

/// A table that is ready to be read.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) encoding: Encoding,
    pub(super) delimiter: Delimiter,
    pub(super) columns: Columns,
    /// Bytes of the byte order mark.
    pub(super) mark: usize,
}

/// How a file is written.
#[derive(Debug, Clone, Copy)]
pub(in crate::accounts) struct Format {
    pub(in crate::accounts) encoding: Encoding,
    pub(in crate::accounts) delimiter: Delimiter,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, delimited by {}", self.encoding, self.delimiter)
    }
}

/// Finds the encoding; with the length of the byte order mark.
pub(super) fn encoding(
    mut reader: impl BufRead,
    given: Option<Encoding>,
) -> anyhow::Result<(Encoding, usize)> {
    let mut start = vec![];
    reader.by_ref().take(START_BYTES).read_to_end(&mut start)?;
    match (given, Encoding::of_start(&start)) {
        // A mark of the given encoding is no part of the first name.
        (Some(given), found) => {
            return Ok((given, found.filter(|(found, _)| *found == given).map_or(0, |(_, mark)| mark)));
        }
        (None, Some(found)) => return Ok(found),
        (None, None) => {}
    }
    let mut guess = Guess::new();
    let mut lines = Lines::new(Cursor::new(start).chain(reader), super::lines::Units::Bytes);
    let mut line = vec![];
    while lines.next_into(&mut line)?.is_some() {
        guess.line(&line);
    }
    Ok((guess.finish(), 0))
}

/// Reads the head line. Before it may be a line `sep=;`, with which spreadsheets tell the delimiter to each other.
pub(super) fn layout(
    mut reader: impl BufRead,
    encoding: (Encoding, usize),
    given: Option<Delimiter>,
) -> anyhow::Result<(Layout, Lines<impl BufRead>)> {
    let (encoding, mark) = encoding;
    reader.by_ref().take(u64::try_from(mark)?).read_to_end(&mut vec![])?;
    let mut lines = Lines::new(reader, encoding.units());
    let mut line = vec![];
    let mut told = None;
    while let Some(number) = lines.next_into(&mut line)? {
        let head =
            encoding.decode(&line).with_context(|| format!("line {number} is not written in {encoding}"))?;
        if let Some(delimiter) = head.trim_end().strip_prefix("sep=") {
            told = Some(delimiter.parse().with_context(|| format!("line {number}: sep={delimiter}"))?);
        } else if !head.trim().is_empty() {
            let (delimiter, columns) = match given.or(told) {
                Some(delimiter) => match delimiter.split(&head) {
                    Ok(cells) => (delimiter, Columns::read(&cells, number)?),
                    Err(_) => bail!("line {number}: a quote is opened and not closed"),
                },
                None => Columns::find(&head, number)?,
            };
            return Ok((Layout { encoding, delimiter, columns, mark }, lines));
        }
    }
    bail!("there is no head line: the file is empty")
}

/// Reads everything, so that what ends an import is told before anything is sent.
pub(super) fn rows(lines: Lines<impl BufRead>, layout: &Layout) -> anyhow::Result<u64> {
    let Layout { encoding, delimiter, columns, .. } = layout.clone();
    let mut count = 0;
    for row in Rows::new(lines, encoding, delimiter, columns) {
        // A row that is refused is told when it is its turn.
        drop(row?);
        count += 1;
    }
    Ok(count)
}

/// Names the content, with what it is read as.
pub(super) fn digest(mut reader: impl BufRead, format: &Format) -> anyhow::Result<String> {
    let mut hash = Sha256::new();
    hash.update(format.to_string());
    loop {
        let buffer = reader.fill_buf()?;
        let length = buffer.len();
        if length == 0 {
            break;
        }
        hash.update(buffer);
        reader.consume(length);
    }
    Ok(hex(&hash.finalize()[..8]))
}
