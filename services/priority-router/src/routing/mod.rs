//! Routing decisions, each a transaction that holds the routing lock (ADR 0003). To add one, make a [`Command`] of its
//! parsed request: check everything first, then change what the request changes, then let [`Turn::settle`] give out what
//! became free. docs/routing.md tells the rules.

mod agents;
mod contacts;
mod desks;
mod dispatch;
mod priority;
mod purge;
mod service_list;
mod settle;
mod sweep;

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
};

use segue_core::{Random, SharedClock};
use segue_runtime::Refusal;
use segue_store::{
    Conn, Database, StoreError,
    audit::{self, Change},
    requests::{self, Begun, RequestKey},
};

pub(crate) use agents::{AgentView, FinishWrapUp, PutAgent, SetPresence, view, views};
pub(crate) use contacts::{Abandon, Accept, Complete, Decline, OfAgent, Submit};
pub(crate) use desks::{Acknowledge, Desks};
pub(crate) use priority::SetPriority;
pub(crate) use service_list::{Admit, PutEntry, Release};
pub(crate) use sweep::sweep_until;

use crate::{
    domain::{Place, Rules},
    error::Halt,
    metrics::{Metrics, Tally},
    store,
};

/// Makes decisions. It holds nothing that is not in the database.
#[derive(Debug, Clone)]
pub(crate) struct Router {
    pub database: Database,
    pub clock: SharedClock,
    pub random: Random,
    pub rules: Rules,
    pub metrics: Metrics,
}

/// A transaction that holds the routing lock.
pub(crate) struct Turn<'c> {
    conn: &'c mut Conn,
    now_ms: i64,
    number: i64,
    rules: Rules,
    /// Agents who may be able to take more than before.
    freed: BTreeSet<String>,
    /// Waiting contacts that more agents may be able to take than before, by their place in the line.
    arrived: BTreeMap<Place, String>,
    /// Handoffs that wait for their agent since this turn.
    expected: BTreeMap<Place, String>,
    /// What is to be counted once this is committed.
    tally: Tally,
    /// What an administrative act has changed, for the audit log.
    change: Option<Change>,
}

/// A decision to be made.
pub(crate) trait Command: Send + Sync + 'static {
    /// What comes of it.
    type Answer: Send + 'static;

    /// Makes it. A refusal must come before the first write.
    fn run(&self, turn: &mut Turn<'_>) -> impl Future<Output = Result<Self::Answer, Halt>> + Send;
}

impl<'c> Turn<'c> {
    /// Takes the routing lock.
    async fn take(conn: &'c mut Conn, now_ms: i64, rules: Rules) -> Result<Self, StoreError> {
        let number = store::take_turn(conn).await?;
        let (freed, arrived, expected, tally, change) = Default::default();
        Ok(Self { conn, now_ms, number, rules, freed, arrived, expected, tally, change })
    }
}

impl Router {
    /// Makes a decision that is idempotent in itself.
    pub(crate) async fn decide<C: Command>(&self, command: C) -> Result<C::Answer, Refusal> {
        let (now_ms, rules) = (self.clock.now_ms(), self.rules);
        let (decided, tally) = self
            .database
            .write(command, move |conn, command| {
                Box::pin(async move {
                    let mut turn = Turn::take(conn, now_ms, rules).await?;
                    let decided = refused_or_failed(command.run(&mut turn).await)?;
                    Ok((decided, turn.tally))
                })
            })
            .await?;
        self.metrics.count(tally);
        decided
    }

    /// Makes a decision once for its request id, and answers the same when it is asked for again.
    pub(crate) async fn decide_once<C, M>(
        &self,
        key: RequestKey,
        command: C,
        to_wire: fn(C::Answer) -> M,
    ) -> Result<M, Refusal>
    where
        C: Command,
        M: prost::Message + Default + 'static,
    {
        let (now_ms, rules) = (self.clock.now_ms(), self.rules);
        let (answered, tally) = self
            .database
            .write((command, key), move |conn, (command, key)| {
                Box::pin(async move {
                    // The lock before the claim: two replicas with the same request would else wait for each other.
                    let mut turn = Turn::take(conn, now_ms, rules).await?;
                    match requests::begin(turn.conn, key, now_ms).await? {
                        Begun::Done(encoded) => return Ok((Ok(encoded), turn.tally)),
                        Begun::Reused => return Ok((Err(Refusal::request_id_reused()), turn.tally)),
                        Begun::Fresh => {}
                    }
                    match refused_or_failed(command.run(&mut turn).await)? {
                        Ok(answer) => {
                            let encoded = to_wire(answer).encode_to_vec();
                            requests::finish(turn.conn, key, &encoded).await?;
                            if let Some(change) = turn.change.take() {
                                audit::append(turn.conn, &change.by(key, now_ms)).await?;
                            }
                            Ok((Ok(encoded), turn.tally))
                        }
                        Err(refusal) => {
                            requests::forget(turn.conn, key).await?;
                            Ok((Err(refusal), turn.tally))
                        }
                    }
                })
            })
            .await?;
        self.metrics.count(tally);
        M::decode(answered?.as_slice()).map_err(|_| StoreError::Failed.into())
    }
}

fn refused_or_failed<T>(decided: Result<T, Halt>) -> Result<Result<T, Refusal>, StoreError> {
    match decided {
        Ok(answer) => Ok(Ok(answer)),
        Err(Halt::Refused(refusal)) => Ok(Err(refusal)),
        Err(Halt::Store(error)) => Err(error),
    }
}
