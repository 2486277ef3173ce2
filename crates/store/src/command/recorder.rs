use std::collections::HashMap;

use sqlx::any::AnyRow;

use super::Decided;
use crate::{
    Conn, StoreError, Writes,
    audit::{self, Entry},
    requests::{self, Begun, RequestKey},
};

/// Writes what a turn has changed, together with what is kept of its answers and with the audit log.
#[derive(Debug)]
pub struct Recorder<'k> {
    /// Of the commands that are decided, in their order.
    keys: Vec<Option<&'k RequestKey>>,
    now_ms: i64,
    /// Whether the requests are known to be fresh.
    are_fresh: bool,
    wrote: bool,
    /// What is recorded besides the changes of requests.
    entries: Vec<Entry>,
    /// Of requests whose repetition was refused, what they were answered before.
    pub(super) repeated: HashMap<String, Begun>,
    /// Whether an answer was to be kept of a request that is known.
    pub(super) meets_known: bool,
}

impl<'k> Recorder<'k> {
    /// For commands of which some are requests; whether these are known to be fresh.
    pub fn new(keys: Vec<Option<&'k RequestKey>>, now_ms: i64, are_fresh: bool) -> Self {
        Self {
            keys,
            now_ms,
            are_fresh,
            wrote: false,
            entries: vec![],
            repeated: HashMap::new(),
            meets_known: false,
        }
    }

    /// Whether anything was written that is to be committed.
    pub fn wrote(&self) -> bool {
        self.wrote
    }

    /// Has the audit log record an act of a command that is no request's, with the writes.
    pub fn audit(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// Runs the writes of what was decided, in the order of the commands. Answers the rows of the statement that was to return some.
    /// Called once by each decision of a batch, also when there is nothing to write.
    pub async fn record(
        &mut self,
        conn: &mut Conn,
        decided: Vec<Decided>,
        mut writes: Writes,
    ) -> Result<Vec<AnyRow>, StoreError> {
        let (mut kept, mut refused) = (vec![], vec![]);
        let mut entries = std::mem::take(&mut self.entries);
        for (key, Decided { kept: keep, change, wrote }) in self.keys.iter().zip(decided) {
            self.wrote |= wrote || keep.is_some();
            let Some(key) = *key else { continue };
            entries.extend(change.map(|change| change.by(key, self.now_ms)));
            match keep {
                Some(keep) => kept.push((key, keep)),
                None => refused.push(key),
            }
        }
        if !self.are_fresh && !refused.is_empty() {
            // What is refused now may have been granted before.
            self.repeated = requests::known(conn, &refused).await?;
        }
        let keeping = kept.len() as u64;
        let (rows, insert) = requests::keep(kept, self.now_ms);
        writes.count(rows, insert);
        audit::append_in(&mut writes, &entries);
        let written = writes.run_counted(conn).await?;
        if written.counted < keeping {
            self.meets_known = true;
            return Err(StoreError::Failed);
        }
        Ok(written.rows)
    }
}
