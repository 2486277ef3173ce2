//! A decider of the tests: it hands out tickets with consecutive numbers, and remembers the last one.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, AtomicUsize, Ordering},
};

use futures::{FutureExt as _, future::join_all};
use segue_core::{CallerId, Random, hex};
use segue_store::{
    Conn, Database,
    Kind::{self, Int, Text},
    Rows, StoreError, Writes,
    audit::Change,
    command::{Commands, Decided, Decider, Outcome, Recorder, Reply},
    requests::RequestKey,
};
use sqlx::{Row as _, any::AnyRow};
use tokio::sync::Semaphore;

use crate::engines::{NOW, query};

/// What the decider is asked.
#[derive(Debug)]
pub enum Command {
    /// For a ticket. A name that has one already violates a key of the table.
    Take(String),
    /// For a ticket, which is contended so many times before.
    Contended(String, AtomicU32),
    /// For something that it refuses.
    Refuse,
    /// To wait.
    Hold(Gate),
    /// For what it can't do.
    Panic,
}

pub fn take(name: impl Into<String>) -> Command {
    Command::Take(name.into())
}

/// Holds a turn up.
#[derive(Debug, Clone)]
pub struct Gate {
    reached: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

impl Gate {
    pub fn new() -> Self {
        Self { reached: Arc::new(Semaphore::new(0)), open: Arc::new(Semaphore::new(0)) }
    }

    /// Waits until the turn has come to it.
    pub async fn reached(&self) {
        self.reached.acquire().await.unwrap().forget();
    }

    pub fn open(&self) {
        self.open.add_permits(1);
    }
}

/// What the decider was told and did.
#[derive(Debug, Default)]
pub struct Seen {
    outcomes: Mutex<Vec<Outcome>>,
    turns: AtomicUsize,
    refreshes: AtomicUsize,
}

impl Seen {
    /// How the turns have ended.
    pub fn outcomes(&self) -> Vec<Outcome> {
        self.outcomes.lock().unwrap().clone()
    }

    /// How many turns stand.
    pub fn commits(&self) -> usize {
        self.outcomes().into_iter().filter(|outcome| *outcome == Outcome::Committed).count()
    }

    /// How many turns were begun.
    pub fn turns(&self) -> usize {
        self.turns.load(Ordering::SeqCst)
    }

    /// How often the database was asked for what others have decided.
    pub fn refreshes(&self) -> usize {
        self.refreshes.load(Ordering::SeqCst)
    }
}

pub struct Tickets {
    /// The last turn that is known; none when it isn't.
    known: Option<i64>,
    /// The last number that was handed out.
    last: i64,
    turn: Turn,
    random: Random,
    seen: Arc<Seen>,
}

/// The turn under way.
#[derive(Default)]
struct Turn {
    number: i64,
    tag: String,
    last: i64,
}

impl Tickets {
    /// Starts to decide. What it does is seen for as long as there is a handle.
    pub fn start(db: &Database) -> (Commands<Self>, Arc<Seen>) {
        let seen = Arc::<Seen>::default();
        let (random, turn) = (Random::secure(), Turn::default());
        let tickets = Self { known: None, last: 0, turn, random, seen: seen.clone() };
        (db.decide(tickets), seen)
    }

    /// The last number that was handed out, as far as it is known.
    pub fn last(&self) -> i64 {
        self.last
    }

    async fn learn(&mut self, conn: &mut Conn, turn: i64) -> Result<(), StoreError> {
        if self.known != Some(turn) {
            let last = sqlx::query("SELECT COALESCE(MAX(number), 0) AS last FROM tickets");
            self.last = last.fetch_one(conn).await?.try_get("last")?;
            self.known = Some(turn);
        }
        Ok(())
    }

    async fn decide_one(&mut self, command: &Command) -> Result<Option<String>, StoreError> {
        match command {
            Command::Take(name) => return Ok(Some(name.clone())),
            Command::Contended(name, times) => {
                let less = |times: u32| times.checked_sub(1);
                if times.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok() {
                    return Err(StoreError::Contended);
                }
                return Ok(Some(name.clone()));
            }
            Command::Refuse => {}
            Command::Panic => panic!("this panic belongs to the test"),
            Command::Hold(gate) => {
                gate.reached.add_permits(1);
                gate.open.acquire().await.unwrap().forget();
            }
        }
        Ok(None)
    }
}

impl Decider for Tickets {
    type Command = Command;
    /// The number of a ticket; none for a refusal.
    type Answer = Option<i64>;

    fn opening(&mut self, _: usize) -> String {
        "UPDATE ticket_lock SET turn = turn + 1 WHERE id = 1 RETURNING turn".to_owned()
    }

    async fn begin(&mut self, conn: &mut Conn, opened: Vec<AnyRow>) -> Result<(), StoreError> {
        self.seen.turns.fetch_add(1, Ordering::SeqCst);
        let number: i64 = opened[0].try_get("turn")?;
        self.learn(conn, number - 1).await?;
        self.turn = Turn { number, tag: hex(self.random.bytes::<16>()), last: self.last };
        Ok(())
    }

    fn now_ms(&self) -> i64 {
        NOW
    }

    async fn decide(
        &mut self,
        conn: &mut Conn,
        commands: &[&Command],
        recorder: &mut Recorder<'_>,
    ) -> Result<Vec<Option<i64>>, StoreError> {
        const COLUMNS: &[(&str, Kind)] = &[("name", Text), ("number", Int)];
        let (mut rows, mut decided, mut answers) = (Rows::new(COLUMNS), vec![], vec![]);
        for command in commands {
            let name = self.decide_one(command).await?;
            let number = name.as_ref().map(|_| {
                self.turn.last += 1;
                self.turn.last
            });
            if let Some(name) = name.clone() {
                rows.push([name.into(), self.turn.last.into()]);
            }
            answers.push(number);
            decided.push(Decided {
                kept: number.map(|number| number.to_be_bytes().to_vec()),
                change: name.map(|name| Change {
                    resource: format!("ticket/{}", name.len()),
                    old_value: String::new(),
                    new_value: "taken".to_owned(),
                }),
                wrote: number.is_some(),
            });
        }
        let insert =
            "INSERT INTO tickets (name, number) SELECT v.name, v.number FROM v WHERE v.name IS NOT NULL";
        let mut writes = Writes::default();
        writes.add(rows, insert);
        let mut turn = Rows::new(&[("turn", Int), ("tag", Text)]);
        turn.push([self.turn.number.into(), self.turn.tag.as_str().into()]);
        let insert =
            "INSERT INTO ticket_turns (turn, tag) SELECT v.turn, v.tag FROM v WHERE v.turn IS NOT NULL";
        writes.add(turn, insert);
        recorder.record(conn, decided, writes).await?;
        Ok(answers)
    }

    async fn stands(&mut self, conn: &mut Conn) -> Result<bool, StoreError> {
        sqlx::query("UPDATE ticket_lock SET turn = turn WHERE id = 1").execute(&mut *conn).await?;
        let found = sqlx::query("SELECT tag FROM ticket_turns WHERE turn = $1 AND tag = $2")
            .bind(self.turn.number)
            .bind(self.turn.tag.as_str())
            .fetch_optional(conn)
            .await?;
        Ok(found.is_some())
    }

    fn end(&mut self, outcome: Outcome) {
        self.seen.outcomes.lock().unwrap().push(outcome);
        match outcome {
            Outcome::Committed => (self.known, self.last) = (Some(self.turn.number), self.turn.last),
            Outcome::RolledBack => {}
            Outcome::Unknown => self.known = None,
        }
    }

    async fn refresh(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        self.seen.refreshes.fetch_add(1, Ordering::SeqCst);
        let lock = "SELECT turn FROM ticket_lock WHERE id = 1";
        let turn = sqlx::query(lock).fetch_one(&mut *conn).await?.try_get("turn")?;
        self.learn(conn, turn).await
    }
}

/// What a caller is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    Ticket(i64),
    Refused,
    Repeated(i64),
    Reused,
    Error(StoreError),
}

pub fn told(reply: Result<Reply<Option<i64>>, StoreError>) -> Told {
    match reply {
        Ok(Reply::Decided(Some(number))) => Told::Ticket(number),
        Ok(Reply::Decided(None)) => Told::Refused,
        Ok(Reply::Repeated(kept)) => Told::Repeated(i64::from_be_bytes(kept.try_into().unwrap())),
        Ok(Reply::Reused) => Told::Reused,
        Err(error) => Told::Error(error),
    }
}

pub async fn ask(commands: &Commands<Tickets>, command: Command) -> Told {
    told(commands.ask(None, command).await)
}

pub async fn ask_with(commands: &Commands<Tickets>, key: RequestKey, command: Command) -> Told {
    told(commands.ask(Some(key), command).await)
}

/// Has commands wait until all of them are there.
pub async fn together(
    commands: &Commands<Tickets>,
    asked: impl IntoIterator<Item = (Option<RequestKey>, Command)>,
) -> Vec<Told> {
    let gate = Gate::new();
    let mut holding = Box::pin(ask(commands, Command::Hold(gate.clone())));
    assert_eq!((&mut holding).now_or_never(), None);
    gate.reached().await;
    let mut asking: Vec<_> =
        asked.into_iter().map(|(key, command)| Box::pin(commands.ask(key, command))).collect();
    for one in &mut asking {
        // Polling it once puts it into the queue.
        assert!(one.now_or_never().is_none());
    }
    gate.open();
    assert_eq!(holding.await, Told::Refused);
    join_all(asking).await.into_iter().map(told).collect()
}

pub fn key(id: &str, content: &str) -> RequestKey {
    RequestKey::plain(&CallerId::unauthenticated(), id, "Take", &content.to_owned())
}

/// The names that have tickets, by their numbers.
pub async fn tickets(db: &Database) -> Vec<(i64, String)> {
    let found = query(db, "SELECT name, number FROM tickets ORDER BY number").await;
    found.iter().map(|row| (row.get("number"), row.get("name"))).collect()
}

/// The number of the last turn that stands.
pub async fn last_turn(db: &Database) -> i64 {
    query(db, "SELECT turn FROM ticket_lock WHERE id = 1").await[0].get("turn")
}
