use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt as _;
use sqlx::Executor as _;
use tokio::time::{Instant, error::Elapsed, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::{
    Asked, Decider, Link, Look, Outcome, Queue, Reply,
    decide::{Answers, Attempt, decide},
};
use crate::{
    Conn, StoreError,
    health::Health,
    metrics::{DatabaseMetrics, Operation},
    notify::{Changes, Signals},
};

/// How long a turn may take, with its commit.
const TURN_LIMIT: Duration = Duration::from_secs(8);
/// For how long the truth about a commit is looked for, while its callers wait.
const TRUTH_LIMIT: Duration = Duration::from_secs(10);
/// Within which callers are told, whatever has become of their turn: health says so in about the same time.
const TOLD_LIMIT: Duration = Duration::from_secs(14);
/// How often contended work is done again.
const ATTEMPTS: u32 = 8;
/// After the first of them; it doubles.
const PAUSE: Duration = Duration::from_millis(1);
/// Within this time a connection that was closed by its server has said so.
const STALE_LIMIT: Duration = Duration::from_secs(1);
/// Between looks for the truth.
const TRUTH_PAUSE: Duration = Duration::from_millis(200);
/// How soon what others have decided is learnt when no notification tells of it.
const POLL: Duration = Duration::from_millis(500);

/// Runs a decider.
pub(crate) struct Runner<D: Decider> {
    pub decider: D,
    pub queue: Queue<D>,
    pub link: Link,
    pub signals: Arc<Signals>,
    /// Tells of other replicas' commits.
    pub others: Changes,
    pub metrics: Arc<DatabaseMetrics>,
    pub health: Health,
    pub stop: CancellationToken,
    /// In how many turns it is still asked which requests are known.
    pub asking_turns: u32,
    /// When the last turn began.
    pub turn_began: Instant,
    /// Whether the turn under way has panicked: what the decider remembers may be half changed.
    pub has_panicked: bool,
}

/// In how many turns it is asked which requests are known, after one was. Who repeats requests after an outage does not come alone.
const ASKING_TURNS: u32 = 100;

/// Why a turn does not stand, by what may be done next.
enum Aborted<A> {
    /// It was rolled back, as some of its requests had been made before.
    MetKnown,
    /// It did not begin, or did not get the lock: no command is to blame, and each alone would meet the same.
    NotBegun(StoreError),
    /// It was rolled back for certain.
    RolledBack(StoreError),
    /// The answer to the commit was lost. These are the answers, should it stand.
    Unknown(Vec<Reply<A>>),
}

impl<A> Aborted<A> {
    fn error(&self) -> StoreError {
        match self {
            Self::NotBegun(error) | Self::RolledBack(error) => *error,
            Self::MetKnown => StoreError::Contended,
            Self::Unknown(_) => StoreError::Unavailable,
        }
    }
}

impl<D: Decider> Drop for Runner<D> {
    fn drop(&mut self) {
        // Nothing is decided any more: the database is being closed, or the decider has panicked.
        self.health.decider(false);
    }
}

impl<D: Decider> Runner<D> {
    pub(crate) async fn run(mut self) {
        // By then what others have decided is learnt, also while there is always something to show.
        let mut refresh_at = Instant::now() + POLL;
        loop {
            let poll = refresh_at.saturating_duration_since(Instant::now());
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                received = self.queue.receive() => if !received { break },
                () = self.others.wait(poll) => {}
            }
            self.queue.gather().await;
            // Nothing that came in means that others may have decided something.
            let is_idle = self.queue.is_empty();
            let is_due = is_idle || Instant::now() >= refresh_at;
            let is_fresh = !self.queue.asked.is_empty() && self.decide_some().await.is_ok();
            if self.show(is_fresh, is_due).await {
                refresh_at = Instant::now() + POLL;
            }
        }
        self.link.give_up().await;
    }

    /// Decides a batch of what waits. When it goes well the decider knows all that was decided before.
    async fn decide_some(&mut self) -> Result<(), StoreError> {
        let mut batch = vec![];
        self.queue.join(&mut batch);
        let outcome = self.decide_batch(batch).await;
        if outcome == Err(StoreError::Unavailable) {
            // The others would meet the same, and wait for it once more.
            refuse(self.queue.take_asked(), StoreError::Unavailable);
        }
        outcome
    }

    async fn decide_batch(&mut self, mut batch: Vec<Asked<D>>) -> Result<(), StoreError> {
        let first = Attempt { joins: true, asks: self.asking_turns > 0 };
        self.asking_turns = self.asking_turns.saturating_sub(1);
        let mut turn = self.turn(&mut batch, first).await;
        if matches!(turn, Err(Aborted::MetKnown)) {
            self.asking_turns = ASKING_TURNS;
            turn = self.turn(&mut batch, Attempt::AGAIN).await;
        }
        match turn {
            Ok(answers) => {
                answer(batch, answers);
                Ok(())
            }
            // Each alone would meet the same, and take as long.
            Err(Aborted::RolledBack(StoreError::Unavailable)) => {
                refuse(batch, StoreError::Unavailable);
                Err(StoreError::Unavailable)
            }
            // Also one alone: a request that was made before may fail where it would be answered.
            Err(Aborted::RolledBack(_)) => self.decide_one_by_one(batch, true).await,
            Err(Aborted::Unknown(answers)) => self.find_out(batch, answers, true).await,
            Err(aborted @ (Aborted::NotBegun(_) | Aborted::MetKnown)) => {
                refuse(batch, aborted.error());
                Err(aborted.error())
            }
        }
    }

    async fn decide_one_by_one(
        &mut self,
        batch: Vec<Asked<D>>,
        may_be_decided_again: bool,
    ) -> Result<(), StoreError> {
        let (mut outcome, mut gone) = (Ok(()), None);
        for one in batch {
            let mut one = vec![one];
            // Waiting for a dead database once for each of a batch would take minutes.
            let turn = match gone {
                Some(error) => Err(Aborted::NotBegun(error)),
                None => self.turn_until_uncontended(&mut one).await,
            };
            outcome = match turn {
                Ok(answers) => {
                    answer(one, answers);
                    Ok(())
                }
                Err(aborted @ (Aborted::RolledBack(_) | Aborted::NotBegun(_) | Aborted::MetKnown)) => {
                    let error = aborted.error();
                    gone = (error == StoreError::Unavailable).then_some(error);
                    refuse(one, error);
                    Err(error)
                }
                Err(Aborted::Unknown(answers)) => self.find_out(one, answers, may_be_decided_again).await,
            };
        }
        outcome
    }

    async fn turn_until_uncontended(
        &mut self,
        one: &mut Vec<Asked<D>>,
    ) -> Result<Answers<D>, Aborted<D::Answer>> {
        for attempt in 1..ATTEMPTS {
            match self.turn(one, Attempt::AGAIN).await {
                Err(Aborted::RolledBack(StoreError::Contended)) => {
                    sleep(PAUSE * 2_u32.pow(attempt - 1)).await;
                }
                turn => return turn,
            }
        }
        self.turn(one, Attempt::AGAIN).await
    }

    /// One turn: decides, and makes it durable.
    async fn turn(
        &mut self,
        batch: &mut Vec<Asked<D>>,
        attempt: Attempt,
    ) -> Result<Answers<D>, Aborted<D::Answer>> {
        let timer = self.metrics.timer(Operation::Write);
        self.turn_began = Instant::now();
        let turn = self.transact(batch, attempt).await;
        let (outcome, failure) = match &turn {
            Ok((_, outcome)) => (Some(*outcome), None),
            Err(Aborted::NotBegun(error) | Aborted::RolledBack(error)) => {
                (Some(Outcome::RolledBack), Some(*error))
            }
            // It took the time of a turn, and nothing is wrong.
            Err(Aborted::MetKnown) => (Some(Outcome::RolledBack), None),
            // What it is comes out later.
            Err(Aborted::Unknown(_)) => (None, Some(StoreError::Unavailable)),
        };
        timer.done(failure);
        match failure {
            None if turn.is_ok() => self.metrics.committed(batch.len()),
            None => {}
            Some(error) => self.failed(error).await,
        }
        self.health.decider(failure != Some(StoreError::Unavailable));
        let has_panicked = std::mem::take(&mut self.has_panicked);
        if let Some(outcome) = outcome {
            self.decider.end(if has_panicked { Outcome::Unknown } else { outcome });
        }
        turn.map(|(answers, _)| answers)
    }

    async fn failed(&mut self, error: StoreError) {
        if error == StoreError::Unavailable {
            // To a server that was demoted the connection is as good as ever, and of no more use.
            self.link.give_up().await;
            self.health.discard_connections();
        }
    }

    async fn transact(
        &mut self,
        batch: &mut Vec<Asked<D>>,
        attempt: Attempt,
    ) -> Result<(Answers<D>, Outcome), Aborted<D::Answer>> {
        let limit = Instant::now() + TURN_LIMIT;
        let Self { decider, queue, link, signals, has_panicked, .. } = self;
        let opening = decider.opening(queue.most);
        let begun = timeout_at(limit, link.begin(&opening)).await.unwrap_or(Err(StoreError::Unavailable));
        let (mut linked, opened) = begun.map_err(Aborted::NotBegun)?;
        let conn = linked.conn();
        if attempt.joins {
            queue.join(batch);
            queue.note(batch.len());
        }
        // A panic would end the decider, and with it every later command of this process.
        let deciding = AssertUnwindSafe(decide(decider, conn, opened, batch, attempt)).catch_unwind();
        let decided = match timeout_at(limit, deciding).await {
            Ok(Ok(decided)) => decided,
            Ok(Err(_)) => {
                tracing::error!("a command panicked");
                *has_panicked = true;
                Err(StoreError::Failed)
            }
            // Nothing was sent that could commit it.
            Err(_) => Err(StoreError::Unavailable),
        };
        let (answers, wrote) = match decided {
            Ok(Some(decided)) => decided,
            Ok(None) => {
                roll_back(conn).await.map_err(Aborted::RolledBack)?;
                return Err(Aborted::MetKnown);
            }
            Err(error) => return Err(Aborted::RolledBack(roll_back(conn).await.err().unwrap_or(error))),
        };
        if !wrote {
            roll_back(conn).await.map_err(Aborted::RolledBack)?;
            return Ok((answers, Outcome::RolledBack));
        }
        let committed = timeout_at(limit, conn.execute("COMMIT")).await;
        // Before the callers are answered, so that none of them is woken later by its own write.
        signals.committed();
        match in_time(committed) {
            Ok(()) => Ok((answers, Outcome::Committed)),
            Err(StoreError::Unavailable) => Err(Aborted::Unknown(answers)),
            Err(error) => Err(Aborted::RolledBack(roll_back(conn).await.err().unwrap_or(error))),
        }
    }

    /// Finds out whether a turn stands whose commit was not answered, and tells its callers. One that does not stand is decided again,
    /// but once: a disk that is full fails each commit.
    async fn find_out(
        &mut self,
        batch: Vec<Asked<D>>,
        answers: Answers<D>,
        may_be_decided_again: bool,
    ) -> Result<(), StoreError> {
        let limit = (Instant::now() + TRUTH_LIMIT).min(self.turn_began + TOLD_LIMIT);
        let mut truth = None;
        while truth.is_none() && Instant::now() < limit && !self.stop.is_cancelled() {
            match timeout_at(limit, self.look_for_commit()).await {
                Ok(Ok(stands)) => truth = Some(stands),
                Ok(Err(_)) | Err(_) => {
                    self.link.give_up().await;
                    sleep(TRUTH_PAUSE).await;
                }
            }
        }
        tracing::warn!(stands = ?truth, "a commit was not answered");
        match truth {
            Some(true) => {
                self.decider.end(Outcome::Committed);
                answer(batch, answers);
                Ok(())
            }
            Some(false) => {
                self.decider.end(Outcome::RolledBack);
                if may_be_decided_again {
                    return Box::pin(self.decide_one_by_one(batch, false)).await;
                }
                refuse(batch, StoreError::Unavailable);
                Err(StoreError::Unavailable)
            }
            None => {
                self.decider.end(Outcome::Unknown);
                refuse(batch, StoreError::Unavailable);
                Err(StoreError::Unavailable)
            }
        }
    }

    async fn look_for_commit(&mut self) -> Result<bool, StoreError> {
        let Self { decider, link, .. } = self;
        let (mut linked, _) = link.begin("").await?;
        let conn = linked.conn();
        let stands = decider.stands(conn).await?;
        roll_back(conn).await?;
        Ok(stands)
    }

    /// Shows the decider to those who want to read of it. Answers whether it knows all that was decided before.
    async fn show(&mut self, is_fresh: bool, is_due: bool) -> bool {
        let looks = std::mem::take(&mut self.queue.looks);
        let is_wanted = is_due || looks.iter().any(|look| look.fresh);
        let fresh = match (is_fresh, is_wanted) {
            (true, _) => Some(Ok(())),
            (false, true) => Some(self.refresh().await),
            (false, false) => None,
        };
        for Look { fresh: must_be_fresh, read } in looks {
            let outcome = fresh.filter(|_| must_be_fresh).unwrap_or(Ok(()));
            read(outcome.map(|()| &mut self.decider));
        }
        fresh == Some(Ok(()))
    }

    async fn refresh(&mut self) -> Result<(), StoreError> {
        let began = Instant::now();
        let first = self.refresh_once().await;
        // A connection that its server has closed says so at once; another one may do.
        if first == Err(StoreError::Unavailable) && began.elapsed() < STALE_LIMIT {
            return self.refresh_once().await;
        }
        first
    }

    async fn refresh_once(&mut self) -> Result<(), StoreError> {
        let Self { decider, link, .. } = self;
        let refreshing = async {
            let mut linked = link.get().await?;
            decider.refresh(linked.conn()).await
        };
        let refreshed = timeout(TURN_LIMIT, refreshing).await.unwrap_or(Err(StoreError::Unavailable));
        if let Err(error) = refreshed {
            self.failed(error).await;
        }
        self.health.decider(refreshed != Err(StoreError::Unavailable));
        refreshed
    }
}

/// If it fails, the connection is of no more use, and its server does it.
async fn roll_back(conn: &mut Conn) -> Result<(), StoreError> {
    const LIMIT: Duration = Duration::from_secs(1);
    in_time(timeout(LIMIT, conn.execute("ROLLBACK")).await).map_err(|_| StoreError::Unavailable)
}

fn in_time<T>(done: Result<Result<T, sqlx::Error>, Elapsed>) -> Result<(), StoreError> {
    match done {
        Ok(done) => Ok(done.map(drop)?),
        Err(_) => Err(StoreError::Unavailable),
    }
}

fn answer<D: Decider>(batch: Vec<Asked<D>>, answers: Answers<D>) {
    for (one, answer) in batch.into_iter().zip(answers) {
        // The caller may have gone; what was decided stands.
        drop(one.reply.send(Ok(answer)));
    }
}

fn refuse<D: Decider>(batch: Vec<Asked<D>>, error: StoreError) {
    for one in batch {
        drop(one.reply.send(Err(error)));
    }
}
