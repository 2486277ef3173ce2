//! The streams of this replica, which are the leases of their agents. Only sockets that are open here are in it; what follows from
//! them is decided. Each replica says that it is alive, in one row, however many streams it has.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;
use segue_core::new_id;
use segue_runtime::Refusal;

use super::{Command, Router};
use crate::domain::{self, Name, ReplicaId, StreamId};

/// For how long a replica says that it is alive.
const ALIVE_MS: i64 = 15_000;
/// How long before the end it says so again.
const RENEW_MS: i64 = 10_000;

/// The streams of this replica.
#[derive(Debug, Clone)]
pub(crate) struct Desks {
    router: Router,
    replica: ReplicaId,
    open: Arc<Mutex<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    streams: BTreeMap<StreamId, Name>,
    /// Streams that are closed, while it's not sure that the others know.
    closed: Vec<StreamId>,
    alive_until: i64,
}

/// A stream that is not open yet. Dropped before it is, it is closed.
struct Opening<'d> {
    desks: &'d Desks,
    stream: Option<StreamId>,
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        if let Some(stream) = self.stream {
            self.desks.closes(stream);
        }
    }
}

impl Desks {
    /// A replica without streams.
    pub(crate) fn new(router: Router) -> Self {
        let replica = new_id("replica", router.now_ms(), &router.random);
        let replica = replica.parse().unwrap_or(ReplicaId(0));
        Self { router, replica, open: Arc::default() }
    }

    /// How many streams this replica has open.
    pub(crate) fn open_streams(&self) -> usize {
        self.open.lock().streams.len()
    }

    /// Takes note of a stream that was opened.
    pub(crate) async fn connect(&self, agent: &Name) -> Result<StreamId, Refusal> {
        let stream = new_id("stream", self.router.now_ms(), &self.router.random);
        let stream = stream.parse().unwrap_or(StreamId(0));
        self.change(|open| drop(open.streams.insert(stream, agent.clone())));
        // Should it be refused, or its caller go meanwhile: it may stand nevertheless.
        let mut opening = Opening { desks: self, stream: Some(stream) };
        let connect = domain::Command::Connect { replica: self.replica, stream, agent: agent.clone() };
        self.router.decide(Command::new(connect)).await?;
        opening.stream = None;
        Ok(stream)
    }

    /// Takes note of a stream that has ended. If that fails it is made up for with the next sign of life.
    pub(crate) async fn disconnect(&self, stream: StreamId) {
        self.closes(stream);
        match self.router.decide(Command::new(domain::Command::Disconnect { stream })).await {
            Ok(_) => self.change(|open| open.closed.retain(|closed| *closed != stream)),
            Err(refusal) => {
                tracing::warn!(reason = refusal.reason().as_str_name(), "a desk's end is recorded later");
            }
        }
    }

    fn closes(&self, stream: StreamId) {
        self.change(|open| {
            open.streams.remove(&stream);
            open.closed.push(stream);
        });
    }

    /// Says that this replica is alive, when it is time to.
    pub(crate) async fn renew_if_due(&self) -> Result<(), Refusal> {
        let now_ms = self.router.now_ms();
        if self.change(|open| open.alive_until) - now_ms > RENEW_MS {
            return Ok(());
        }
        let (streams, closed) = self.change(|open| (open.streams.clone(), open.closed.clone()));
        let renew = domain::Command::Renew {
            replica: self.replica,
            for_ms: ALIVE_MS,
            streams: streams.iter().map(|(stream, agent)| (*stream, agent.clone())).collect(),
            closed: closed.clone(),
        };
        self.router.decide(Command::new(renew)).await?;
        self.change(|open| {
            open.alive_until = now_ms.saturating_add(ALIVE_MS);
            open.closed.retain(|stream| !closed.contains(stream));
            // Those that ended meanwhile may have been recorded as open again.
            let ended = streams.into_keys().filter(|stream| !open.streams.contains_key(stream));
            let ended: Vec<StreamId> = ended.collect();
            open.closed.extend(ended);
        });
        Ok(())
    }

    /// Leaves in order: all desks have the lease to find another replica.
    pub(crate) async fn leave(&self) -> Result<(), Refusal> {
        self.router.decide(Command::new(domain::Command::Leave { replica: self.replica })).await.map(drop)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Open) -> T) -> T {
        change(&mut self.open.lock())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::FutureExt as _;
    use segue_core::{ManualClock, Random};
    use segue_store::{Database, Settings, migrations};

    use super::*;
    use crate::domain::{Abilities, AgentView, Leaving, Presence, PresenceReason, Rules};

    async fn desks(clock: &Arc<ManualClock>) -> Desks {
        let database = Database::open(&Settings::of_url("sqlite::memory:"), migrations!()).await.unwrap();
        let router =
            Router::start(database, clock.clone(), Random::seeded(1), Rules::default()).await.unwrap();
        Desks::new(router)
    }

    /// An agent who is available and has no stream.
    async fn sign_in(desks: &Desks, agent: &Name) {
        let abilities = Arc::new(Abilities {
            display_name: "".into(),
            capacity_units: 100,
            skills: Default::default(),
            platforms: Default::default(),
        });
        let (presence, leaving) = (Presence::Available, Leaving::AfterGrace);
        for what in [
            domain::Command::PutAgent { agent: agent.clone(), abilities },
            domain::Command::SetPresence { agent: agent.clone(), presence, leaving },
        ] {
            desks.router.decide(Command::new(what)).await.unwrap();
        }
    }

    async fn seen(desks: &Desks, agent: &Name) -> AgentView {
        desks.router.agent(agent).await.unwrap().unwrap().view
    }

    /// The call has asked for its decision and ends before the answer: the stream stands, and nobody reads it.
    #[tokio::test]
    async fn a_stream_whose_call_is_cut_off_while_it_opens_leaves_no_lease() {
        let clock = ManualClock::starting_at(1_700_000_000_000);
        let (desks, agent) = (desks(&clock).await, Name::from("a"));
        sign_in(&desks, &agent).await;
        assert!(desks.connect(&agent).now_or_never().is_none());
        assert!(seen(&desks, &agent).await.is_connected(), "it was decided all the same");
        desks.renew_if_due().await.unwrap();
        assert!(!seen(&desks, &agent).await.is_connected());
        assert_eq!(desks.open_streams(), 0);

        clock.advance(Duration::from_millis(Rules::default().lease_ms.unsigned_abs()));
        let due = domain::Command::Due { most: 10 };
        desks.router.decide(Command::new(due)).await.unwrap();
        let found = seen(&desks, &agent).await.agent;
        assert_eq!((found.presence, found.presence_reason), (Presence::Offline, PresenceReason::DeskLost));
    }

    #[tokio::test]
    async fn a_stream_that_is_refused_is_not_open() {
        let desks = desks(&ManualClock::starting_at(1_700_000_000_000)).await;
        assert!(desks.connect(&"nobody".into()).await.is_err());
        assert_eq!(desks.open_streams(), 0);
    }
}
