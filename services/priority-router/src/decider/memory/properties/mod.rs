//! However turns end, and however a replica learns of them, all replicas remember the same, and what one remembers that has just
//! loaded everything.
//!
//! A history is made from its seed: `MEMORY_SEED=7 cargo test -p priority-router --lib properties` repeats one.

mod cases;
mod commands;
mod replica;
mod server;

use std::{fmt::Write as _, time::Duration};

use futures::FutureExt as _;
use segue_core::Random;
use segue_store::{
    Conn,
    command::{Decider as _, Outcome, Recorder},
};
use segue_testkit::Storage;
use sqlx::{AssertSqlSafe, Executor as _};

use self::{
    replica::{Replica, remembered, same},
    server::{Data, Server},
};
use super::{Memory, log};
use crate::{
    decider::Command,
    domain::{ContactId, Refused, Row},
    store::turns,
};

const REPLICAS: usize = 3;
const STEPS: usize = 40;

/// How often what happened, in all histories.
#[derive(Debug, Default)]
struct Happened {
    commits: usize,
    rollbacks: usize,
    lost: usize,
    unknown: usize,
    loads: usize,
    failovers: usize,
}

struct History<'s> {
    server: &'s mut Server,
    data: Data,
    random: Random,
    replicas: Vec<Replica>,
    /// Whether nothing happens after which a replica has to load everything anew.
    is_calm: bool,
    /// Contacts that were seen.
    contacts: Vec<ContactId>,
    told: String,
    happened: &'s mut Happened,
}

/// What becomes of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Commit,
    RollBack,
    /// The commit is not answered; what it was is found out, after another replica has decided something or at once.
    Lost {
        stands: bool,
        is_last: bool,
    },
    /// It is never found out.
    Unknown {
        stands: bool,
    },
}

impl<'s> History<'s> {
    async fn new(server: &'s mut Server, happened: &'s mut Happened, seed: u64) -> Self {
        let data = server.create().await;
        let engine = server.engine();
        let replicas =
            (0..REPLICAS).map(|number| Replica::new(engine, number, seed * 10 + number as u64)).collect();
        let (is_calm, random) = (seed.is_multiple_of(2), Random::seeded(seed));
        Self { server, data, random, replicas, is_calm, contacts: vec![], told: String::new(), happened }
    }

    async fn run(&mut self) {
        // As a replica does before it serves.
        self.compare(REPLICAS).await;
        self.turn(0, &commands::opening(&self.random), End::Commit).await;
        let mut paused = REPLICAS;
        for _ in 0..STEPS {
            self.pass_time();
            match self.random.below(100) {
                0..12 if !self.is_calm => self.disturb().await,
                // One is away until another one is.
                12..18 => paused = self.random.below(4) as usize,
                18..42 => self.compare(paused).await,
                _ => self.step(paused).await,
            }
        }
        self.compare(REPLICAS).await;
    }

    async fn disturb(&mut self) {
        match self.random.below(12) {
            0..5 => self.break_log().await,
            5..9 => {
                self.tell(format_args!("saved"));
                self.server.save(&mut self.data).await;
            }
            _ => self.fail_over().await,
        }
    }

    fn tell(&mut self, what: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.told, "{what}");
    }

    fn pass_time(&mut self) {
        let ms = [0, 10, 1_000, 5_000, 16_000, 31_000, 121_000, 400_000][self.random.below(8) as usize];
        for replica in &self.replicas {
            replica.clock.advance(Duration::from_millis(ms));
        }
    }

    async fn step(&mut self, paused: usize) {
        let Some(who) = self.anyone_but(paused, REPLICAS) else { return };
        let commands = self.commands(who, 3);
        let end = match self.random.below(20) {
            0..11 => End::Commit,
            11..14 => End::RollBack,
            14..18 => End::Lost { stands: self.random.below(2) == 0, is_last: self.random.below(2) == 0 },
            _ if self.is_calm => End::Commit,
            _ => End::Unknown { stands: self.random.below(2) == 0 },
        };
        self.turn(who, &commands, end).await;
        if let End::Lost { is_last: false, .. } = end {
            self.find_out_behind_another(who, paused).await;
        }
    }

    /// Another one decides before it is found out what became of a turn.
    async fn find_out_behind_another(&mut self, who: usize, paused: usize) {
        if self.replicas[who].memory.turn.is_none() {
            return;
        }
        if let Some(other) = self.anyone_but(paused, who) {
            let commands = self.commands(other, 3);
            self.turn(other, &commands, End::Commit).await;
        }
        self.find_out(who).await;
    }

    fn anyone_but(&self, one: usize, other: usize) -> Option<usize> {
        let some: Vec<usize> = (0..REPLICAS).filter(|who| *who != one && *who != other).collect();
        some.get(self.random.below(some.len() as u32) as usize).copied()
    }

    fn commands(&self, who: usize, most: u32) -> Vec<Command> {
        let state = &self.replicas[who].memory.state;
        let some = 0..1 + self.random.below(most);
        some.map(|_| commands::next(&self.random, state, &self.contacts)).collect()
    }

    /// What the store does with a batch.
    async fn turn(&mut self, who: usize, commands: &[Command], end: End) {
        let begins = self.server.begin();
        let (replica, conn) = (&mut self.replicas[who], &mut self.data.conn);
        begin(&mut replica.memory, conn, begins, commands.len()).await;
        let before = remembered(&replica.memory);
        let mut recorder = Recorder::new(vec![None; commands.len()], replica.memory.now_ms(), true);
        let all: Vec<&Command> = commands.iter().collect();
        replica.memory.decide(conn, &all, &mut recorder).await.unwrap().clear();
        let end = if recorder.wrote() { end } else { End::RollBack };
        for row in replica.memory.state.rows().rows {
            if let Row::Contact(id, _) = row {
                self.contacts.push(id);
            }
        }
        self.contacts.sort_unstable();
        self.contacts.dedup();
        let stands = match end {
            End::Commit => true,
            End::RollBack => false,
            End::Lost { stands, .. } | End::Unknown { stands } => stands,
        };
        conn.execute(if stands { "COMMIT" } else { "ROLLBACK" }).await.unwrap();
        let id = replica.memory.turn.as_ref().map(|turn| turn.id.number);
        let what: Vec<_> = commands.iter().map(|command| &command.what).collect();
        let told = format!("replica {who} turn {id:?} {end:?} {what:?}");
        self.tell(format_args!("{told}"));
        self.end(who, end).await;
        if end == End::RollBack {
            let after = remembered(&self.replicas[who].memory);
            same("before the turn", &before, "after its rollback", &after);
        }
    }

    /// What a replica decides, without doing it.
    async fn decided(&mut self, who: usize, command: &Command) -> Result<(), Refused> {
        let (memory, conn) = (&mut self.replicas[who].memory, &mut self.data.conn);
        begin(memory, conn, self.server.begin(), 1).await;
        let mut recorder = Recorder::new(vec![None], memory.now_ms(), true);
        let answer = memory.decide(conn, &[command], &mut recorder).await.unwrap().remove(0);
        conn.execute("ROLLBACK").await.unwrap();
        memory.end(Outcome::RolledBack);
        answer.map(drop)
    }

    async fn end(&mut self, who: usize, end: End) {
        let replica = &mut self.replicas[who];
        match end {
            End::Commit => {
                self.happened.commits += 1;
                replica.memory.end(Outcome::Committed);
            }
            End::RollBack => {
                self.happened.rollbacks += 1;
                replica.memory.end(Outcome::RolledBack);
            }
            End::Lost { is_last: true, .. } => self.find_out(who).await,
            End::Lost { .. } => {}
            End::Unknown { .. } => {
                self.happened.unknown += 1;
                replica.memory.end(Outcome::Unknown);
                assert!(replica.memory.state().is_none(), "nobody may look at it");
                replica.may_load = true;
            }
        }
    }

    async fn find_out(&mut self, who: usize) {
        let begin = self.server.begin();
        let (replica, conn) = (&mut self.replicas[who], &mut self.data.conn);
        let id = replica.memory.turn.as_ref().unwrap().id.clone();
        let logged = turns::since(conn, id.number).await.unwrap();
        let expected = logged.first().is_some_and(|logged| logged.id == id);
        conn.execute(begin).await.unwrap();
        let stands = replica.memory.stands(conn).await.unwrap();
        conn.execute("ROLLBACK").await.unwrap();
        assert_eq!(stands, expected, "whether turn {id:?} stands");
        replica.memory.end(if stands { Outcome::Committed } else { Outcome::RolledBack });
        self.happened.lost += 1;
        self.tell(format_args!("found out of replica {who}: {stands}"));
    }

    /// Turns of the log are purged, one is missing, or one is written by a program of another version.
    async fn break_log(&mut self) {
        let last = turns::last(&mut self.data.conn).await.unwrap().number;
        let some = i64::from(self.random.below(8));
        let what = match self.random.below(3) {
            0 => format!("DELETE FROM routing_turns WHERE turn < {last} - {some}"),
            1 => format!(
                "DELETE FROM routing_turns WHERE turn < {last} AND turn =
                     (SELECT MAX(t.turn) FROM routing_turns t WHERE t.turn < {last} - {some})"
            ),
            _ => format!("UPDATE routing_turns SET format = 99, changes = $1 WHERE turn >= {last} - {some}"),
        };
        self.tell(format_args!("{what}"));
        let query = sqlx::query(AssertSqlSafe(what.clone()));
        let other_form = log::encode(&[], &[]).unwrap();
        let query = if what.contains("$1") { query.bind(other_form) } else { query };
        query.execute(&mut self.data.conn).await.unwrap();
        self.all_may_load();
    }

    async fn fail_over(&mut self) {
        if self.server.fail_over(&mut self.data).await {
            self.tell(format_args!("failed over"));
            self.happened.failovers += 1;
            self.all_may_load();
        }
    }

    fn all_may_load(&mut self) {
        for replica in &mut self.replicas {
            replica.may_load = true;
        }
    }

    /// All that are not paused catch up, and remember the same as one that has just started.
    async fn compare(&mut self, paused: usize) {
        let conn = &mut self.data.conn;
        let mut fresh = Replica::new(self.server.engine(), 0, 1);
        fresh.memory.refresh(conn).await.unwrap();
        let expected = remembered(&fresh.memory);
        assert_eq!(expected.2, Some(turns::last(conn).await.unwrap()));
        for (who, replica) in self.replicas.iter_mut().enumerate().filter(|(who, _)| *who != paused) {
            replica.memory.refresh(conn).await.unwrap();
            same("loaded anew", &expected, &format!("replica {who}"), &remembered(&replica.memory));
            let has_loaded = replica.hear();
            self.happened.loads += usize::from(has_loaded);
            let may_load = std::mem::take(&mut replica.may_load);
            assert!(!has_loaded || may_load, "replica {who} had the whole log, and did not follow it");
        }
    }
}

/// So many histories, unless the environment says so.
fn count(usual: u64) -> u64 {
    std::env::var("MEMORY_HISTORIES").map_or(usual, |count| count.parse().unwrap())
}

/// Begins a turn as the store does.
async fn begin(memory: &mut Memory, conn: &mut Conn, begin: &str, commands: usize) {
    let opening = format!("{begin}; {}", memory.opening(commands));
    let opened = sqlx::raw_sql(AssertSqlSafe(opening)).fetch_all(&mut *conn).await.unwrap();
    memory.begin(conn, opened).await.unwrap();
}

/// Runs histories. What a failing one did is printed.
async fn histories(storage: Storage, count: u64) {
    let mut server = Server::start(storage).await;
    let mut happened = Happened::default();
    let one = std::env::var("MEMORY_SEED").ok().map(|seed| seed.parse().unwrap());
    let seeds = one.map_or(0..count, |seed: u64| seed..seed + 1);
    for seed in seeds {
        let mut history = History::new(&mut server, &mut happened, seed).await;
        let outcome = std::panic::AssertUnwindSafe(history.run()).catch_unwind().await;
        if let Err(failure) = outcome {
            println!("{}MEMORY_SEED={seed}", history.told);
            std::panic::resume_unwind(failure);
        }
    }
    println!("{happened:?}");
    if one.is_none() {
        let Happened { commits, rollbacks, lost, unknown, loads, failovers } = happened;
        assert!([commits, rollbacks, lost, unknown, loads, failovers].iter().all(|times| *times > 0));
    }
}

#[tokio::test]
async fn replicas_remember_the_same_on_sqlite() {
    histories(Storage::SqliteFile, count(240)).await;
}

#[tokio::test]
async fn replicas_remember_the_same_on_postgres() {
    histories(Storage::Postgres, 10).await;
}
