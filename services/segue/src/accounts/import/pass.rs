//! One pass over the file, from where the import is to its end. After a break another one goes on.

use std::{collections::VecDeque, time::Duration};

use indicatif::ProgressBar;
use segue_proto::{
    common::v1::ErrorReason,
    selector::v1::{GetImportResponse, ImportAccountsResponse, RejectedRow},
};
use segue_runtime::reason_of;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::Client;
use crate::accounts::{
    csv::{Refusal, Source, column_name},
    outcome::{Counts, Outcome, Refusals},
    reader::{Note, Sending, read_ahead},
};

/// Why a pass did not come to the end of the file.
#[derive(Debug)]
pub(super) enum Broken {
    /// Something of ours: to try again would not help.
    Here(anyhow::Error),
    /// The service, or the way to it.
    There(Status),
}

/// What a run of before has done.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Earlier {
    pub(super) through_line: i64,
    pub(super) imported: i64,
    pub(super) unchanged: i64,
}

/// The passes so far.
#[derive(Debug)]
pub(super) struct Pass {
    /// Everything up to this line is done.
    pub(super) through_line: i64,
    earlier: Earlier,
    imported: i64,
    unchanged: i64,
    rejected: i64,
    /// Rows up to this line that are refused are told already.
    told_through: i64,
    refusals: Refusals,
    bar: ProgressBar,
    here: Here,
}

/// What this pass has read.
#[derive(Debug, Default)]
struct Here {
    seen: i64,
    skipped: i64,
    refused: i64,
    /// What is not answered yet, in the order of lines.
    waiting: VecDeque<Note>,
    /// Of rows that may not be among the waiting yet, as answers and what was read come by two ways.
    rejections: VecDeque<RejectedRow>,
    settled: u64,
    reading: Reading,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Reading {
    #[default]
    GoesOn,
    /// The rows are no longer taken; the answers tell why.
    CutOff,
    Ended,
}

impl Pass {
    pub(super) fn new(refusals: Refusals, bar: ProgressBar) -> Self {
        Self {
            through_line: 0,
            earlier: Earlier::default(),
            imported: 0,
            unchanged: 0,
            rejected: 0,
            told_through: 0,
            refusals,
            bar,
            here: Here::default(),
        }
    }

    /// Goes on with a run of before.
    pub(super) fn resume(&mut self, earlier: Option<Earlier>) {
        self.earlier = earlier.unwrap_or_default();
        self.through_line = self.earlier.through_line;
        (self.imported, self.unchanged) = (self.earlier.imported, self.earlier.unchanged);
    }

    /// Takes over what the service knows of this run: nothing if it is to be sent from the start.
    pub(super) fn catch_up(&mut self, known: Option<&GetImportResponse>) {
        match known.filter(|known| !known.finished && known.through_line >= self.through_line) {
            Some(known) => {
                self.through_line = known.through_line;
                self.count(known.imported, known.unchanged, known.rejected);
            }
            None => self.start_anew(),
        }
    }

    fn start_anew(&mut self) {
        (self.through_line, self.earlier) = (0, Earlier::default());
        self.count(0, 0, 0);
    }

    pub(super) fn wait(&self) {
        self.bar.set_message("waiting for the service");
    }

    /// Sends what is not done, to the end of the file.
    pub(super) async fn send(
        &mut self,
        client: &mut Client,
        source: &Source,
        sending: Sending,
    ) -> Result<(), Broken> {
        self.here = Here::default();
        let (rows, mut notes) = read_ahead(source, sending);
        let answers = client.import_accounts(ReceiverStream::new(rows)).await;
        let mut answers = answers.map_err(|status| self.broken(status))?.into_inner();
        let mut answered = false;
        while !answered || self.here.reading == Reading::GoesOn {
            tokio::select! {
                note = notes.recv(), if self.here.reading == Reading::GoesOn => self.note(note).map_err(Broken::Here)?,
                answer = answers.message(), if !answered => match answer.map_err(|status| self.broken(status))? {
                    Some(answer) => self.take(&answer).map_err(Broken::Here)?,
                    None => answered = true,
                },
            }
        }
        if self.here.reading == Reading::CutOff {
            return Err(Broken::There(Status::aborted("the service has not taken all rows")));
        }
        self.settle().map_err(Broken::Here)
    }

    fn broken(&mut self, status: Status) -> Broken {
        if reason_of(&status) == Some(ErrorReason::ImportNotResumable) {
            self.start_anew();
        }
        Broken::There(status)
    }

    fn note(&mut self, note: Option<Note>) -> anyhow::Result<()> {
        match note {
            Some(Note::Broken(error)) => return Err(error),
            Some(Note::End) => self.here.reading = Reading::Ended,
            None => self.here.reading = Reading::CutOff,
            Some(note) => {
                self.here.seen += 1;
                self.here.skipped +=
                    i64::from(matches!(&note, Note::Done { line } if *line <= self.earlier.through_line));
                self.here.refused += i64::from(matches!(note, Note::Refused(_)));
                self.here.waiting.push_back(note);
            }
        }
        self.settle()
    }

    fn take(&mut self, answer: &ImportAccountsResponse) -> anyhow::Result<()> {
        self.bar.set_message("");
        self.count(answer.imported, answer.unchanged, answer.rejected);
        self.through_line = self.through_line.max(answer.through_line);
        self.here.rejections.extend(answer.rejections.iter().cloned());
        self.settle()
    }

    fn count(&mut self, imported: i64, unchanged: i64, rejected: i64) {
        (self.imported, self.unchanged, self.rejected) = (imported, unchanged, rejected);
    }

    /// Takes away what is done, up to what is not; tells what was refused of it.
    fn settle(&mut self) -> anyhow::Result<()> {
        while let Some(note) = self.here.waiting.pop_front() {
            let refusal = match note {
                Note::Row { line, columns } if line <= self.through_line => {
                    let rejected = self.here.rejections.pop_front_if(|row| row.line == line);
                    rejected.map(|row| refusal(&row, &columns))
                }
                Note::Refused(refusal) => Some(refusal),
                Note::Done { .. } => None,
                waits => {
                    self.here.waiting.push_front(waits);
                    break;
                }
            };
            self.here.settled += 1;
            if let Some(refusal) = refusal.filter(|refusal| refusal.line > self.told_through) {
                self.told_through = refusal.line;
                self.refusals.push(refusal)?;
            }
        }
        self.bar.set_position(self.here.settled);
        Ok(())
    }

    /// Counts every row that was read.
    pub(super) fn finish(mut self, took: Duration, dry_run: bool) -> anyhow::Result<Outcome> {
        self.bar.finish_and_clear();
        self.refusals.flush()?;
        let unchanged = self.unchanged - self.earlier.unchanged;
        let counts = Counts {
            seen: self.here.seen,
            written: self.imported - self.earlier.imported - unchanged,
            unchanged,
            skipped: self.here.skipped,
            refused: self.here.refused + self.rejected,
        };
        counts.check()?;
        Ok(Outcome { counts, refusals: self.refusals, took, dry_run })
    }
}

fn refusal(row: &RejectedRow, columns: &[String]) -> Refusal {
    Refusal { line: row.line, column: column_name(&row.field, columns), description: row.description.clone() }
}
