//! Importing accounts. Rows are read only as fast as they are committed and as the answers are taken, so that memory
//! stays flat however long the import is.

use std::time::Duration;

use segue_core::SharedClock;
use segue_proto::selector::v1::{
    GetImportRequest, GetImportResponse, ImportAccountsRequest, ImportAccountsResponse, RejectedRow,
};
use segue_runtime::{Fields, Refusal, timestamp};
use tokio::sync::mpsc::{self, Sender};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};
use tracing::Instrument as _;

use super::Selector;
use crate::{
    error,
    store::{
        self,
        accounts::Link,
        imports::{Batch as StoredBatch, Committed, Step},
    },
    wire::accounts::link as parse_link,
};

/// Rows of one commit.
const BATCH_ROWS: usize = 500;
/// A stream that is silent for so long waits for the answer to what it has sent.
const PAUSE: Duration = Duration::from_millis(50);
/// Answers that may wait to be taken before reading stops.
const WAITING_ANSWERS: usize = 2;

pub(super) async fn get(
    selector: &Selector,
    request: GetImportRequest,
) -> Result<GetImportResponse, Refusal> {
    let mut fields = Fields::new();
    let import_id = fields.number("import_id", &request.import_id);
    fields.finish()?;
    let progress = store::imports::progress(&mut *selector.db.read().await?, &import_id).await?;
    let progress = progress.ok_or_else(|| error::import_not_found(&import_id))?;
    Ok(GetImportResponse {
        imported: progress.imported,
        rejected: progress.rejected,
        through_line: progress.through_line,
        update_time: timestamp(progress.updated_at),
    })
}

/// Reads rows and answers totals until the stream ends.
pub(super) fn start(
    selector: Selector,
    rows: Streaming<ImportAccountsRequest>,
) -> ReceiverStream<Result<ImportAccountsResponse, Status>> {
    let (answers, taken) = mpsc::channel(WAITING_ANSWERS);
    let import = async move {
        // Nothing to do if the answers are no longer taken: what was committed stands, the rest is sent again.
        if let Err(status) = run(&selector, rows, &answers).await {
            drop(answers.send(Err(status)).await);
        }
    };
    tokio::spawn(import.in_current_span());
    ReceiverStream::new(taken)
}

/// An import under way.
#[derive(Debug, Default)]
struct Import {
    /// Of one that can be resumed.
    id: Option<String>,
    totals: ImportAccountsResponse,
    /// The last line that came, done or not.
    last_seen: i64,
}

/// Rows since the last commit.
#[derive(Debug, Default)]
struct Batch {
    links: Vec<Link>,
    /// The lines of `links`.
    lines: Vec<i64>,
    rejections: Vec<RejectedRow>,
    last_line: i64,
}

/// What comes next on the stream.
enum Next {
    Row(ImportAccountsRequest),
    Pause,
    End,
}

async fn run(
    selector: &Selector,
    mut rows: Streaming<ImportAccountsRequest>,
    answers: &Sender<Result<ImportAccountsResponse, Status>>,
) -> Result<(), Status> {
    let ended = selector.stream_end.due();
    tokio::pin!(ended);
    let mut import: Option<Import> = None;
    let mut batch = Batch::default();
    loop {
        let next = tokio::select! {
            status = &mut ended => return Err(status),
            next = next(&mut rows, batch.is_empty()) => next?,
        };
        let is_end = matches!(next, Next::End);
        if let Next::Row(row) = next {
            let begun = match &mut import {
                Some(import) => import,
                None => import.insert(Import::begin(selector, &row.import_id).await?),
            };
            if begun.is_new(&row)? {
                batch.add(selector, &row);
            }
            if !batch.is_full() {
                continue;
            }
        }
        let import = import.get_or_insert_default();
        import.commit(selector, std::mem::take(&mut batch)).await?;
        let answer = import.totals.clone();
        import.totals.rejections.clear();
        if answers.send(Ok(answer)).await.is_err() || is_end {
            return Ok(());
        }
    }
}

/// Waits for a row; while rows are uncommitted, for a pause at most.
async fn next(rows: &mut Streaming<ImportAccountsRequest>, nothing_waits: bool) -> Result<Next, Status> {
    let message = if nothing_waits {
        rows.message().await
    } else {
        match tokio::time::timeout(PAUSE, rows.message()).await {
            Ok(message) => message,
            Err(_) => return Ok(Next::Pause),
        }
    };
    Ok(message?.map_or(Next::End, Next::Row))
}

impl Import {
    /// Where an earlier stream of it stopped.
    async fn begin(selector: &Selector, id: &str) -> Result<Self, Refusal> {
        if id.is_empty() {
            return Ok(Self::default());
        }
        let mut fields = Fields::new();
        let id = fields.number("import_id", id);
        fields.finish()?;
        let progress = store::imports::progress(&mut *selector.db.read().await?, &id).await?;
        let progress = progress.unwrap_or_default();
        let totals = ImportAccountsResponse {
            imported: progress.imported,
            rejected: progress.rejected,
            through_line: progress.through_line,
            rejections: vec![],
        };
        Ok(Self { id: Some(id), totals, last_seen: 0 })
    }

    /// Whether the row is still to be done. Only where lines rise does the last one tell what is done.
    fn is_new(&mut self, row: &ImportAccountsRequest) -> Result<bool, Refusal> {
        if self.id.is_none() {
            return Ok(true);
        }
        if row.line <= std::mem::replace(&mut self.last_seen, row.line) {
            let mut fields = Fields::new();
            fields.violation("line", "must be from 1 and rise, as the import has an import_id");
            fields.finish()?;
        }
        Ok(row.line > self.totals.through_line)
    }

    async fn commit(&mut self, selector: &Selector, batch: Batch) -> Result<(), Refusal> {
        if batch.is_empty() {
            return Ok(());
        }
        let Batch { links, lines, mut rejections, last_line } = batch;
        let linked = links.len();
        let stored = StoredBatch {
            links,
            rejected: count(rejections.len()),
            step: self.step(last_line, &selector.clock),
        };
        let committed =
            selector.db.write(stored, |conn, stored| Box::pin(store::imports::commit(conn, stored))).await?;
        let Committed::Done(unknown) = committed else {
            return Err(error::import_in_progress(self.id.as_deref().unwrap_or_default()));
        };
        let imported = linked - unknown.len();
        rejections.extend(unknown.into_iter().filter_map(|index| lines.get(index)).map(|line| RejectedRow {
            line: *line,
            field: "platform".to_owned(),
            description: "names nothing".to_owned(),
        }));
        rejections.sort_by_key(|rejection| rejection.line);
        self.totals.imported += count(imported);
        self.totals.rejected += count(rejections.len());
        self.totals.through_line = last_line;
        self.totals.rejections = rejections;
        Ok(())
    }

    fn step(&self, to_line: i64, clock: &SharedClock) -> Option<Step> {
        let from_line = self.totals.through_line;
        self.id.clone().map(|import_id| Step { import_id, from_line, to_line, now_ms: clock.now_ms() })
    }
}

impl Batch {
    /// A row with several faults is reported with the first.
    fn add(&mut self, selector: &Selector, row: &ImportAccountsRequest) {
        let mut fields = Fields::new();
        let link = parse_link(&mut fields, &selector.keys, &row.platform, &row.account, &row.identities);
        self.last_line = row.line;
        match fields.first() {
            None => {
                self.links.push(link);
                self.lines.push(row.line);
            }
            Some((field, description)) => self.rejections.push(RejectedRow {
                line: row.line,
                field: field.to_owned(),
                description: description.to_owned(),
            }),
        }
    }

    fn is_empty(&self) -> bool {
        self.links.is_empty() && self.rejections.is_empty()
    }

    fn is_full(&self) -> bool {
        self.links.len() + self.rejections.len() >= BATCH_ROWS
    }
}

fn count(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}
