//! Desks. An open stream is the agent's lease. One that breaks may come back in time; then the agent is signed out, its offers
//! go to others, and its contacts are kept for the reconnect grace. A replica that is no longer alive leaves streams that the
//! others close, some at a time.

use super::{
    Absence, Agent, Answer, Desk, Gone, Name, Presence, PresenceReason, Refused, ReplicaId, Stream, StreamId,
    names::AgentId, turn::Turn,
};

/// For how long a replica that opens a stream counts as alive before it says so itself.
const ALIVE_MS: i64 = 15_000;

impl Turn<'_> {
    pub fn connect(&mut self, replica: ReplicaId, stream: StreamId, name: &Name) -> Result<Answer, Refused> {
        let agent = self.agent(name)?;
        if !self.state.replicas.contains_key(&replica) {
            self.state.put_replica(replica, Some(self.now.saturating_add(ALIVE_MS)));
        }
        self.open_stream(replica, stream, agent);
        Ok(Answer::Agent(name.clone()))
    }

    pub fn disconnect(&mut self, stream: StreamId) -> Answer {
        self.close_stream(stream);
        Answer::Done
    }

    pub fn renew(
        &mut self,
        replica: ReplicaId,
        for_ms: i64,
        streams: &[(StreamId, Name)],
        closed: &[StreamId],
    ) -> Answer {
        for stream in closed {
            self.close_stream(*stream);
        }
        self.state.put_replica(replica, Some(self.now.saturating_add(for_ms)));
        // It may have been taken for dead while its database was away. Its streams are open all the same.
        for (stream, name) in streams {
            let agent = self.state.agents.find(name);
            if let Some(agent) = agent.filter(|_| !self.state.streams.contains_key(stream)) {
                self.open_stream(replica, *stream, agent);
            }
        }
        Answer::Done
    }

    /// All desks of the replica have the lease to find another one.
    pub fn leave(&mut self, replica: ReplicaId) -> Answer {
        if self.state.replicas.contains_key(&replica) {
            self.state.put_replica(replica, Some(self.now));
        }
        Answer::Done
    }

    fn open_stream(&mut self, replica: ReplicaId, stream: StreamId, agent: AgentId) {
        self.state.put_stream(stream, Some(Stream { agent, replica }));
        let (now, number) = (self.now, self.number);
        self.change_agent(agent, |row| {
            row.desk = Desk::Connected;
            // Back within the grace: as if it had not been away.
            if let Some(Gone { why: Absence::DeskLost { before }, .. }) = row.gone {
                come_back(row, before, now, number);
            }
        });
    }

    fn close_stream(&mut self, id: StreamId) {
        let Some(agent) = self.state.streams.get(&id).map(|stream| stream.agent) else { return };
        self.state.put_stream(id, None);
        let slot = self.state.agents.get(agent);
        if slot.is_some_and(|slot| slot.counted.streams.is_empty()) {
            let until = self.now.saturating_add(self.state.rules.lease_ms);
            self.change_agent(agent, |row| {
                if row.desk == Desk::Connected {
                    row.desk = Desk::Leased { until };
                }
            });
        }
    }

    /// A stream of a replica that is no longer alive; when there is none left, the replica is forgotten.
    pub fn bury(&mut self, replica: ReplicaId) {
        let stream = self.state.streams_of.get(&replica).and_then(|streams| streams.first().copied());
        match stream {
            Some(stream) => self.close_stream(stream),
            None => self.state.put_replica(replica, None),
        }
    }

    /// The lease has run out: the agent is signed out. What it has is kept for a while.
    pub fn lose(&mut self, agent: AgentId) {
        self.change_agent(agent, |row| row.desk = Desk::Unwatched);
        let Some(slot) = self.state.agents.get(agent) else { return };
        let before = slot.presence();
        if before == Presence::Offline && slot.counted.contacts.is_empty() {
            return;
        }
        self.take_presence(agent, Presence::Offline, PresenceReason::DeskLost);
        let since = self.now;
        self.change_agent(agent, |row| {
            row.gone = row.gone.or(Some(Gone { since, why: Absence::DeskLost { before } }));
        });
        self.let_go(agent);
    }

    /// The grace is over: what the agent had goes back to its place in the line.
    pub fn give_up_on(&mut self, agent: AgentId) {
        self.change_agent(agent, |row| row.gone = None);
        self.end_holds(agent);
        let had = self.assigned_to(agent);
        self.reroute(&had);
    }
}

fn come_back<Q>(row: &mut Agent<Q>, before: Presence, now: i64, number: i64) {
    if row.presence != before {
        row.idle_turn = number;
    }
    (row.presence, row.presence_reason, row.presence_at) = (before, PresenceReason::Set, Some(now));
    row.gone = None;
}
