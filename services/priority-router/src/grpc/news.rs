//! One reader per process tells the streams what is new, instead of each stream asking at each commit: with ten thousand
//! desks that would be ten thousand reads a commit.
//!
//! It is woken by commits, here or at another replica, and reads which contacts and agents the turns since the last one
//! concern. A wake-up that is lost costs the polling interval, nothing else: the turns are in the database.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use segue_runtime::Stop;
use segue_store::{Database, StoreError};
use tokio::sync::watch;

use crate::store::events;

/// How soon what other replicas did is seen without a notification.
const POLL: Duration = Duration::from_millis(500);
/// Events read at a time.
const BATCH: i64 = 1000;
/// After how many topics those without a listener are cleared away.
const CLEAR_EVERY: usize = 1024;

/// What a stream is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Topic {
    Agent(String),
    Contact(String),
}

/// Who wants to know of what.
#[derive(Debug, Clone, Default)]
pub(crate) struct News(Arc<Mutex<Topics>>);

#[derive(Debug, Default)]
struct Topics {
    senders: HashMap<Topic, watch::Sender<()>>,
    made_since_cleared: usize,
}

/// One stream's part of it.
#[derive(Debug)]
pub(super) struct Listener(watch::Receiver<()>);

impl News {
    /// Listens from now on: what happens after this call wakes, so call it before reading.
    pub(super) fn listen(&self, topic: Topic) -> Listener {
        let mut topics = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        topics.made_since_cleared += 1;
        if topics.made_since_cleared >= CLEAR_EVERY.max(topics.senders.len()) {
            topics.senders.retain(|_, sender| sender.receiver_count() > 0);
            topics.made_since_cleared = 0;
        }
        Listener(topics.senders.entry(topic).or_default().subscribe())
    }

    /// Reads what is new until the stop is told.
    pub(crate) async fn follow(self, database: Database, stop: Stop) {
        let mut changes = database.changes();
        let mut turn = None;
        loop {
            turn = match self.pass_on(&database, turn).await {
                Ok(turn) => Some(turn),
                // Tried again at the next poll; the store has logged it.
                Err(_) => turn,
            };
            tokio::select! {
                () = stop.told() => return,
                () = changes.wait(POLL) => {}
            }
        }
    }

    /// Wakes those whom events since a turn concern, and answers the turn to go on after.
    async fn pass_on(&self, database: &Database, since: Option<i64>) -> Result<i64, StoreError> {
        let mut conn = database.read().await?;
        let Some(mut turn) = since else { return events::last_turn(&mut conn).await };
        loop {
            let mut found = events::since_turn(&mut conn, turn, BATCH).await?;
            let is_all = i64::try_from(found.len()).unwrap_or(BATCH) < BATCH;
            if let Some(last) = found.last().map(|last| last.turn)
                && !is_all
                && found.first().is_some_and(|first| first.turn < last)
            {
                // The last turn may go on beyond the batch.
                found.retain(|event| event.turn < last);
            }
            turn = found.last().map_or(turn, |last| last.turn);
            let topics = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            for event in found {
                topics.wake(&Topic::Contact(event.contact_id));
                topics.wake(&Topic::Agent(event.agent));
            }
            if is_all {
                return Ok(turn);
            }
        }
    }
}

impl Topics {
    fn wake(&self, topic: &Topic) {
        if let Some(sender) = self.senders.get(topic) {
            sender.send_replace(());
        }
    }
}

impl Listener {
    /// Waits for news, or at most so long.
    pub(super) async fn wait(&mut self, most: Duration) {
        // Neither the end of the wait nor of the sender is an error: the caller reads in any case.
        drop(tokio::time::timeout(most, self.0.changed()).await);
    }
}
