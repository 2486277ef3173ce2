//! What the database knows for selections, read by one statement for all that wait at the same time.
//!
//! A selection that comes alone is read for at once. While all lanes are busy those that come wait for the first that is free, which takes
//! them all. Each is read for after it has come, so that it sees whatever was committed before.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::AssertUnwindSafe,
    sync::Arc,
};

use futures::FutureExt as _;
use segue_core::{AccountRef, SharedClock};
use segue_store::{Conn, Database, StoreError};
use tokio::sync::{Mutex, mpsc, oneshot};

use super::{Catalog, Snapshot};
use crate::store;

/// Statements at a time.
const LANES: usize = 2;
/// Most selections in one statement.
const MOST: usize = 64;
/// Most hashes in one statement: the accounts of a customer must be of one moment.
const MOST_HASHES: usize = 256;
/// Most that wait for a lane; the server takes fewer calls at a time.
const QUEUE: usize = 4096;

/// A customer's accounts: platform to all that match.
pub(crate) type Accounts = BTreeMap<String, BTreeSet<AccountRef>>;

/// How full platforms are, by id.
pub(crate) type Loads = Arc<BTreeMap<String, i32>>;

/// Reads for selections.
#[derive(Debug, Clone)]
pub(crate) struct Lookups {
    queue: mpsc::Sender<Waiting>,
}

/// What the database knows for a selection.
#[derive(Debug)]
pub(crate) struct Found {
    /// At least as new as the accounts.
    pub(crate) catalog: Arc<Snapshot>,
    pub(crate) accounts: Accounts,
    /// How full platforms are; read only where some platform loses by that.
    pub(crate) loads: Loads,
}

#[derive(Debug)]
struct Waiting {
    hashes: Vec<String>,
    answer: oneshot::Sender<Result<Found, StoreError>>,
}

/// The state of the catalogue, the accounts of each, and the loads.
type Read = (Arc<Snapshot>, Vec<Accounts>, Loads);

/// Reads for those that wait.
struct Lane {
    database: Database,
    catalog: Arc<Catalog>,
    clock: SharedClock,
    queue: Arc<Mutex<mpsc::Receiver<Waiting>>>,
}

impl Lookups {
    /// Starts the lanes, which end with the last handle.
    pub(crate) fn start(database: &Database, catalog: &Arc<Catalog>, clock: &SharedClock) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..LANES {
            let (database, catalog, clock) = (database.clone(), catalog.clone(), clock.clone());
            tokio::spawn(Lane { database, catalog, clock, queue: receiver.clone() }.run());
        }
        Self { queue: sender }
    }

    /// Reads what is known of the customer to whom the hashes belong.
    pub(crate) async fn find(&self, hashes: Vec<String>) -> Result<Found, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.queue.send(Waiting { hashes, answer }).await.map_err(|_| StoreError::Unavailable)?;
        answered.await.map_err(|_| StoreError::Unavailable)?
    }
}

impl Lane {
    async fn run(self) {
        let mut waiting = Vec::with_capacity(MOST);
        while self.queue.lock().await.recv_many(&mut waiting, MOST).await > 0 {
            // Whose caller has gone away needs no answer.
            waiting.retain(|one| !one.answer.is_closed());
            while !waiting.is_empty() {
                let together = waiting.drain(..fitting(&waiting)).collect();
                self.answer(together).await;
            }
        }
    }

    /// Reads for some at once. When that fails each is read for alone, as one of them may be what it failed for; but for a database that
    /// does not answer each would wait.
    async fn answer(&self, mut together: Vec<Waiting>) {
        let hashes: Vec<Vec<String>> =
            together.iter_mut().map(|one| std::mem::take(&mut one.hashes)).collect();
        match self.read_guarded(&hashes).await {
            Ok((catalog, accounts, loads)) => {
                for (one, accounts) in together.into_iter().zip(accounts) {
                    let found = Found { catalog: catalog.clone(), accounts, loads: loads.clone() };
                    drop(one.answer.send(Ok(found)));
                }
            }
            Err(error) if error == StoreError::Unavailable || together.len() == 1 => {
                together.into_iter().for_each(|one| drop(one.answer.send(Err(error))));
            }
            Err(_) => {
                for (mut one, hashes) in together.into_iter().zip(hashes) {
                    one.hashes = hashes;
                    Box::pin(self.answer(vec![one])).await;
                }
            }
        }
    }

    /// A lane that ended with a panic would be missed by all selections.
    async fn read_guarded(&self, hashes: &[Vec<String>]) -> Result<Read, StoreError> {
        AssertUnwindSafe(self.read(hashes)).catch_unwind().await.unwrap_or_else(|_| {
            tracing::error!("reading for selections panicked");
            Err(StoreError::Failed)
        })
    }

    async fn read(&self, hashes: &[Vec<String>]) -> Result<Read, StoreError> {
        let now_ms = self.clock.now_ms();
        let read = async |conn: &mut Conn| {
            let (version, accounts) = store::directory::accounts_of_each(conn, hashes).await?;
            let catalog = self.catalog.since(conn, version).await?;
            let loads = if catalog.counts_load {
                store::loads::current(conn, now_ms).await?
            } else {
                BTreeMap::new()
            };
            Ok((catalog, accounts, Arc::new(loads)))
        };
        self.database.read(read).await
    }
}

/// How many of the first fit into one statement; one at least.
fn fitting(waiting: &[Waiting]) -> usize {
    let sums = waiting.iter().scan(0, |hashes, one| {
        *hashes += one.hashes.len();
        Some(*hashes)
    });
    sums.take_while(|hashes| *hashes <= MOST_HASHES).count().clamp(1, waiting.len().max(1))
}

#[cfg(test)]
mod tests {
    use segue_core::SystemClock;
    use segue_store::Settings;

    use super::*;

    fn waiting(hashes: &[String]) -> (Waiting, oneshot::Receiver<Result<Found, StoreError>>) {
        let (answer, answered) = oneshot::channel();
        (Waiting { hashes: hashes.to_vec(), answer }, answered)
    }

    fn fits(counts: &[usize]) -> usize {
        let all: Vec<Waiting> = counts.iter().map(|count| waiting(&vec![String::new(); *count]).0).collect();
        fitting(&all)
    }

    #[test]
    fn a_statement_has_whole_customers_and_so_many_hashes() {
        assert_eq!(fits(&[1; 64]), 64);
        assert_eq!(fits(&[100, 100, 56, 1]), 3);
        assert_eq!(fits(&[0, MOST_HASHES, 0, 1]), 3);
        assert_eq!(fits(&[MOST_HASHES + 1, 1]), 1, "else it would never be read for");
        assert_eq!(fits(&[1, MOST_HASHES]), 1);
    }
    #[tokio::test]
    async fn those_that_wait_are_read_for_together() {
        let settings = Settings::of_url("sqlite::memory:");
        let database = Database::open(&settings, segue_store::migrations!()).await.unwrap();
        let (sender, receiver) = mpsc::channel(QUEUE);
        let mut answers = vec![];
        for customer in 0..5 {
            let hashes: Vec<String> = (0..100).map(|number| format!("{customer}-{number}")).collect();
            let (waiting, answered) = waiting(&hashes);
            sender.send(waiting).await.unwrap();
            answers.push(answered);
        }
        drop(sender);
        let queue = Arc::new(Mutex::new(receiver));
        Lane { database, catalog: Arc::default(), clock: Arc::new(SystemClock), queue }.run().await;
        let mut loads = vec![];
        for answered in answers {
            loads.push(answered.await.unwrap().unwrap().loads);
        }
        // What was read beside the accounts is one thing for all of a statement, which has 256 hashes at most.
        let are_together: Vec<bool> = loads.windows(2).map(|two| Arc::ptr_eq(&two[0], &two[1])).collect();
        assert_eq!(are_together, [true, false, true, false]);
    }
}
