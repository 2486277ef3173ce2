//! The rows of a table, one by one.

use std::io::BufRead;

use super::{
    columns::{Columns, Refusal, Row},
    encoding::Encoding,
    lines::Lines,
    record::{Delimiter, Unclosed},
};

/// What stands on a line: a row, or why it is none.
pub(in crate::accounts) type Item = Result<Row, Refusal>;

/// Reads the rows behind the head line. Blank lines, and those of nothing but delimiters, are no rows.
pub(super) struct Rows<R> {
    lines: Lines<R>,
    line: Vec<u8>,
    encoding: Encoding,
    delimiter: Delimiter,
    columns: Columns,
}

impl<R: BufRead> Rows<R> {
    /// Over lines of which the head is read already.
    pub(super) fn new(lines: Lines<R>, encoding: Encoding, delimiter: Delimiter, columns: Columns) -> Self {
        Self { lines, line: vec![], encoding, delimiter, columns }
    }

    fn read(&mut self) -> anyhow::Result<Option<Item>> {
        while let Some(number) = self.lines.next_into(&mut self.line)? {
            let line = i64::try_from(number)?;
            let Some(text) = self.encoding.decode(&self.line) else {
                let description = format!("is not written in {}, as the rest of the file is", self.encoding);
                return Ok(Some(Err(Refusal { line, column: "row".to_owned(), description })));
            };
            let cells = match self.delimiter.split(&text) {
                Ok(cells) => cells,
                Err(Unclosed) => anyhow::bail!(
                    "line {line}: a quote is opened and not closed; no cell may go over several lines, \
                     and a quote within quotes is written twice"
                ),
            };
            if cells.iter().any(|cell| !cell.trim().is_empty()) {
                return Ok(Some(self.columns.row(line, &cells)));
            }
        }
        Ok(None)
    }
}

impl<R: BufRead> Iterator for Rows<R> {
    type Item = anyhow::Result<Item>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}
