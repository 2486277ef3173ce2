//! What came of an import.

use std::{
    fmt,
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};

use super::csv::Refusal;

/// Refused rows that are shown.
const SHOWN: usize = 20;

/// Rows of the file, each counted once.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    /// Those that were read.
    pub(super) seen: i64,
    /// Those that changed the directory.
    pub(super) written: i64,
    /// Those that the directory had already.
    pub(super) unchanged: i64,
    /// Those that an unfinished run had sent.
    pub(super) skipped: i64,
    /// Those that were not taken.
    pub(super) refused: i64,
}

/// What came of it, and how long it took.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) counts: Counts,
    pub(super) refusals: Refusals,
    pub(super) took: Duration,
    pub(super) dry_run: bool,
}

/// Refused rows. The first are kept to be shown, all go to a file if one is wanted, so that memory stays flat.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    shown: Vec<Refusal>,
    file: Option<BufWriter<File>>,
}

impl Counts {
    /// No row is lost between the file and the service.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let counted = self.written + self.unchanged + self.skipped + self.refused;
        let Self { seen, .. } = self;
        ensure!(
            counted == *seen,
            "{seen} rows were read, but {counted} are accounted for; import the file again"
        );
        Ok(())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { seen, written, unchanged, skipped, refused } = self.counts;
        let seconds = self.took.as_secs_f64();
        let would = if self.dry_run { "dry run, nothing is changed; " } else { "" };
        write!(
            f,
            "{would}{seen} rows: {written} written, {unchanged} unchanged, {skipped} skipped, {refused} refused"
        )?;
        write!(f, ", in {seconds:.1} s")?;
        if skipped > 0 {
            write!(f, "; those skipped were sent by a run that did not finish")?;
        }
        Ok(())
    }
}

impl Outcome {
    /// Fails if a row was refused, and says which.
    pub(super) fn verdict(&self) -> anyhow::Result<()> {
        let refused = self.counts.refused;
        if refused == 0 {
            return Ok(());
        }
        let line = |row: &Refusal| format!("\n  line {}: {} {}", row.line, row.column, row.description);
        let shown: String = self.refusals.shown.iter().map(line).collect();
        let others = if self.dry_run { "the others would be imported" } else { "the others are imported" };
        bail!("{refused} rows were refused; {others}{shown}")
    }
}

impl Refusals {
    /// Keeps all of them in a file, if one is given.
    pub(super) fn new(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else { return Ok(Self::default()) };
        let create = || -> std::io::Result<BufWriter<File>> {
            let mut file = BufWriter::new(File::create(path)?);
            writeln!(file, "line,column,description")?;
            Ok(file)
        };
        let file = create().with_context(|| format!("can't write {}", path.display()))?;
        Ok(Self { shown: vec![], file: Some(file) })
    }

    /// Tells one.
    pub(super) fn push(&mut self, refusal: Refusal) -> anyhow::Result<()> {
        if let Some(file) = &mut self.file {
            let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
            let Refusal { line, column, description } = &refusal;
            writeln!(file, "{line},{},{}", quoted(column), quoted(description))
                .context("can't write the refused rows")?;
        }
        if self.shown.len() < SHOWN {
            self.shown.push(refusal);
        }
        Ok(())
    }

    /// Writes what is not written yet.
    pub(super) fn flush(&mut self) -> anyhow::Result<()> {
        self.file.as_mut().map_or(Ok(()), |file| file.flush()).context("can't write the refused rows")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_counted_nowhere_are_an_error() {
        let counts = Counts { seen: 100, written: 2, unchanged: 0, skipped: 0, refused: 1 };
        let error = counts.check().unwrap_err().to_string();
        assert_eq!(error, "100 rows were read, but 3 are accounted for; import the file again");
        Counts { unchanged: 90, skipped: 7, ..counts }.check().unwrap();
    }

    #[test]
    fn all_refusals_are_kept_and_some_are_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("refused.csv");
        let mut refusals = Refusals::new(Some(&path)).unwrap();
        for line in 1..=30 {
            refusals
                .push(Refusal { line, column: "a \"b\"".to_owned(), description: "is odd".to_owned() })
                .unwrap();
        }
        refusals.flush().unwrap();
        let written = std::fs::read_to_string(&path).unwrap();
        assert_eq!((written.lines().count(), refusals.shown.len()), (31, SHOWN));
        assert_eq!(written.lines().nth(1), Some("1,\"a \"\"b\"\"\",\"is odd\""));
    }
}
