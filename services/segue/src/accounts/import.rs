//! Sends the rows. The stream ends when the service does, or grows old; the import then goes on where it was, which the
//! service itself knows.

use std::{fmt, time::Duration};

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use segue_proto::{
    common::v1::ErrorReason,
    selector::v1::{
        GetImportRequest, ImportAccountsResponse,
        platform_selector_service_client::PlatformSelectorServiceClient,
    },
};
use segue_runtime::{
    peer::{Peer, is_refusal},
    reason_of,
};
use tokio::{sync::mpsc, time::Instant};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::csv::{Row, Source};
use crate::refused;

/// Rows read ahead; more would only wait in memory.
const AHEAD: usize = 1024;
/// Tries without any progress until it is given up.
const TRIES: u32 = 30;
const BETWEEN_TRIES: Duration = Duration::from_secs(1);

/// A refused row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) line: i64,
    pub(super) field: String,
    pub(super) description: String,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    imported: i64,
    pub(super) rejected: i64,
    /// Those of this run; an earlier one has told its own.
    pub(super) refused: Vec<Refused>,
    resumed_after_line: i64,
    took: Duration,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { imported, rejected, took, .. } = self;
        write!(f, "{imported} accounts imported, {rejected} rows refused, in {:.1} s", took.as_secs_f64())?;
        match self.resumed_after_line {
            0 => Ok(()),
            line => write!(f, "; an earlier run had done everything up to line {line}"),
        }
    }
}

/// Sends all rows that are not done yet.
pub(super) async fn run(peer: Peer, source: &Source) -> anyhow::Result<Outcome> {
    let mut client = PlatformSelectorServiceClient::new(peer);
    let start = Instant::now();
    let bar = progress_bar(source.lines)?;
    let mut outcome = Outcome::default();
    let mut through = None;
    let mut tries = 0;
    loop {
        let before = through;
        let sent = send(&mut client, source, &bar, &mut outcome, &mut through).await;
        let Err(status) = sent else { break };
        if is_refusal(&status) && reason_of(&status) != Some(ErrorReason::ImportInProgress) {
            return Err(refused(&status));
        }
        tries = if through > before { 0 } else { tries + 1 };
        if tries >= TRIES {
            return Err(refused(&status)).context("the import does not get on; start it again to go on");
        }
        bar.set_message("waiting for the service");
        tokio::time::sleep(BETWEEN_TRIES).await;
    }
    bar.finish_and_clear();
    outcome.took = start.elapsed();
    Ok(outcome)
}

fn progress_bar(lines: u64) -> anyhow::Result<ProgressBar> {
    let style =
        ProgressStyle::with_template("{bar:32} {human_pos}/{human_len} lines, {per_sec}, {eta} left {msg}")?;
    Ok(ProgressBar::new(lines).with_style(style))
}

/// One stream, from where the import is to the end of the file.
async fn send(
    client: &mut PlatformSelectorServiceClient<Peer>,
    source: &Source,
    bar: &ProgressBar,
    outcome: &mut Outcome,
    through: &mut Option<i64>,
) -> Result<(), Status> {
    let done = progress(client, source).await?;
    if through.is_none() {
        outcome.resumed_after_line = done.through_line;
    }
    outcome.take(&done);
    *through = Some(done.through_line);
    bar.set_position(u64::try_from(done.through_line).unwrap_or_default());
    let (rows, mut bad) = read_ahead(source, done.through_line);
    let mut answers = client.import_accounts(ReceiverStream::new(rows)).await?.into_inner();
    while let Some(answer) = answers.message().await? {
        outcome.take(&answer);
        *through = Some(answer.through_line);
        bar.set_message("");
        bar.set_position(u64::try_from(answer.through_line).unwrap_or_default());
    }
    while let Some(line) = bad.recv().await {
        let description = "is not a row of the table".to_owned();
        outcome.refused.push(Refused { line, field: "row".to_owned(), description });
        outcome.rejected += 1;
    }
    outcome.refused.sort_by_key(|row| row.line);
    Ok(())
}

/// How far it has come; nothing for one that is new.
async fn progress(
    client: &mut PlatformSelectorServiceClient<Peer>,
    source: &Source,
) -> Result<ImportAccountsResponse, Status> {
    let request = GetImportRequest { import_id: source.import_id.clone() };
    match client.get_import(request).await {
        Ok(answer) => {
            let answer = answer.into_inner();
            Ok(ImportAccountsResponse {
                imported: answer.imported,
                rejected: answer.rejected,
                through_line: answer.through_line,
                rejections: vec![],
            })
        }
        Err(status) if reason_of(&status) == Some(ErrorReason::ImportNotFound) => {
            Ok(ImportAccountsResponse::default())
        }
        Err(status) => Err(status),
    }
}

/// Reads rows on a thread of their own, as fast as they are taken. Lines that are no rows come by the second way.
fn read_ahead(
    source: &Source,
    after_line: i64,
) -> (mpsc::Receiver<segue_proto::selector::v1::ImportAccountsRequest>, mpsc::UnboundedReceiver<i64>) {
    let (rows, taken) = mpsc::channel(AHEAD);
    let (bad, lines) = mpsc::unbounded_channel();
    let source = source.clone();
    tokio::task::spawn_blocking(move || {
        let Ok(all) = source.rows(after_line) else { return };
        for row in all {
            let sent = match row {
                Row::Ok(row) => rows.blocking_send(row).is_ok(),
                Row::Err(line) => bad.send(line).is_ok(),
            };
            if !sent {
                return;
            }
        }
    });
    (taken, lines)
}

impl Outcome {
    /// A stream without rows names no import, and is answered without one.
    fn take(&mut self, answer: &ImportAccountsResponse) {
        if answer.through_line == 0 {
            return;
        }
        self.imported = answer.imported;
        self.rejected = answer.rejected;
        self.refused.extend(answer.rejections.iter().map(|row| Refused {
            line: row.line,
            field: row.field.clone(),
            description: row.description.clone(),
        }));
    }
}
