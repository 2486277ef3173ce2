//! A run of an import: which of the rows that come are to be done, and what has come of them.

use segue_core::{CallerId, KeyRing, Random, Region};
use segue_proto::selector::v1::{ImportAccountsRequest, ImportAccountsResponse, RejectedRow};
use segue_runtime::{Fields, Refusal, audit::object};
use segue_store::audit::{DONE, Entry};

use crate::{
    commands::{
        self,
        accounts::{Effect, Linked, link_all},
        imports::{Batch as StoredBatch, Committed, totals},
    },
    convert::accounts::link as parse_link,
    domain::directory::{Link, Row},
    errors,
    selector::Selector,
    store::{
        self,
        imports::{Step, Totals},
    },
};

/// Rows of one commit.
const BATCH_ROWS: usize = 500;

/// A run under way.
#[derive(Debug)]
pub(super) struct Import {
    number: i64,
    /// Who sends it.
    caller: CallerId,
    /// The audit log has heard of this stream.
    is_recorded: bool,
    /// Of one that can be resumed.
    id: Option<String>,
    dry_run: bool,
    resume_after_line: i64,
    /// None until a batch is committed.
    from_line: Option<i64>,
    through_line: i64,
    totals: Totals,
    skipped: i64,
    /// The last line that came, done or not.
    last_seen: i64,
}

/// Rows since the last commit.
#[derive(Debug, Default)]
pub(super) struct Batch {
    links: Vec<Link>,
    /// The lines of `links`.
    lines: Vec<i64>,
    rejections: Vec<RejectedRow>,
    last_line: i64,
}

impl Import {
    /// A new run, or the one that the first row says to resume.
    pub(super) async fn begin(
        selector: &Selector,
        caller: &CallerId,
        first: &ImportAccountsRequest,
    ) -> Result<Self, Refusal> {
        let mut fields = Fields::new();
        let resumable = !first.import_id.is_empty();
        let id = resumable.then(|| fields.number("import_id", &first.import_id));
        let may_resume = first.resume_after_line == 0 || resumable && first.resume_after_line > 0;
        fields.require(may_resume, "resume_after_line", "must be 0, or the through_line of the import_id");
        fields.require(!(first.dry_run && resumable), "dry_run", "can't be together with an import_id");
        fields.finish()?;
        let import = Self {
            number: number(&selector.random),
            caller: caller.clone(),
            is_recorded: false,
            id,
            dry_run: first.dry_run,
            resume_after_line: first.resume_after_line,
            from_line: None,
            through_line: first.resume_after_line,
            totals: Totals::default(),
            skipped: 0,
            last_seen: 0,
        };
        if import.resume_after_line == 0 { Ok(import) } else { import.resume(selector).await }
    }

    async fn resume(self, selector: &Selector) -> Result<Self, Refusal> {
        let id = self.id.as_deref().unwrap_or_default();
        let progress = selector.database.read(async |conn| store::imports::progress(conn, id).await).await?;
        // What is stored under another key is not found once that key is gone, so it has to come again.
        let is_current = |key_id: &str| key_id == selector.keys.current_id();
        let progress = progress
            .filter(|progress| !progress.finished && is_current(&progress.key_id))
            .ok_or_else(|| errors::import_not_resumable(id))?;
        if progress.through_line != self.resume_after_line {
            return Err(errors::import_in_progress(id));
        }
        let from_line = Some(progress.through_line);
        Ok(Self { number: progress.run, totals: progress.totals, from_line, ..self })
    }

    /// Whether the row is still to be done. Only where lines rise does the last one tell what is done.
    pub(super) fn is_new(&mut self, row: &ImportAccountsRequest) -> Result<bool, Refusal> {
        if self.id.is_none() {
            return Ok(true);
        }
        if row.line <= std::mem::replace(&mut self.last_seen, row.line) {
            let mut fields = Fields::new();
            fields.violation("line", "must be from 1 and rise, as the import has an import_id");
            fields.finish()?;
        }
        let is_new = row.line > self.resume_after_line;
        self.skipped += i64::from(!is_new);
        Ok(is_new)
    }

    /// Commits the rows; tells what has come of them and of all before.
    pub(super) async fn commit(
        &mut self,
        selector: &Selector,
        batch: Batch,
        is_end: bool,
    ) -> Result<ImportAccountsResponse, Refusal> {
        let finishes = is_end && self.id.is_some();
        if batch.is_empty() && !finishes {
            return Ok(self.answer(vec![]));
        }
        let to_line = if batch.is_empty() { self.through_line } else { batch.last_line };
        let Batch { links, lines, mut rejections, .. } = batch;
        let rejected = count(rejections.len());
        let linked = if self.dry_run {
            selector.database.read(async |conn| link_all(conn, &links, Effect::Tell).await).await?
        } else {
            let step = self.step(selector, to_line, finishes);
            let audit = self.audit(selector, is_end);
            self.store(selector, StoredBatch { links, rejected, run: self.number, step, audit }).await?
        };
        let of_batch = totals(&linked, rejected);
        rejections.extend(lines.iter().zip(linked).filter_map(|(line, linked)| rejection(*line, linked)));
        rejections.sort_by_key(|rejection| rejection.line);
        self.totals.imported += of_batch.imported;
        self.totals.unchanged += of_batch.unchanged;
        self.totals.rejected += of_batch.rejected;
        self.is_recorded = true;
        self.from_line = Some(to_line);
        self.through_line = to_line;
        Ok(self.answer(rejections))
    }

    async fn store(&self, selector: &Selector, batch: StoredBatch) -> Result<Vec<Linked>, Refusal> {
        let commit =
            selector.database.write(batch, |conn, batch| Box::pin(commands::imports::commit(conn, batch)));
        match commit.await? {
            Committed::Done(linked) => Ok(linked),
            Committed::Overtaken => Err(errors::import_in_progress(self.id.as_deref().unwrap_or_default())),
        }
    }

    fn step(&self, selector: &Selector, to_line: i64, finishes: bool) -> Option<Step> {
        let (key_id, now_ms, from_line) =
            (selector.keys.current_id(), selector.clock.now_ms(), self.from_line);
        self.id.clone().map(|import_id| Step { import_id, key_id, from_line, to_line, finishes, now_ms })
    }

    /// What the audit log is told: that a stream has begun to change accounts, a new import's or a resumed one's, and that it has ended.
    fn audit(&self, selector: &Selector, is_end: bool) -> Option<Entry> {
        let state = match (is_end, self.is_recorded) {
            (true, _) => "ended",
            (false, false) => "begun",
            (false, true) => return None,
        };
        Some(Entry {
            at_ms: selector.clock.now_ms(),
            subject: self.caller.subject().to_owned(),
            method: "ImportAccounts".to_owned(),
            resource: format!("import/{}", self.id.as_deref().unwrap_or_default()),
            outcome: DONE.to_owned(),
            occurrences: 1,
            new_value: object(&[("state", state), ("run", &self.number.to_string())]),
            ..Entry::default()
        })
    }

    fn answer(&self, rejections: Vec<RejectedRow>) -> ImportAccountsResponse {
        ImportAccountsResponse {
            imported: self.totals.imported,
            unchanged: self.totals.unchanged,
            rejected: self.totals.rejected,
            skipped: self.skipped,
            through_line: self.through_line,
            rejections,
        }
    }
}

impl Batch {
    /// A row with several faults is reported with the first.
    pub(super) fn add(&mut self, keys: &KeyRing, region: Option<Region>, row: &ImportAccountsRequest) {
        let mut fields = Fields::new();
        let link = parse_link(&mut fields, keys, region, &row.platform, &row.account, &row.identities);
        self.last_line = row.line;
        match fields.first() {
            None => {
                self.links.push(link);
                self.lines.push(row.line);
            }
            Some((field, description)) => self.rejections.push(rejected(row.line, field, description)),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.links.is_empty() && self.rejections.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.links.len() + self.rejections.len() >= BATCH_ROWS
    }
}

/// Names a run; never 0, which is no import's.
fn number(random: &Random) -> i64 {
    (i64::from_be_bytes(random.bytes()) & i64::MAX).max(1)
}

fn rejection(line: i64, linked: Linked) -> Option<RejectedRow> {
    match linked {
        Linked::Done(Row::Written | Row::Unchanged) => None,
        Linked::Done(Row::TooMany) => Some(rejected(
            line,
            "identities",
            "are more than 16 together with those of the account's rows before",
        )),
        Linked::UnknownPlatform => Some(rejected(line, "platform", "names nothing")),
    }
}

fn rejected(line: i64, field: &str, description: &str) -> RejectedRow {
    RejectedRow { line, field: field.to_owned(), description: description.to_owned() }
}

fn count(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}
