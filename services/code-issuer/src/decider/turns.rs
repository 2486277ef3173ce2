use std::time::Duration;

use segue_core::{Random, SharedClock, hex};
use segue_store::{
    Conn, StoreError,
    command::{Decider, Outcome, Recorder},
    outbox,
};
use sqlx::any::AnyRow;
use tokio::time::Instant;

use super::{Answer, Command};
use crate::{
    domain::turn::{Needs, Turn},
    store,
};

/// An idle server is asked so often whether it is there.
const PING_INTERVAL: Duration = Duration::from_secs(1);

/// Makes the decisions. It remembers nothing from one turn to the next.
pub(crate) struct Turns {
    clock: SharedClock,
    random: Random,
    /// Of the turn that was begun last.
    now_ms: i64,
    tag: String,
    /// When the server answered last.
    asked_at: Option<Instant>,
}

impl Turns {
    pub(super) fn new(clock: SharedClock, random: Random) -> Self {
        Self { now_ms: clock.now_ms(), clock, random, tag: String::new(), asked_at: None }
    }
}

impl Decider for Turns {
    type Command = Command;
    type Answer = Answer;

    fn opening(&mut self, _most: usize) -> String {
        let bytes: [u8; 16] = self.random.bytes();
        self.tag = hex(bytes);
        store::take(&self.tag)
    }

    async fn begin(&mut self, _conn: &mut Conn, _opened: Vec<AnyRow>) -> Result<(), StoreError> {
        self.now_ms = self.clock.now_ms();
        self.asked_at = Some(Instant::now());
        Ok(())
    }

    fn now_ms(&self) -> i64 {
        self.now_ms
    }

    async fn decide(
        &mut self,
        conn: &mut Conn,
        commands: &[&Command],
        recorder: &mut Recorder<'_>,
    ) -> Result<Vec<Answer>, StoreError> {
        let mut needs = Needs::default();
        commands.iter().for_each(|command| command.needs(&mut needs));
        let known = store::known(conn, &needs, self.now_ms).await?;
        let mut turn = Turn::new(self.now_ms, self.random.clone(), known);
        let (mut answers, mut decided) = (vec![], vec![]);
        for command in commands {
            let (answer, of_command, entry) = command.decide(&mut turn);
            answers.push(answer);
            decided.push(of_command);
            entry.into_iter().for_each(|entry| recorder.audit(entry));
        }
        let changes = turn.into_changes();
        if commands.iter().any(|command| matches!(command, Command::Recount)) {
            store::recount(conn).await?;
        }
        let writes = store::writes(conn, &changes, self.now_ms).await?;
        let rows = recorder.record(conn, decided, writes).await?;
        let leased = outbox::leased(&rows)?;
        answers.iter_mut().for_each(|answer| answer.keep_leased(&leased));
        Ok(answers)
    }

    async fn stands(&mut self, conn: &mut Conn) -> Result<bool, StoreError> {
        store::stands(conn, &self.tag).await
    }

    fn end(&mut self, _outcome: Outcome) {}

    /// There is nothing to learn. An idle replica finds out in this way that its server has gone, before a command does.
    async fn refresh(&mut self, conn: &mut Conn) -> Result<(), StoreError> {
        if self.asked_at.is_some_and(|at| at.elapsed() < PING_INTERVAL) {
            return Ok(());
        }
        store::ping(conn).await?;
        self.asked_at = Some(Instant::now());
        Ok(())
    }
}
