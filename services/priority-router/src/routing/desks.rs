//! Desks' streams, which are the leases of their agents. Each replica keeps a row that says it is alive, and a row for
//! each stream that it has open; a replica that dies leaves rows that the others clear away.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use segue_core::new_id;
use segue_runtime::Refusal;

use super::{Command, Router, Turn};
use crate::{
    domain::{Action, Agent, Contact, NEVER, Presence, PresenceReason, State},
    error::{Halt, agent_not_found},
    store::{
        agents, contacts,
        leases::{self, DeskStream},
        room::Recount,
    },
};

/// For how long a replica says that it is alive.
const ALIVE_MS: i64 = 15_000;
/// How long before the end it says so again.
const RENEW_MS: i64 = 10_000;

/// The streams of this replica. Only sockets that are open here are in it; what follows from them is in the database.
#[derive(Debug, Clone)]
pub(crate) struct Desks {
    router: Router,
    replica: String,
    open: Arc<Mutex<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    streams: BTreeMap<String, DeskStream>,
    /// Streams that are closed, while it's not sure that the database knows.
    closed: BTreeMap<String, DeskStream>,
    alive_until: i64,
}

impl Desks {
    /// A replica without streams.
    pub(crate) fn new(router: Router) -> Self {
        let replica = new_id("replica", router.clock.now_ms(), &router.random);
        Self { router, replica, open: Arc::default() }
    }

    /// How many streams this replica has open.
    pub(crate) fn open_streams(&self) -> usize {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).streams.len()
    }

    /// Takes note of a stream that was opened.
    pub(crate) async fn connect(&self, agent: &str) -> Result<DeskStream, Refusal> {
        let id = new_id("stream", self.router.clock.now_ms(), &self.router.random);
        let stream = DeskStream { id, agent: agent.to_owned() };
        self.change(|open| drop(open.streams.insert(stream.id.clone(), stream.clone())));
        let connect = Connect { replica: self.replica.clone(), stream: stream.clone() };
        if let Err(refusal) = self.router.decide(connect).await {
            // It may stand nevertheless.
            self.closes(&stream);
            return Err(refusal);
        }
        Ok(stream)
    }

    /// Takes note of a stream that has ended. If that fails it is made up for with the next sign of life.
    pub(crate) async fn disconnect(&self, stream: DeskStream) {
        self.closes(&stream);
        match self.router.decide(Disconnect(stream.clone())).await {
            Ok(()) => self.change(|open| drop(open.closed.remove(&stream.id))),
            Err(refusal) => {
                tracing::warn!(reason = refusal.reason().as_str_name(), "a desk's end is recorded later");
            }
        }
    }

    fn closes(&self, stream: &DeskStream) {
        self.change(|open| {
            open.streams.remove(&stream.id);
            open.closed.insert(stream.id.clone(), stream.clone());
        });
    }

    /// Says that this replica is alive, when it is time to.
    pub(super) async fn renew_if_due(&self) -> Result<(), Refusal> {
        let now_ms = self.router.clock.now_ms();
        if self.change(|open| open.alive_until) - now_ms > RENEW_MS {
            return Ok(());
        }
        let until_ms = now_ms + ALIVE_MS;
        let (streams, closed) = self.change(|open| {
            let of = |streams: &BTreeMap<String, DeskStream>| -> Vec<DeskStream> {
                streams.values().cloned().collect()
            };
            (of(&open.streams), of(&open.closed))
        });
        let renew = Renew {
            replica: self.replica.clone(),
            until_ms,
            streams: streams.clone(),
            closed: closed.clone(),
        };
        self.router.decide(renew).await?;
        self.change(|open| {
            open.alive_until = until_ms;
            for stream in closed {
                open.closed.remove(&stream.id);
            }
            // Those that ended meanwhile may have been recorded as open again.
            for stream in streams {
                if !open.streams.contains_key(&stream.id) {
                    open.closed.insert(stream.id.clone(), stream);
                }
            }
        });
        Ok(())
    }

    /// Leaves in order: all desks have the lease to find another replica.
    pub(super) async fn leave(&self) -> Result<(), Refusal> {
        self.router.decide(Leave(self.replica.clone())).await
    }

    fn change<T>(&self, change: impl FnOnce(&mut Open) -> T) -> T {
        change(&mut self.open.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Connect {
    replica: String,
    stream: DeskStream,
}

struct Disconnect(DeskStream);

struct Renew {
    replica: String,
    until_ms: i64,
    streams: Vec<DeskStream>,
    closed: Vec<DeskStream>,
}

struct Leave(String);

/// A desk has dealt with its events up to one.
#[derive(Debug)]
pub(crate) struct Acknowledge {
    pub agent: String,
    pub seq: i64,
}

impl Command for Connect {
    type Answer = ();

    async fn run(&self, turn: &mut Turn<'_>) -> Result<(), Halt> {
        leases::open(turn.conn, &self.replica, std::slice::from_ref(&self.stream)).await?;
        turn.find_again(&self.stream.agent).await?;
        turn.settle().await
    }
}

impl Command for Disconnect {
    type Answer = ();

    async fn run(&self, turn: &mut Turn<'_>) -> Result<(), Halt> {
        let lease_until = turn.lease_until();
        Ok(leases::close(turn.conn, &self.0, lease_until).await?)
    }
}

impl Command for Renew {
    type Answer = ();

    async fn run(&self, turn: &mut Turn<'_>) -> Result<(), Halt> {
        let lease_until = turn.lease_until();
        for stream in &self.closed {
            leases::close(turn.conn, stream, lease_until).await?;
        }
        let is_known = leases::renew(turn.conn, &self.replica, self.until_ms).await?;
        if !is_known {
            leases::add_replica(turn.conn, &self.replica, self.until_ms).await?;
        }
        // A stream that was opened while its replica left.
        for replica in leases::unknown_replicas(turn.conn).await? {
            turn.bury(&replica).await?;
        }
        if is_known {
            return Ok(());
        }
        // It is new, or was taken for dead while its database was away. Its streams are open all the same.
        leases::open(turn.conn, &self.replica, &self.streams).await?;
        for agent in leases::lost_but_connected(turn.conn, &self.replica).await? {
            turn.find_again(&agent).await?;
        }
        turn.settle().await
    }
}

impl Command for Leave {
    type Answer = ();

    async fn run(&self, turn: &mut Turn<'_>) -> Result<(), Halt> {
        turn.bury(&self.0).await
    }
}

impl Command for Acknowledge {
    type Answer = i64;

    async fn run(&self, turn: &mut Turn<'_>) -> Result<i64, Halt> {
        agents::acknowledge(turn.conn, &self.agent, self.seq).await?;
        let agent = agents::get(turn.conn, &self.agent).await?;
        let agent = agent.ok_or_else(|| agent_not_found("agent", &self.agent))?;
        Ok(agent.last_seq - agent.acknowledged_seq)
    }
}

impl Turn<'_> {
    /// Clears away what a replica has left.
    pub(super) async fn bury(&mut self, replica: &str) -> Result<(), Halt> {
        let lease_until = self.lease_until();
        leases::close_all(self.conn, replica, lease_until).await?;
        Ok(leases::remove_replica(self.conn, replica).await?)
    }

    /// The lease has run out: the agent is signed out. Its offers go to others; what it has is kept for a while.
    pub(super) async fn lose(&mut self, agent: Agent) -> Result<(), Halt> {
        let id = agent.id.clone();
        if !agent.presence.is_signed_in() && agent.open_contacts == 0 {
            return Ok(agents::set_presence(self.conn, &Agent { lease_until: 0, ..agent }).await?);
        }
        let lost = Agent {
            presence_reason: PresenceReason::DeskLost,
            presence_before: agent.presence,
            lost_at: self.now_ms,
            lease_until: 0,
            missed_offers: 0,
            ..agent
        };
        self.set_presence(lost, Presence::Offline).await?;
        self.let_go(&id).await
    }

    /// The grace is over: what the agent had goes back to its place in the line.
    pub(super) async fn give_up_on(&mut self, agent: Agent) -> Result<(), Halt> {
        let id = agent.id.clone();
        let gone = Agent { presence_before: Presence::Offline, lost_at: 0, ..agent };
        agents::set_presence(self.conn, &gone).await?;
        self.end_holds(&id).await?;
        for contact in contacts::in_state(self.conn, &id, State::Assigned).await? {
            let open_to_all = !contact.origin.same_agent_only;
            let contact = Contact { open_to_all, ..contact };
            self.apply(contact, Action::Reroute, "").await?;
        }
        Ok(())
    }

    /// A desk is back within the grace: as if it had not been away.
    async fn find_again(&mut self, id: &str) -> Result<(), Halt> {
        let agent = agents::get(self.conn, id).await?.ok_or_else(|| agent_not_found("agent", id))?;
        if agent.lost_at == 0 {
            return Ok(());
        }
        let (presence, lease_until) = (agent.presence_before, NEVER);
        let found = Agent { presence_reason: PresenceReason::Set, lost_at: 0, lease_until, ..agent };
        self.set_presence(found, presence).await?;
        self.recount(id, Recount::Quiet).await
    }

    fn lease_until(&self) -> i64 {
        self.now_ms.saturating_add(self.rules.lease_ms)
    }
}
