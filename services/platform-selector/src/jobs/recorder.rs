//! Keeps past selections for dry runs. No selection waits for its record: it is written behind, some are left out when there
//! are very many, and a crash loses the last second's.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU32, Ordering},
};

use prost::Message as _;
use segue_proto::selector::v1::RecordedSelection;
use segue_runtime::{Stop, millis_of};
use segue_store::Database;
use tokio::sync::mpsc;

use crate::store::{self, selections::Stored};

/// Most selections recorded in a second: enough to tell what a change would do, and a bound on what they take.
const MOST_A_SECOND: u32 = 100;
const QUEUE: usize = 1024;
const BATCH: usize = 256;

/// Takes records.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    queue: mpsc::Sender<RecordedSelection>,
    pace: Arc<Pace>,
}

/// Writes records.
#[derive(Debug)]
pub(crate) struct Recording {
    queue: mpsc::Receiver<RecordedSelection>,
}

/// How many were taken in the second under way.
#[derive(Debug, Default)]
struct Pace {
    second: AtomicI64,
    taken: AtomicU32,
}

/// Both ends.
pub(crate) fn recorder() -> (Recorder, Recording) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    (Recorder { queue: sender, pace: Arc::default() }, Recording { queue: receiver })
}

impl Recorder {
    /// Whether a selection made now is to be recorded.
    pub(crate) fn wants(&self, now_ms: i64) -> bool {
        self.pace.admit(now_ms.div_euclid(1000))
    }

    /// Takes a record, unless the database is so slow that very many wait.
    pub(crate) fn take(&self, selection: RecordedSelection) {
        if self.queue.try_send(selection).is_err() {
            tracing::debug!("a selection is not recorded: too many wait");
        }
    }
}

impl Pace {
    /// Two threads that begin a second at once may count it short by one, which nobody minds.
    fn admit(&self, second: i64) -> bool {
        if self.second.swap(second, Ordering::Relaxed) != second {
            self.taken.store(0, Ordering::Relaxed);
        }
        self.taken.fetch_add(1, Ordering::Relaxed) < MOST_A_SECOND
    }
}

impl Recording {
    /// Writes records until the stop is told, and then those that wait.
    pub(crate) async fn run(mut self, database: Database, stop: Stop) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                () = stop.told() => self.queue.close(),
                _ = self.queue.recv_many(&mut batch, BATCH) => {}
            }
            if self.queue.is_closed() {
                self.queue.recv_many(&mut batch, QUEUE).await;
            }
            let count = batch.len();
            let rows: Vec<_> = batch.drain(..).map(row).collect();
            let written =
                database.write(rows, |conn, rows| Box::pin(store::selections::insert(conn, rows))).await;
            if let Err(error) = written {
                tracing::warn!(%error, count, "selections are not recorded");
            }
            if self.queue.is_closed() {
                return;
            }
        }
    }
}

/// A record as it is stored.
fn row(recorded: RecordedSelection) -> Stored {
    let created_at = millis_of(recorded.time.as_ref());
    Stored { created_at, message: recorded.encode_to_vec(), id: recorded.id }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_a_second_are_taken() {
        let pace = Pace::default();
        let taken = |second| (0..250).filter(|_| pace.admit(second)).count();
        assert_eq!((taken(7), taken(8), taken(8)), (100, 100, 0));
    }
}
