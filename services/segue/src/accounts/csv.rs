use std::{
    fs::File,
    io::{BufReader, Read as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail, ensure};
use csv::{Reader, ReaderBuilder, StringRecord};
use segue_proto::{common::v1::Identity, selector::v1::ImportAccountsRequest};
use sha2::{Digest as _, Sha256};

const BUFFER_BYTES: usize = 64 * 1024;

/// A CSV file of accounts.
#[derive(Debug, Clone)]
pub(super) struct Source {
    path: PathBuf,
    columns: Vec<Column>,
    /// Names the import.
    pub(super) import_id: String,
    /// How many lines the file has, for the progress bar.
    pub(super) lines: u64,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Platform,
    Account,
    Identity(&'static str),
}

/// A row, or the line of one that is not CSV.
pub(super) type Row = Result<ImportAccountsRequest, i64>;

impl Source {
    /// Reads the file once, for its head line, its length and what it is to be called.
    pub(super) fn open(path: &Path, import_id: Option<String>) -> anyhow::Result<Self> {
        let (digest, lines) = digest(path)?;
        let mut reader = reader(path)?;
        let columns = columns(reader.headers().context("line 1")?)?;
        let import_id = import_id.unwrap_or_else(|| format!("csv-{digest}"));
        Ok(Self { path: path.to_owned(), columns, import_id, lines })
    }

    /// The rows behind a line.
    pub(super) fn rows(&self, after_line: i64) -> anyhow::Result<impl Iterator<Item = Row> + use<>> {
        let Self { columns, import_id, .. } = self.clone();
        let mut last_line = 1;
        let rows = reader(&self.path)?.into_records().map(move |record| {
            let record = record
                .map_err(|error| error.position().map_or(last_line + 1, |position| line(position.line())));
            last_line = match &record {
                Ok(record) => record.position().map_or(last_line + 1, |position| line(position.line())),
                Err(line) => *line,
            };
            let record = record?;
            if record.len() != columns.len() {
                return Err(last_line);
            }
            Ok(row(last_line, &columns, &record, &import_id))
        });
        Ok(rows.filter(move |row| match row {
            Ok(row) => row.line > after_line,
            Err(line) => *line > after_line,
        }))
    }
}

fn line(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn reader(path: &Path) -> anyhow::Result<Reader<BufReader<File>>> {
    let file = File::open(path)?;
    // Rows of another length are told by their line, and don't end the import.
    Ok(ReaderBuilder::new().flexible(true).from_reader(BufReader::with_capacity(BUFFER_BYTES, file)))
}

fn columns(head: &StringRecord) -> anyhow::Result<Vec<Column>> {
    let column = |name: &str| match name.trim() {
        "platform" => Ok(Column::Platform),
        "account" => Ok(Column::Account),
        "phone" => Ok(Column::Identity("phone")),
        "email" => Ok(Column::Identity("email")),
        "member_id" => Ok(Column::Identity("member_id")),
        "union_id" => Ok(Column::Identity("union_id")),
        "shared_account" => Ok(Column::Identity("account")),
        other => bail!("line 1: no column is called {other}"),
    };
    // A byte order mark, as spreadsheets write it.
    let head = head.iter().map(|name| name.trim_start_matches('\u{feff}'));
    let columns: Vec<Column> = head.map(column).collect::<anyhow::Result<_>>()?;
    for (needed, name) in [(Column::Platform, "platform"), (Column::Account, "account")] {
        let count = columns.iter().filter(|column| **column == needed).count();
        ensure!(count == 1, "line 1: there must be one column {name}");
    }
    Ok(columns)
}

fn row(line: i64, columns: &[Column], record: &StringRecord, import_id: &str) -> ImportAccountsRequest {
    let mut row =
        ImportAccountsRequest { line, import_id: import_id.to_owned(), ..ImportAccountsRequest::default() };
    for (column, value) in columns.iter().zip(record) {
        match column {
            Column::Platform => value.trim().clone_into(&mut row.platform),
            Column::Account => value.clone_into(&mut row.account),
            Column::Identity(_) if value.trim().is_empty() => {}
            Column::Identity(kind) => {
                row.identities.push(Identity { kind: (*kind).to_owned(), value: value.to_owned() });
            }
        }
    }
    row
}

fn digest(path: &Path) -> anyhow::Result<(String, u64)> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let (mut lines, mut buffer) = (0, vec![0; BUFFER_BYTES]);
    loop {
        let read = file.read(&mut buffer)?;
        let part = &buffer[..read];
        if part.is_empty() {
            break;
        }
        hash.update(part);
        lines += part.iter().filter(|byte| **byte == b'\n').count() as u64;
    }
    let digest = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    Ok((digest, lines))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> anyhow::Result<(tempfile::TempDir, Source)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, text).unwrap();
        let source = Source::open(&path, None)?;
        Ok((folder, source))
    }

    #[test]
    fn rows_have_their_lines_and_identities() {
        let text = "\u{feff}platform,account,phone,phone,shared_account\n\
                    app,a1,+1,,x\n\n\
                    web,\"a\n2\",,+2,\nshort,row\nweb,a3,+3,+4,\n";
        let (_folder, source) = source(text).unwrap();
        let shown = |after| -> Vec<String> {
            let show = |row: Row| match row {
                Err(line) => format!("{line} bad"),
                Ok(row) => {
                    let identities: Vec<_> =
                        row.identities.iter().map(|i| format!("{}={}", i.kind, i.value)).collect();
                    format!("{} {} {:?} {}", row.line, row.platform, row.account, identities.join(" "))
                }
            };
            source.rows(after).unwrap().map(show).collect()
        };
        // An empty line counts for the row behind it.
        let all = [
            "2 app \"a1\" phone=+1 account=x",
            "3 web \"a\\n2\" phone=+2",
            "6 bad",
            "7 web \"a3\" phone=+3 phone=+4",
        ];
        assert_eq!(shown(0), all);
        assert_eq!(shown(4), all[2..]);
        assert_eq!((source.import_id.len(), source.lines), (36, 7));
    }

    #[test]
    fn a_head_line_must_say_what_is_what() {
        for (head, wrong) in [
            ("platform,phone", "there must be one column account"),
            ("platform,account,platform", "there must be one column platform"),
            ("platform,account,shoe_size", "no column is called shoe_size"),
        ] {
            let error = source(&format!("{head}\n")).unwrap_err();
            assert!(format!("{error:#}").contains(wrong), "{error:#}");
        }
    }
}
