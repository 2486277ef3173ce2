//! Importing accounts. Rows are read only as fast as they are committed and as the answers are taken, so that memory
//! stays flat however long the import is.

mod run;

use std::time::Duration;

use segue_core::CallerId;
use segue_proto::selector::v1::{
    GetImportRequest, GetImportResponse, ImportAccountsRequest, ImportAccountsResponse,
};
use segue_runtime::{Fields, Refusal, caller, timestamp};
use tokio::sync::mpsc::{self, Sender};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};
use tracing::Instrument as _;

use crate::{errors, selector::Selector, store};
use run::{Batch, Import};

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
    let progress =
        selector.database.read(async |conn| store::imports::progress(conn, &import_id).await).await?;
    let progress = progress.ok_or_else(|| errors::import_not_found(&import_id))?;
    Ok(GetImportResponse {
        imported: progress.totals.imported,
        unchanged: progress.totals.unchanged,
        rejected: progress.totals.rejected,
        through_line: progress.through_line,
        update_time: timestamp(progress.updated_at),
        finished: progress.finished,
    })
}

/// Reads rows and answers totals until the stream ends.
pub(super) fn start(
    selector: Selector,
    rows: Streaming<ImportAccountsRequest>,
) -> ReceiverStream<Result<ImportAccountsResponse, Status>> {
    let (answers, taken) = mpsc::channel(WAITING_ANSWERS);
    // The task that reads the rows knows no caller.
    let caller = caller();
    let import = async move {
        // Nothing to do if the answers are no longer taken: what was committed stands, the rest is sent again.
        if let Err(status) = run(&selector, &caller, rows, &answers).await {
            drop(answers.send(Err(status)).await);
        }
    };
    tokio::spawn(import.in_current_span());
    ReceiverStream::new(taken)
}

/// What comes next on the stream.
enum Next {
    Row(ImportAccountsRequest),
    Pause,
    End,
}

async fn run(
    selector: &Selector,
    caller: &CallerId,
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
                None => import.insert(Import::begin(selector, caller, &row).await?),
            };
            if begun.is_new(&row)? {
                batch.add(&selector.keys, selector.region, &row);
            }
            if !batch.is_full() {
                continue;
            }
        }
        let answer = match &mut import {
            Some(import) => import.commit(selector, std::mem::take(&mut batch), is_end).await?,
            // A stream without rows.
            None => ImportAccountsResponse::default(),
        };
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
