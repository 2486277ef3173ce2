//! Reads rows on a thread of its own, as fast as they are taken.

use segue_proto::selector::v1::ImportAccountsRequest;
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::csv::{Refusal, Row, Source};

/// Rows read ahead; more would only wait in memory.
const AHEAD: usize = 1024;

/// How rows are to be sent.
#[derive(Debug, Clone)]
pub(super) struct Sending {
    pub(super) import_id: String,
    pub(super) resume_after_line: i64,
    pub(super) dry_run: bool,
}

/// What was read, in the order of lines.
#[derive(Debug)]
pub(super) enum Note {
    /// A row that is sent, and the columns of its identities.
    Row { line: i64, columns: Vec<String> },
    /// A row that was sent before.
    Done { line: i64 },
    /// A row that can't be sent.
    Refused(Refusal),
    /// That is all.
    End,
    /// The file can't be read on.
    Broken(anyhow::Error),
}

/// Rows for the stream, and beside them what was read.
pub(super) fn read_ahead(
    source: &Source,
    sending: Sending,
) -> (Receiver<ImportAccountsRequest>, Receiver<Note>) {
    let (rows, to_send) = mpsc::channel(AHEAD);
    let (notes, taken) = mpsc::channel(AHEAD);
    let source = source.clone();
    tokio::task::spawn_blocking(move || {
        let reading = Reading { sending, rows, notes: notes.clone(), last_done: None };
        let last = match reading.read(&source) {
            Ok(true) => Note::End,
            // Nobody takes them any longer.
            Ok(false) => return,
            Err(error) => Note::Broken(error),
        };
        drop(notes.blocking_send(last));
    });
    (to_send, taken)
}

struct Reading {
    sending: Sending,
    rows: Sender<ImportAccountsRequest>,
    notes: Sender<Note>,
    /// Sent again before what is new: a stream without any row would name no import to be finished.
    last_done: Option<Row>,
}

impl Reading {
    /// Whether everything was taken.
    fn read(mut self, source: &Source) -> anyhow::Result<bool> {
        for item in source.rows()? {
            let taken = match item? {
                Err(refusal) => self.note(Note::Refused(refusal)),
                Ok(row) if row.request.line <= self.sending.resume_after_line => {
                    let line = row.request.line;
                    self.last_done = Some(row);
                    self.note(Note::Done { line })
                }
                Ok(row) => {
                    let line = row.request.line;
                    self.send_last_done()
                        && self.note(Note::Row { line, columns: row.columns })
                        && self.send(row.request)
                }
            };
            if !taken {
                return Ok(false);
            }
        }
        Ok(self.send_last_done())
    }

    fn send_last_done(&mut self) -> bool {
        let row = self.last_done.take();
        row.is_none_or(|row| self.send(row.request))
    }

    fn send(&self, row: ImportAccountsRequest) -> bool {
        let Sending { import_id, resume_after_line, dry_run } = self.sending.clone();
        self.rows
            .blocking_send(ImportAccountsRequest { import_id, resume_after_line, dry_run, ..row })
            .is_ok()
    }

    fn note(&self, note: Note) -> bool {
        self.notes.blocking_send(note).is_ok()
    }
}
