//! What a replica remembers: the open state as of a turn. A turn begins with the lock row; when its last turn is another one, what
//! changed since is read from the log of turns and applied, or everything is loaded anew.

#[cfg(test)]
mod properties;

use segue_core::{Random, SharedClock, hex, new_id};
use segue_store::{
    Conn, Engine, StoreError, Writes,
    command::{Decider, Outcome, Recorder},
};
use sqlx::{Executor as _, any::AnyRow};
use tokio::{sync::watch, time::Instant};

use super::{
    Answer, Command, News, Notifier, Topic,
    batch::Batch,
    clock::Time,
    finish,
    log::{self, Changes, FORMAT},
    write,
};
use crate::{
    domain::{ContactId, Mark, Refused, Row, Rows, Rules, State},
    metrics::{Metrics, Tally},
    store::{
        contacts, load,
        turns::{self, Logged, Taken, TurnId},
    },
};

/// The open state, and which turn it is of.
pub(crate) struct Memory {
    engine: Engine,
    state: State,
    random: Random,
    rules: Rules,
    clock: SharedClock,
    /// The turn that the state is of; none when that isn't known.
    known: Option<TurnId>,
    time: Time,
    /// Of the turn that is about to begin: how far the numbers go on, and the tag.
    next: TurnId,
    turn: Option<Turn>,
    notifier: Notifier,
    metrics: Metrics,
    pulse: watch::Sender<Pulse>,
}

/// A turn under way.
struct Turn {
    id: TurnId,
    previous: TurnId,
    time: Time,
    news: Vec<(Topic, News)>,
    tally: Tally,
}

impl Turn {
    fn logged(&self, changes: Vec<u8>) -> Logged {
        let (id, previous) = (self.id.clone(), self.previous.number);
        let Time { at_ms, clock_ms } = self.time;
        Logged { id, previous, at_ms, clock_ms, format: FORMAT, changes }
    }
}

/// What timers go by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pulse {
    /// When time brings something next.
    pub next_due: Option<i64>,
    /// The time of the last turn that is known.
    pub at_ms: i64,
    /// When that was read.
    pub read: Instant,
}

impl Memory {
    pub(crate) fn new(
        engine: Engine,
        rules: Rules,
        clock: SharedClock,
        random: Random,
        notifier: Notifier,
        metrics: Metrics,
    ) -> (Self, watch::Receiver<Pulse>) {
        let (pulse, beats) = watch::channel(Pulse { next_due: None, at_ms: 0, read: Instant::now() });
        let memory = Self {
            engine,
            state: State::new(rules),
            random,
            rules,
            clock,
            known: None,
            time: Time::default(),
            next: TurnId::default(),
            turn: None,
            notifier,
            metrics,
            pulse,
        };
        (memory, beats)
    }

    /// The open state; none before it was loaded.
    pub(crate) fn state(&self) -> Option<&State> {
        self.known.is_some().then_some(&self.state)
    }

    /// Follows the log to a turn, if it leads there from the one that is known.
    fn has_followed(&mut self, last: &TurnId, logged: Vec<Logged>) -> bool {
        let Some(known) = self.known.clone() else { return false };
        if known == *last {
            return true;
        }
        let has_followed = self.follow(&known, logged).is_some_and(|reached| reached.number >= last.number);
        if has_followed {
            self.beat();
        } else {
            // What was known may be of a history that a failover has lost.
            tracing::warn!(known = known.number, last = last.number, "the routing state is loaded anew");
        }
        has_followed
    }

    /// Applies turns that follow each other from the one that is known. Answers the last of them; none when they don't.
    fn follow(&mut self, known: &TurnId, logged: Vec<Logged>) -> Option<TurnId> {
        let mut logged = logged.into_iter().peekable();
        // The log begins with the first turn that has a tag.
        if !known.tag.is_empty() {
            logged.next_if(|first| first.id == *known)?;
        }
        let mut reached = known.clone();
        for turn in logged {
            if turn.previous != reached.number {
                return None;
            }
            let changes = Changes::decode(turn.format, &turn.changes)?;
            self.take_over(&turn, changes);
            reached = turn.id;
            self.known = Some(reached.clone());
        }
        Some(reached)
    }

    fn take_over(&mut self, turn: &Logged, changes: Changes) {
        let mut news: Vec<(Topic, News)> = changes.rows.iter().filter_map(news_of).collect();
        news.extend(changes.told.into_iter().map(|agent| (Topic::Agent(agent), News::Changed)));
        self.state.apply(Rows { turn: turn.id.number, now_ms: turn.at_ms, rows: changes.rows });
        self.time = Time { at_ms: turn.at_ms, clock_ms: turn.clock_ms };
        self.notifier.tell(news);
    }

    /// Loads everything, as of the last turn. The statements must see the same commits.
    async fn load(&mut self, conn: &mut Conn, last: TurnId) -> Result<(), StoreError> {
        self.known = None;
        let (at_ms, clock_ms) = turns::newest(conn).await?.unwrap_or_default();
        let rows = load::all(conn, last.number, at_ms).await?;
        self.state = State::load(self.rules, rows);
        self.time = Time { at_ms, clock_ms };
        self.known = Some(last);
        // Also when nothing was known, as after a commit whose fate was not found out. Before the first time nobody listens.
        self.notifier.tell_anew();
        self.beat();
        Ok(())
    }

    async fn load_of_one_moment(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        conn.execute(Engine::of_conn(conn).begin_snapshot()).await?;
        let loaded = match turns::last(conn).await {
            Ok(last) => self.load(conn, last).await,
            Err(error) => Err(error),
        };
        conn.execute("ROLLBACK").await?;
        loaded
    }

    fn new_contact_id(&self, now_ms: i64) -> ContactId {
        // Ids are made by one function for all services; this one can't be of another form.
        new_id("contact", now_ms, &self.random).parse().unwrap_or(ContactId(0))
    }

    fn beat(&self) {
        self.beat_at(self.time.at_ms);
    }

    fn beat_at(&self, at_ms: i64) {
        let pulse = Pulse { next_due: self.state.next_due(), at_ms, read: Instant::now() };
        self.pulse.send_replace(pulse);
    }
}

impl Decider for Memory {
    type Command = Command;
    type Answer = Result<Answer, Refused>;

    fn opening(&mut self, most: usize) -> String {
        let (tag, decisions) = (hex(self.random.bytes::<16>()), i64::try_from(most).unwrap_or(i64::MAX));
        let since = self.known.as_ref().map_or(i64::MAX, |known| known.number);
        let opening = turns::take(self.engine, &tag, decisions, since);
        self.next = TurnId { number: decisions, tag };
        opening
    }

    async fn begin(&mut self, conn: &mut Conn, opened: Vec<AnyRow>) -> Result<(), StoreError> {
        let (Taken { last, clock_ms }, logged) = turns::taken(opened)?;
        let TurnId { number: decisions, tag } = std::mem::take(&mut self.next);
        let id = TurnId { number: last.number + decisions, tag };
        let (news, tally) = Default::default();
        self.turn = Some(Turn { id, previous: last.clone(), time: self.time, news, tally });
        if !self.has_followed(&last, logged) {
            self.load(conn, last.clone()).await?;
        }
        let clock_ms = if self.clock.is_turned_by_hand() { self.clock.now_ms() } else { clock_ms };
        let time = self.time.next(clock_ms);
        if let Some(turn) = &mut self.turn {
            turn.time = time;
        }
        self.state.apply(Rows { turn: last.number, now_ms: 0, rows: vec![] });
        Ok(())
    }

    fn now_ms(&self) -> i64 {
        self.turn.as_ref().map_or(self.time.at_ms, |turn| turn.time.at_ms)
    }

    async fn decide(
        &mut self,
        conn: &mut Conn,
        commands: &[&Command],
        recorder: &mut Recorder<'_>,
    ) -> Result<Vec<Self::Answer>, StoreError> {
        let now_ms = self.now_ms();
        let mut batch = Batch::new(now_ms);
        for command in commands {
            let new = self.new_contact_id(now_ms);
            batch.decide(&mut self.state, new, conn, command).await?;
        }
        let rows = self.state.changes_since(Mark::default());
        let changed = write::changed(&rows).collect();
        let (pending, decided) = finish::prepare(conn, &mut batch, &rows, &changed).await?;
        let mut writes = Writes::default();
        let mut written = write::all(conn, &batch, &rows, &mut writes).await?;
        // Whatever is committed is a turn of the log, or others could not follow.
        if let Some(turn) = &self.turn
            && (!rows.is_empty() || decided.iter().any(|one| one.kept.is_some()))
        {
            let changes = log::encode(&rows, &finish::told(&batch)).ok_or(StoreError::Failed)?;
            turns::append(&mut writes, turn.logged(changes));
        }
        let returned = recorder.record(conn, decided, writes).await?;
        written.extend(contacts::texts_by_id(&returned)?);
        let mut news = finish::tell(&batch, &changed, &written);
        news.extend(rows.iter().filter_map(news_of));
        if let Some(turn) = &mut self.turn {
            (turn.news, turn.tally) = (news, batch.tally);
        }
        finish::answers(conn, pending, &changed, &written).await
    }

    async fn stands(&mut self, conn: &mut Conn) -> Result<bool, StoreError> {
        let Some(turn) = &self.turn else { return Ok(false) };
        let last = turns::last_settled(conn).await?;
        if last == turn.id {
            return Ok(true);
        }
        let logged = turns::since(conn, turn.id.number).await?;
        Ok(logged.first().is_some_and(|logged| logged.id == turn.id))
    }

    fn end(&mut self, outcome: Outcome) {
        let turn = self.turn.take();
        match (outcome, turn) {
            (Outcome::Committed, Some(turn)) => {
                self.state.commit();
                let (number, now_ms) = (turn.id.number, turn.time.at_ms);
                self.state.apply(Rows { turn: number, now_ms, rows: vec![] });
                (self.known, self.time) = (Some(turn.id), turn.time);
                self.notifier.tell(turn.news);
                self.metrics.count(turn.tally);
                self.beat();
            }
            (Outcome::RolledBack, turn) => {
                self.state.undo();
                // The time has gone on all the same, and with it what is due.
                if let Some(turn) = turn {
                    self.beat_at(turn.time.at_ms);
                }
            }
            (Outcome::Committed, None) | (Outcome::Unknown, _) => {
                // After a panic it may be half changed, so that it can't be undone either.
                self.state = State::new(self.rules);
                self.known = None;
            }
        }
    }

    async fn refresh(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        // Nobody else decides upon a database in memory.
        if self.known.is_some() && self.engine == Engine::SqliteMemory {
            return Ok(());
        }
        let last = turns::last(conn).await?;
        let logged = match &self.known {
            Some(known) if *known != last => turns::since(conn, known.number).await?,
            Some(_) | None => vec![],
        };
        if self.has_followed(&last, logged) { Ok(()) } else { self.load_of_one_moment(conn).await }
    }
}

/// What streams are told of a row.
fn news_of(row: &Row) -> Option<(Topic, News)> {
    match row {
        Row::Agent(name, Some(agent)) => {
            let presence = News::Presence(agent.presence, agent.presence_reason);
            Some((Topic::Agent(name.clone()), presence))
        }
        Row::Agent(name, None) => Some((Topic::Agent(name.clone()), News::Gone)),
        Row::Contact(id, _) => Some((Topic::Contact(*id), News::Changed)),
        _ => None,
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory").field("known", &self.known).finish_non_exhaustive()
    }
}
