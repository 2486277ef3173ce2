//! A batch of an import is committed together with how far it brings the import.

use segue_store::{
    Conn, StoreError,
    audit::{self, Entry},
};

use super::accounts::{Effect, Linked, link_all};
use crate::{
    domain::directory::{Link, Row},
    store::{
        self,
        imports::{Step, Totals},
    },
};

/// Rows of an import to be committed.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) links: Vec<Link>,
    /// How many more were refused before they came here.
    pub(crate) rejected: i64,
    pub(crate) run: i64,
    /// For an import that can be resumed.
    pub(crate) step: Option<Step>,
    /// For the audit log: at the begin and the end of a run.
    pub(crate) audit: Option<Entry>,
}

/// What a batch comes to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Committed {
    /// What became of each link.
    Done(Vec<Linked>),
    /// Another stream has brought the import further meanwhile; nothing was written.
    Overtaken,
}

/// Commits a batch.
pub(crate) async fn commit(conn: &mut Conn, batch: &Batch) -> Result<Committed, StoreError> {
    if let Some(step) = &batch.step
        && !store::imports::advance(conn, step, batch.run).await?
    {
        return Ok(Committed::Overtaken);
    }
    let linked = link_all(conn, &batch.links, Effect::Write { run: batch.run }).await?;
    if let Some(step) = &batch.step {
        store::imports::count(conn, step, totals(&linked, batch.rejected)).await?;
    }
    if let Some(entry) = &batch.audit {
        audit::append(conn, entry).await?;
    }
    Ok(Committed::Done(linked))
}

/// Counts links, and how many more were refused before.
pub(crate) fn totals(linked: &[Linked], rejected: i64) -> Totals {
    linked.iter().fold(Totals { rejected, ..Totals::default() }, |mut totals, linked| {
        match linked {
            Linked::Done(Row::Written) => totals.imported += 1,
            Linked::Done(Row::Unchanged) => {
                totals.imported += 1;
                totals.unchanged += 1;
            }
            Linked::Done(Row::TooMany) | Linked::UnknownPlatform => totals.rejected += 1,
        }
        totals
    })
}
