//! A line's cells.

use std::{fmt, str::FromStr};

use anyhow::bail;
use csv_core::{ReadRecordResult, ReaderBuilder, Terminator};

/// What is between cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delimiter(u8);

/// Cells of a line of which a quote is not closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unclosed;

impl Delimiter {
    /// Those that are looked for.
    pub(super) const FOUND: [Self; 3] = [Self(b','), Self(b';'), Self(b'\t')];

    /// The cells of a line. Quotes as in RFC 4180, but for line breaks, which no cell has.
    pub(super) fn split(self, line: &str) -> Result<Vec<String>, Unclosed> {
        if line.is_empty() {
            return Ok(vec![]);
        }
        let mut reader = ReaderBuilder::new().delimiter(self.0).terminator(Terminator::Any(b'\n')).build();
        let input = format!("{line}\n");
        // The cells together are never longer than their line, nor more than it has bytes.
        let (mut text, mut ends) = (vec![0; input.len()], vec![0; input.len()]);
        let (result, _, _, cells) = reader.read_record(input.as_bytes(), &mut text, &mut ends);
        // Within quotes the line's end was one more character of the cell.
        if result != ReadRecordResult::Record {
            return Err(Unclosed);
        }
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let cells =
            starts.zip(&ends).take(cells).map(|(start, end)| text.get(start..*end).unwrap_or_default());
        Ok(cells.map(|cell| String::from_utf8_lossy(cell).into_owned()).collect())
    }
}

impl FromStr for Delimiter {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        match (text, text.as_bytes()) {
            ("comma", _) => Ok(Self(b',')),
            ("semicolon", _) => Ok(Self(b';')),
            ("tab" | "\\t", _) => Ok(Self(b'\t')),
            (_, [byte]) if byte.is_ascii_punctuation() && *byte != b'"' || *byte == b'\t' => Ok(Self(*byte)),
            _ => bail!("must be comma, semicolon, tab, or a punctuation mark other than a quote"),
        }
    }
}

impl fmt::Display for Delimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            b',' => f.write_str("commas"),
            b';' => f.write_str("semicolons"),
            b'\t' => f.write_str("tabs"),
            other => write!(f, "{}", char::from(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_and_quotes() {
        let comma = Delimiter::FOUND[0];
        let split = |line: &str| comma.split(line).map(|cells| cells.join("|"));
        assert_eq!(split("a,b,").unwrap(), "a|b|");
        assert_eq!(split(r#""a,1","b ""c""","#).unwrap(), r#"a,1|b "c"|"#);
        // In the middle of a cell a quote is one character of it.
        assert_eq!(split(r#"a,5" pipe"#).unwrap(), r#"a|5" pipe"#);
        assert_eq!(split(""), Ok(String::new()));
        for stray in [r#"a,"b"#, r#"a,""#, r#"a,"b"","#] {
            assert_eq!(split(stray), Err(Unclosed), "{stray}");
        }
        assert_eq!("semicolon".parse::<Delimiter>().unwrap().split("a;b").unwrap(), ["a", "b"]);
        assert_eq!("|".parse::<Delimiter>().unwrap().split("a|b").unwrap(), ["a", "b"]);
        for odd in ["\"", "x", "", "ab"] {
            odd.parse::<Delimiter>().unwrap_err();
        }
    }
}
