use std::{sync::Arc, time::Duration};

use segue_core::{CallerId, Clock as _, ManualClock, Random};
use segue_store::{
    Conn, Database, Settings,
    command::{Decider as _, Recorder},
    migrations,
    outbox::OwedCall,
    requests::RequestKey,
};
use segue_testkit::Databases;
use sqlx::{AssertSqlSafe, Column as _, Connection as _, Executor as _, Row as _, any::AnyRow};

use crate::{
    decider::{Command, turns::Turns},
    domain::handoff::Handoff,
    store::{self, Filter},
};

/// A decider whose turns are made by hand.
pub(super) struct Replica {
    pub conn: Conn,
    begin: &'static str,
    pub turns: Turns,
    clock: Arc<ManualClock>,
}

impl Replica {
    /// Of a new database.
    pub(super) async fn new(databases: &Databases, seed: u64) -> Self {
        let url = databases.create();
        Database::open(&Settings::of_url(&url), migrations!()).await.unwrap().close().await;
        Self::of(&url, seed).await
    }

    /// Of a database that is there.
    pub(super) async fn of(url: &str, seed: u64) -> Self {
        let conn = Conn::connect(url).await.unwrap();
        let clock = ManualClock::starting_at(super::START);
        let turns = Turns::new(clock.clone(), Random::seeded(seed));
        let begin = if url.starts_with("postgres") { "BEGIN" } else { "BEGIN IMMEDIATE" };
        Self { conn, begin, turns, clock }
    }

    /// Decides commands in one turn. Answers what came of each, without the ids of calls.
    pub(super) async fn turn(
        &mut self,
        commands: &[(Option<RequestKey>, Command)],
        now_ms: i64,
    ) -> Vec<String> {
        self.begin(now_ms, commands.len()).await;
        let keys = commands.iter().map(|(key, _)| key.as_ref()).collect();
        let mut recorder = Recorder::new(keys, now_ms, true);
        let commands: Vec<&Command> = commands.iter().map(|(_, command)| command).collect();
        let answers = self.turns.decide(&mut self.conn, &commands, &mut recorder).await.unwrap();
        self.end("COMMIT").await;
        answers.iter().map(|answer| without_ids(&format!("{answer:?}"))).collect()
    }

    /// Begins a turn.
    pub(super) async fn begin(&mut self, now_ms: i64, commands: usize) {
        self.clock.advance(Duration::from_millis((now_ms - self.clock.now_ms()).unsigned_abs()));
        let opening = self.turns.opening(commands);
        self.start().await;
        self.conn.execute(sqlx::raw_sql(AssertSqlSafe(opening))).await.unwrap();
        self.turns.begin(&mut self.conn, vec![]).await.unwrap();
    }

    /// Begins a transaction.
    pub(super) async fn start(&mut self) {
        self.conn.execute(self.begin).await.unwrap();
    }

    pub(super) async fn end(&mut self, statement: &'static str) {
        self.conn.execute(statement).await.unwrap();
    }

    /// What is owed and may be made, in an order that doesn't depend on ids: of each lane the first.
    pub(super) async fn calls(&mut self) -> Vec<OwedCall> {
        let first = "SELECT * FROM outbox o WHERE NOT EXISTS
                         (SELECT 1 FROM outbox e WHERE e.lane = o.lane AND e.position < o.position) ORDER BY lane";
        let rows = self.conn.fetch_all(first).await.unwrap();
        let call = |row: &AnyRow| OwedCall {
            id: row.get("id"),
            kind: row.get("kind"),
            subject: row.get("subject"),
            payload: row.get("payload"),
            trace_parent: row.get("trace_parent"),
            attempts: row.get("attempts"),
            created_at: row.get("created_at"),
        };
        rows.iter().map(call).collect()
    }

    pub(super) async fn handoffs(&mut self) -> Vec<Handoff> {
        let all = Filter {
            state: None,
            agent: String::new(),
            failed_only: false,
            before: String::new(),
            limit: 1000,
        };
        let stored = store::list(&mut self.conn, &all, 0).await.unwrap();
        stored.into_iter().map(|stored| stored.handoff).collect()
    }

    /// All rows, without ids that are drawn and places that only tell an order.
    pub(super) async fn rows(&mut self) -> Vec<String> {
        let queries = [
            "SELECT * FROM handoffs",
            "SELECT * FROM codes",
            "SELECT * FROM access_infos",
            "SELECT guesser, account, codes, guessed_at, expires_at, cleared FROM guesses",
            "SELECT * FROM guess_totals",
            "SELECT * FROM live_codes WHERE live <> 0",
            "SELECT lane, kind, subject, payload, trace_parent, attempts, next_at, lease_until,
                    ROW_NUMBER() OVER (PARTITION BY lane ORDER BY position) AS nth FROM outbox",
            "SELECT request_id, method, fingerprint, response FROM requests",
            "SELECT at, subject, method, resource, request_id, outcome, old_value, new_value FROM audit_pending",
        ];
        let mut all = vec![];
        for query in queries {
            let rows = self.conn.fetch_all(query).await.unwrap();
            all.extend(rows.iter().map(|row| format!("{query}: {}", shown(row))));
        }
        all.sort();
        all
    }

    /// The count of live codes that turns keep is what counting anew finds.
    pub(super) async fn check_live_codes(&mut self, seed: u64) {
        let counted = "SELECT target_platform AS platform, COUNT(*) AS live FROM handoffs
                       WHERE state = 'ISSUED' AND target_account = '' GROUP BY target_platform ORDER BY platform";
        let kept = "SELECT platform, live FROM live_codes WHERE live <> 0 ORDER BY platform";
        let [counted, kept] = [self.conn.fetch_all(counted).await, self.conn.fetch_all(kept).await]
            .map(|rows| rows.unwrap().iter().map(shown).collect::<Vec<_>>());
        assert_eq!(counted, kept, "live codes of seed {seed}");
    }
}

pub(super) fn key(id: u64) -> Option<RequestKey> {
    let id = format!("00000000-0000-4000-8000-{id:012x}");
    Some(RequestKey::plain(&CallerId::unauthenticated(), &id, "Test", &()))
}

fn shown(row: &AnyRow) -> String {
    let value = |index: usize| {
        row.try_get::<Option<i64>, _>(index)
            .map(|number| format!("{number:?}"))
            .or_else(|_| row.try_get::<Option<String>, _>(index).map(|text| format!("{text:?}")))
            .or_else(|_| row.try_get::<Option<Vec<u8>>, _>(index).map(|bytes| format!("{bytes:?}")))
            .unwrap()
    };
    let columns = row.columns().iter().enumerate();
    columns.map(|(index, column)| format!("{}={} ", column.name(), value(index))).collect()
}

/// Without the ids of calls, which are drawn, and without what only a batch has to tell of them.
fn without_ids(text: &str) -> String {
    let text = &text.replace("behind: None", "").replace("behind: Some(", "(");
    let mut parts = text.split("call_");
    let first = parts.next().unwrap_or_default().to_owned();
    parts
        .fold(first, |text, part| text + "call" + part.get(32..).unwrap_or_default())
        .replace("(\"call\")", "")
}
