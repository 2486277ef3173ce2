//! The results of the benchmark `cargo xtask bench`, and what is rendered from them: a table, `docs/performance.md` and its plots.
//!
//! The benchmark itself is in `tests/benches/performance`. To measure something else, add a [`Subject`] here and a module there.

mod document;
mod plots;
mod results;
mod statement_log;
mod statistics;
mod svg;
mod table;

use std::{fs, io, path::Path};

pub use results::{Engine, Fact, Figure, Results, Round, Skipped, Subject};
pub use statement_log::StatementLog;
pub use statistics::{median, percentile};

/// Beside the document: its plots.
const THROUGHPUT: &str = "performance-throughput.svg";
const COST: &str = "performance-cost.svg";

impl Results {
    /// The medians as a table, for a terminal or a document.
    pub fn table(&self) -> String {
        table::medians(self)
    }

    /// Writes `performance.md` and its plots into a folder.
    pub fn write_document(&self, folder: &Path) -> io::Result<()> {
        fs::write(folder.join("performance.md"), document::render(self))?;
        fs::write(folder.join(THROUGHPUT), plots::throughput(self).render())?;
        fs::write(folder.join(COST), plots::cost(self).render())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_and_two_plots_are_written() {
        let folder = tempfile::tempdir().unwrap();
        results::example().write_document(folder.path()).unwrap();
        let document = fs::read_to_string(folder.path().join("performance.md")).unwrap();
        for plot in [THROUGHPUT, COST] {
            assert!(folder.path().join(plot).exists() && document.contains(&format!("]({plot})")), "{plot}");
        }
    }
}
