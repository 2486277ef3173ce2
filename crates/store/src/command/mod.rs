//! Commands: decisions that a service makes one after the other, in batches.
//!
//! A [`Decider`] has what is decided upon in memory. The commands that wait at the same time are decided together: one
//! transaction takes the lock that makes decisions take turns and learns what other replicas have decided; commands that came while
//! it waited for the lock join those that began it. It decides, writes what has changed together with what is kept of the answers
//! ([`Recorder`]), and commits. Then the callers are answered. On PostgreSQL that is three times waiting for an answer: for the lock,
//! for the changes and for the commit. All statements of it go over a connection of its own, which no reader can take, and within a
//! limit of time: a server that vanished without a word answers nothing, not even that it has.
//!
//! Whether requests were made before ([`crate::requests`]) is not asked first, as it is rare: the statement that keeps an answer
//! finds it out, and then the batch is decided again without those that are known.
//!
//! A batch that fails for one of its commands is taken apart, and each is decided alone. A commit whose answer was lost is looked
//! for under the lock, so callers are told the truth; only while that can't be found out is it [`StoreError::Unavailable`].
//!
//! To decide something in this way, implement [`Decider`] and start it with [`crate::Database::decide`].

mod decide;
mod link;
mod queue;
mod recorder;
mod run;

use std::future::Future;

use tokio::sync::{mpsc, oneshot};
use tracing::Instrument as _;

pub(crate) use link::Link;
pub(crate) use queue::Queue;
pub use recorder::Recorder;
pub(crate) use run::Runner;
use sqlx::any::AnyRow;

use crate::{Conn, StoreError, audit::Change, metrics::DatabaseMetrics, requests::RequestKey};

/// Commands and looks that wait.
const QUEUE: usize = 4096;

/// What makes decisions.
pub trait Decider: Send + 'static {
    /// What is to be decided.
    type Command: Send + Sync + 'static;
    /// What comes of it.
    type Answer: Send + 'static;

    /// The statements that begin a turn in which at most so many commands will be decided. They take the lock, and read what is needed to
    /// learn what others have decided. They are sent together with BEGIN, and so have no parameters.
    fn opening(&mut self, most: usize) -> String;

    /// Begins the turn, with the rows that the opening answered. The time of the turn is read after the lock was taken.
    fn begin(
        &mut self,
        conn: &mut Conn,
        opened: Vec<AnyRow>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The time of the turn.
    fn now_ms(&self) -> i64;

    /// Decides the commands in their order, has what has changed written by the recorder, and answers.
    fn decide(
        &mut self,
        conn: &mut Conn,
        commands: &[&Self::Command],
        recorder: &mut Recorder<'_>,
    ) -> impl Future<Output = Result<Vec<Self::Answer>, StoreError>> + Send;

    /// Whether the turn whose commit was not answered stands. Asked in a transaction of its own, it waits for the lock first, since a
    /// commit may still be under way.
    fn stands(&mut self, conn: &mut Conn) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// The turn is over.
    fn end(&mut self, outcome: Outcome);

    /// Learns what others have decided, without a turn. Where nobody else can have decided anything it asks nothing.
    fn refresh(&mut self, conn: &mut Conn) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// What was decided.
#[derive(Debug, Default)]
pub struct Decided {
    /// What the same request is answered with when it is made again; none for a refusal, which may be made again.
    pub kept: Option<Vec<u8>>,
    /// What an administrative act has changed, for the audit log.
    pub change: Option<Change>,
    /// Whether anything was written. A turn in which nothing was is not committed.
    pub wrote: bool,
}

/// How a turn has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It stands.
    Committed,
    /// Nothing of it stands.
    RolledBack,
    /// It can't be found out, or deciding has panicked: what is remembered may be wrong.
    Unknown,
}

/// What a caller is answered.
#[derive(Debug)]
pub enum Reply<A> {
    /// It was decided now.
    Decided(A),
    /// The same request was answered before; this was kept of the answer.
    Repeated(Vec<u8>),
    /// The request's id was used with other content.
    Reused,
}

/// A command, and who waits for its answer.
pub(crate) struct Asked<D: Decider> {
    pub key: Option<RequestKey>,
    pub command: D::Command,
    pub reply: oneshot::Sender<Result<Reply<D::Answer>, StoreError>>,
}

impl<D: Decider> Asked<D> {
    /// What tells the request from all others; nothing for a command that is no request's.
    fn name(&self) -> &str {
        self.key.as_ref().map_or("", RequestKey::name)
    }
}

/// Something to be read of the decider between two turns.
pub(crate) struct Look<D> {
    /// Whether what others have decided meanwhile must be in it.
    pub fresh: bool,
    pub read: Read<D>,
}

type Read<D> = Box<dyn FnOnce(Result<&mut D, StoreError>) + Send>;

pub(crate) enum Item<D: Decider> {
    Ask(Asked<D>),
    Look(Look<D>),
}

/// The way to a decider. Cloning is cheap.
pub struct Commands<D: Decider> {
    queue: mpsc::Sender<Item<D>>,
    metrics: std::sync::Arc<DatabaseMetrics>,
}

impl<D: Decider> Commands<D> {
    pub(crate) fn new(metrics: std::sync::Arc<DatabaseMetrics>) -> (Self, mpsc::Receiver<Item<D>>) {
        let (queue, items) = mpsc::channel(QUEUE);
        (Self { queue, metrics }, items)
    }

    /// Has a command decided, and answers once that is durable. With the key of a request it is decided once, and answered again
    /// when it is asked for again.
    ///
    /// [`StoreError::Unavailable`] leaves open whether it was decided; all other errors mean that it was not.
    pub async fn ask(
        &self,
        key: Option<RequestKey>,
        command: D::Command,
    ) -> Result<Reply<D::Answer>, StoreError> {
        let (reply, answer) = oneshot::channel();
        let asking = async {
            let asked = Item::Ask(Asked { key, command, reply });
            self.queue.send(asked).await.map_err(|_| StoreError::Unavailable)?;
            answer.await.map_err(|_| StoreError::Unavailable)?
        };
        match self.metrics.write_span() {
            Some(span) => asking.instrument(span).await,
            None => asking.await,
        }
    }

    /// Reads something of the decider, as of now: what any replica has answered before is in it.
    pub async fn look<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut D) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        self.read(true, read).await
    }

    /// Reads something of the decider, as it is: what other replicas have just answered may not be in it yet. It asks the
    /// database nothing.
    pub async fn peek<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut D) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        self.read(false, read).await
    }

    async fn read<T: Send + 'static>(
        &self,
        fresh: bool,
        read: impl FnOnce(&mut D) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let read: Read<D> = Box::new(move |decider| {
            // Who asked may have gone.
            drop(reply.send(decider.map(read)));
        });
        let look = Item::Look(Look { fresh, read });
        self.queue.send(look).await.map_err(|_| StoreError::Unavailable)?;
        answer.await.map_err(|_| StoreError::Unavailable)?
    }
}

impl<D: Decider> Clone for Commands<D> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone(), metrics: self.metrics.clone() }
    }
}

impl<D: Decider> std::fmt::Debug for Commands<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Commands").finish_non_exhaustive()
    }
}
