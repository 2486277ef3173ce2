//! Sends the rows. The stream ends when the service does, or grows old; the import then goes on where it was, which the
//! service itself knows.

mod pass;

use std::time::Duration;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use segue_core::Random;
use segue_proto::{
    common::v1::ErrorReason,
    selector::v1::{
        GetImportRequest, GetImportResponse, platform_selector_service_client::PlatformSelectorServiceClient,
    },
};
use segue_runtime::{
    peer::{Peer, is_refusal},
    reason_of,
};
use tokio::time::Instant;
use tonic::Status;

use super::{
    csv::Source,
    outcome::{Outcome, Refusals},
    reader::Sending,
};
use crate::refused;
use pass::{Broken, Earlier, Pass};

/// Tries without any progress until it is given up.
const TRIES: u32 = 30;
const BETWEEN_TRIES: Duration = Duration::from_secs(1);

/// What to import, and how.
#[derive(Debug)]
pub(super) struct Import<'a> {
    pub(super) source: &'a Source,
    /// By which an import that did not finish is found again; without it all rows are sent.
    pub(super) name: Option<String>,
    pub(super) dry_run: bool,
}

type Client = PlatformSelectorServiceClient<Peer>;

impl Import<'_> {
    /// Sends all rows, or those that an unfinished run of this name has not sent.
    pub(super) async fn run(
        &self,
        import_id: String,
        peer: Peer,
        refusals: Refusals,
    ) -> anyhow::Result<Outcome> {
        let mut client = PlatformSelectorServiceClient::new(peer);
        let start = Instant::now();
        let mut pass = Pass::new(refusals, progress_bar(self.source.rows)?);
        if self.name.is_some() && !self.dry_run {
            pass.resume(earlier(&mut client, &import_id, &pass).await?);
        }
        let mut tries = 0;
        loop {
            let before = pass.through_line;
            let sending =
                Sending { import_id: import_id.clone(), resume_after_line: before, dry_run: self.dry_run };
            let status = match pass.send(&mut client, self.source, sending).await {
                Ok(()) => break,
                Err(Broken::Here(error)) => return Err(error),
                Err(Broken::There(status)) => status,
            };
            if is_refusal(&status) && !self.goes_on(&status) {
                return Err(refused(&status));
            }
            tries = if pass.through_line > before { 0 } else { tries + 1 };
            if tries >= TRIES {
                return Err(refused(&status)).context("the import does not get on; start it again");
            }
            pass.wait();
            tokio::time::sleep(BETWEEN_TRIES).await;
            // What it knows is of a run that can't go on: all is sent anew.
            if reason_of(&status) == Some(ErrorReason::ImportNotResumable) {
                continue;
            }
            // It may have done more than it could say. A service that is away says so when the rows are sent.
            if let Ok(known) = known(&mut client, &import_id).await {
                pass.catch_up(known.as_ref());
            }
        }
        pass.finish(start.elapsed(), self.dry_run)
    }

    /// Whether such a refusal ends only the stream.
    fn goes_on(&self, status: &Status) -> bool {
        matches!(reason_of(status), Some(ErrorReason::ImportInProgress | ErrorReason::ImportNotResumable))
            && !self.dry_run
    }

    /// With the content in it, since lines that were sent say nothing about another file. A dry run has none.
    pub(super) fn import_id(&self, random: &Random) -> String {
        match &self.name {
            _ if self.dry_run => String::new(),
            Some(name) => format!("{name}.{}", self.source.digest),
            None => uuid::Builder::from_random_bytes(random.bytes()).into_uuid().hyphenated().to_string(),
        }
    }
}

fn progress_bar(rows: u64) -> anyhow::Result<ProgressBar> {
    let style =
        ProgressStyle::with_template("{bar:32} {human_pos}/{human_len} rows, {per_sec}, {eta} left {msg}")?;
    Ok(ProgressBar::new(rows).with_style(style))
}

/// What the service knows of an import.
async fn known(client: &mut Client, import_id: &str) -> Result<Option<GetImportResponse>, Status> {
    if import_id.is_empty() {
        return Ok(None);
    }
    match client.get_import(GetImportRequest { import_id: import_id.to_owned() }).await {
        Ok(answer) => Ok(Some(answer.into_inner())),
        Err(status) if reason_of(&status) == Some(ErrorReason::ImportNotFound) => Ok(None),
        Err(status) => Err(status),
    }
}

/// A run to go on with: one that did not finish. Where a row of it was refused, all are sent again, since what was wrong may
/// be right by now.
async fn earlier(client: &mut Client, import_id: &str, pass: &Pass) -> anyhow::Result<Option<Earlier>> {
    let mut tries = 1;
    let known = loop {
        match known(client, import_id).await {
            Ok(known) => break known,
            Err(status) if is_refusal(&status) || tries >= TRIES => return Err(refused(&status)),
            Err(_) => tries += 1,
        }
        pass.wait();
        tokio::time::sleep(BETWEEN_TRIES).await;
    };
    let unfinished = known.filter(|known| !known.finished && known.rejected == 0);
    Ok(unfinished.map(|known| Earlier {
        through_line: known.through_line,
        imported: known.imported,
        unchanged: known.unchanged,
    }))
}
