//! Importing accounts. Rows are read only as fast as they are committed and as the answers are taken, so that memory
//! stays flat however long the import is.

use std::time::Duration;

use segue_proto::selector::v1::{ImportAccountsRequest, ImportAccountsResponse, RejectedRow};
use segue_runtime::{Fields, Refusal};
use segue_store::StoreError;
use tokio::sync::mpsc::{self, Sender};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};
use tracing::Instrument as _;

use super::Selector;
use crate::{
    store::{self, accounts::Link},
    wire::accounts::link as parse_link,
};

/// Rows of one commit.
const BATCH_ROWS: usize = 500;
/// A stream that is silent for so long waits for the answer to what it has sent.
const PAUSE: Duration = Duration::from_millis(50);
/// Answers that may wait to be taken before reading stops.
const WAITING_ANSWERS: usize = 2;

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
    let mut totals = ImportAccountsResponse::default();
    let mut batch = Batch::default();
    loop {
        let next = tokio::select! {
            status = &mut ended => return Err(status),
            next = next(&mut rows, batch.is_empty()) => next?,
        };
        let is_end = matches!(next, Next::End);
        if let Next::Row(row) = next {
            batch.add(selector, &row);
            if !batch.is_full() {
                continue;
            }
        }
        commit(selector, std::mem::take(&mut batch), &mut totals).await.map_err(Refusal::from)?;
        let answer = totals.clone();
        totals.rejections.clear();
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

async fn commit(
    selector: &Selector,
    batch: Batch,
    totals: &mut ImportAccountsResponse,
) -> Result<(), StoreError> {
    if batch.is_empty() {
        return Ok(());
    }
    let Batch { links, lines, mut rejections, last_line } = batch;
    let linked = links.len();
    let unknown =
        selector.db.write(links, |conn, links| Box::pin(store::accounts::link_all(conn, links))).await?;
    let imported = linked - unknown.len();
    rejections.extend(unknown.into_iter().filter_map(|index| lines.get(index)).map(|line| RejectedRow {
        line: *line,
        field: "platform".to_owned(),
        description: "names nothing".to_owned(),
    }));
    rejections.sort_by_key(|rejection| rejection.line);
    totals.imported += count(imported);
    totals.rejected += count(rejections.len());
    totals.through_line = last_line;
    totals.rejections = rejections;
    Ok(())
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
