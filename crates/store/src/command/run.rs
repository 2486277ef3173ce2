use std::{collections::HashSet, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt as _;
use sqlx::Executor as _;
use tokio::{
    sync::mpsc,
    time::{Instant, error::Elapsed, sleep, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{Asked, Decided, Decider, Item, Link, Look, Outcome, Reply};
use crate::{
    Conn, StoreError, audit,
    health::Health,
    metrics::{DatabaseMetrics, Operation},
    notify::{Changes, Signals},
    requests::{self, Begun, RequestKey},
};

/// How long a turn may take, with its commit.
const TURN_LIMIT: Duration = Duration::from_secs(8);
/// For how long the truth about a commit is looked for, while its callers wait.
const TRUTH_LIMIT: Duration = Duration::from_secs(10);
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
    pub items: mpsc::Receiver<Item<D>>,
    pub link: Link,
    pub most: usize,
    pub signals: Arc<Signals>,
    /// Tells of other replicas' commits.
    pub others: Changes,
    pub metrics: Arc<DatabaseMetrics>,
    pub health: Health,
    pub stop: CancellationToken,
    /// Whether the turn under way has panicked: what the decider remembers may be half changed.
    pub has_panicked: bool,
}

type Answers<D> = Vec<Reply<<D as Decider>::Answer>>;

/// Why a turn does not stand, by what may be done next.
enum Aborted<A> {
    /// It did not begin: no command is to blame, and each alone would meet the same.
    NotBegun(StoreError),
    /// It was rolled back for certain.
    RolledBack(StoreError),
    /// The answer to the commit was lost. These are the answers, should it stand.
    Unknown(Vec<Reply<A>>),
}

impl<D: Decider> Drop for Runner<D> {
    fn drop(&mut self) {
        // Nothing is decided any more: the database is being closed, or the decider has panicked.
        self.health.decider(false);
    }
}

impl<D: Decider> Runner<D> {
    pub(crate) async fn run(mut self) {
        let mut items = Vec::with_capacity(self.most);
        // By then what others have decided is learnt, also while there is always something to show.
        let mut refresh_at = Instant::now() + POLL;
        loop {
            let poll = refresh_at.saturating_duration_since(Instant::now());
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                received = self.items.recv_many(&mut items, self.most) => if received == 0 { break },
                () = self.others.wait(poll) => {}
            }
            let (mut asked, mut looks): (Vec<Asked<D>>, Vec<Look<D>>) = (vec![], vec![]);
            for item in items.drain(..) {
                match item {
                    Item::Ask(one) => asked.push(one),
                    Item::Look(one) => looks.push(one),
                }
            }
            // Nothing that came in means that others may have decided something.
            let is_idle = asked.is_empty() && looks.is_empty();
            let is_due = is_idle || Instant::now() >= refresh_at;
            let is_fresh = !asked.is_empty() && self.decide_all(asked).await.is_ok();
            if self.show(looks, is_fresh, is_due).await {
                refresh_at = Instant::now() + POLL;
            }
        }
        self.link.give_up().await;
    }

    /// Decides all of them, those with the same request one after the other. When it goes well the decider knows all that was
    /// decided before.
    async fn decide_all(&mut self, mut asked: Vec<Asked<D>>) -> Result<(), StoreError> {
        let mut outcome = Ok(());
        while !asked.is_empty() {
            let mut names = HashSet::new();
            let is_first =
                |one: &mut Asked<D>| one.key.as_ref().is_none_or(|key| names.insert(key.name().to_owned()));
            let batch: Vec<Asked<D>> = asked.extract_if(.., is_first).collect();
            outcome = self.decide_batch(batch).await;
            if outcome == Err(StoreError::Unavailable) {
                // The others would meet the same, and wait for it once more.
                refuse(std::mem::take(&mut asked), StoreError::Unavailable);
            }
        }
        outcome
    }

    async fn decide_batch(&mut self, batch: Vec<Asked<D>>) -> Result<(), StoreError> {
        match self.turn(&batch).await {
            Ok(answers) => {
                answer(batch, answers);
                Ok(())
            }
            // Each alone would meet the same, and take as long.
            Err(Aborted::RolledBack(StoreError::Unavailable)) => {
                refuse(batch, StoreError::Unavailable);
                Err(StoreError::Unavailable)
            }
            Err(Aborted::RolledBack(StoreError::Contended)) => self.decide_one_by_one(batch, true).await,
            Err(Aborted::RolledBack(_)) if batch.len() > 1 => self.decide_one_by_one(batch, true).await,
            Err(Aborted::RolledBack(error) | Aborted::NotBegun(error)) => {
                refuse(batch, error);
                Err(error)
            }
            Err(Aborted::Unknown(answers)) => self.find_out(batch, answers, true).await,
        }
    }

    async fn decide_one_by_one(
        &mut self,
        batch: Vec<Asked<D>>,
        may_be_decided_again: bool,
    ) -> Result<(), StoreError> {
        let (mut outcome, mut gone) = (Ok(()), None);
        for one in batch {
            let one = vec![one];
            // Waiting for a dead database once for each of a batch would take minutes.
            let turn = match gone {
                Some(error) => Err(Aborted::NotBegun(error)),
                None => self.turn_until_uncontended(&one).await,
            };
            outcome = match turn {
                Ok(answers) => {
                    answer(one, answers);
                    Ok(())
                }
                Err(Aborted::RolledBack(error) | Aborted::NotBegun(error)) => {
                    gone = (error == StoreError::Unavailable).then_some(error);
                    refuse(one, error);
                    Err(error)
                }
                Err(Aborted::Unknown(answers)) => self.find_out(one, answers, may_be_decided_again).await,
            };
        }
        outcome
    }

    async fn turn_until_uncontended(&mut self, one: &[Asked<D>]) -> Result<Answers<D>, Aborted<D::Answer>> {
        for attempt in 1..ATTEMPTS {
            match self.turn(one).await {
                Err(Aborted::RolledBack(StoreError::Contended)) => {
                    sleep(PAUSE * 2_u32.pow(attempt - 1)).await;
                }
                turn => return turn,
            }
        }
        self.turn(one).await
    }

    /// One turn: decides, and makes it durable.
    async fn turn(&mut self, batch: &[Asked<D>]) -> Result<Answers<D>, Aborted<D::Answer>> {
        let timer = self.metrics.timer(Operation::Write);
        let turn = self.transact(batch).await;
        let (outcome, failure) = match &turn {
            Ok((_, outcome)) => (Some(*outcome), None),
            Err(Aborted::NotBegun(error) | Aborted::RolledBack(error)) => {
                (Some(Outcome::RolledBack), Some(*error))
            }
            // What it is comes out later.
            Err(Aborted::Unknown(_)) => (None, Some(StoreError::Unavailable)),
        };
        timer.done(failure);
        match failure {
            None => self.metrics.committed(batch.len()),
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

    async fn transact(&mut self, batch: &[Asked<D>]) -> Result<(Answers<D>, Outcome), Aborted<D::Answer>> {
        let limit = Instant::now() + TURN_LIMIT;
        let Self { decider, link, signals, has_panicked, .. } = self;
        let begun = timeout_at(limit, link.begin()).await.unwrap_or(Err(StoreError::Unavailable));
        let mut linked = begun.map_err(Aborted::NotBegun)?;
        let conn = linked.conn();
        // A panic would end the decider, and with it every later command of this process.
        let deciding = AssertUnwindSafe(decide(decider, conn, batch)).catch_unwind();
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
            Ok(decided) => decided,
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
        let limit = Instant::now() + TRUTH_LIMIT;
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
        let mut linked = link.begin().await?;
        let conn = linked.conn();
        let stands = decider.stands(conn).await?;
        roll_back(conn).await?;
        Ok(stands)
    }

    /// Shows the decider to those who want to read of it. Answers whether it knows all that was decided before.
    async fn show(&mut self, looks: Vec<Look<D>>, is_fresh: bool, is_due: bool) -> bool {
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

/// Decides a batch inside its transaction. Answers, and whether there is anything to commit.
async fn decide<D: Decider>(
    decider: &mut D,
    conn: &mut Conn,
    batch: &[Asked<D>],
) -> Result<(Answers<D>, bool), StoreError> {
    decider.begin(conn, batch.len()).await?;
    let keys: Vec<&RequestKey> = batch.iter().filter_map(|one| one.key.as_ref()).collect();
    let mut known = requests::known(conn, &keys).await?;
    let mut begun: Vec<Option<Begun>> =
        batch.iter().map(|one| known.remove(one.key.as_ref()?.name())).collect();
    let fresh: Vec<&Asked<D>> =
        batch.iter().zip(&begun).filter(|(_, begun)| begun.is_none()).map(|(one, _)| one).collect();
    let commands: Vec<&D::Command> = fresh.iter().map(|one| &one.command).collect();
    let decided = if commands.is_empty() { vec![] } else { decider.decide(conn, &commands).await? };
    let now_ms = decider.now_ms();
    let (mut kept, mut entries, mut wrote, mut answers) = (vec![], vec![], false, vec![]);
    for (one, decided) in fresh.iter().zip(decided) {
        let Decided { answer, kept: keep, change, wrote: has_written } = decided;
        wrote |= has_written || keep.is_some();
        if let Some(key) = &one.key {
            kept.extend(keep.map(|keep| (key, keep)));
            entries.extend(change.map(|change| change.by(key, now_ms)));
        }
        answers.push(answer);
    }
    requests::keep(conn, kept, now_ms).await?;
    audit::append_all(conn, &entries).await?;
    let mut answers = answers.into_iter();
    let replies = begun.iter_mut().map(|begun| match begun.take() {
        Some(Begun::Done(kept)) => Ok(Reply::Repeated(kept)),
        Some(Begun::Reused) => Ok(Reply::Reused),
        Some(Begun::Fresh) | None => answers.next().map(Reply::Decided).ok_or(StoreError::Failed),
    });
    Ok((replies.collect::<Result<_, _>>()?, wrote))
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
