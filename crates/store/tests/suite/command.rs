//! Commands: decided together, answered with the truth.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::AtomicU32},
};

use futures::FutureExt as _;
use segue_store::{Engine, StoreError, audit, command::Outcome, requests};
use segue_testkit::{WAIT, wait_for};
use tokio::time::timeout;

use crate::{
    engines::{Engines, at_once, execute, open},
    tickets::{
        Command, Gate, Tickets,
        Told::{Error, Refused, Repeated, Reused, Ticket},
        ask, ask_with, key, last_turn, take, tickets, together,
    },
};

segue_testkit::on_every_engine!(crate::engines::on =>
    commands_that_wait_share_a_commit,
    a_repeated_command_is_decided_once,
    repeated_and_new_commands_are_decided_together,
    one_request_in_one_batch_is_decided_once,
    a_command_that_fails_fails_alone,
    a_turn_that_wrote_nothing_is_not_committed,
    a_refusal_keeps_nothing,
    an_act_is_recorded_once,
    a_look_sees_what_others_have_decided,
    a_peek_asks_the_database_nothing,
    contended_turns_are_done_again,
    a_panicking_command_fails_alone,
    a_commit_that_fails_each_time_is_refused,
    replicas_decide_one_after_the_other,
    a_command_is_decided_when_its_caller_has_gone,
    closing_ends_the_decider,
    a_decider_that_nobody_can_ask_ends,
);

async fn commands_that_wait_share_a_commit(engines: &Engines) {
    let db = engines.open().await;
    let (commands, seen) = Tickets::start(&db);
    let waiting = (0..64).map(|number| (Some(key(&number.to_string(), "")), take(format!("{number:02}"))));
    let answers = together(&commands, waiting).await;
    assert_eq!(answers, (1..=64).map(Ticket).collect::<Vec<_>>());
    let expected: Vec<_> = (0..64).map(|number| (number + 1, format!("{number:02}"))).collect();
    assert_eq!(tickets(&db).await, expected);
    assert_eq!((seen.commits(), last_turn(&db).await), (1, 1));
}

async fn a_repeated_command_is_decided_once(engines: &Engines) {
    let [db, other] = engines.open_twice().await;
    let (commands, seen) = Tickets::start(&db);
    assert_eq!(ask_with(&commands, key("a", "x"), take("a")).await, Ticket(1));
    let (others, _) = Tickets::start(&other);
    for commands in [&commands, &others] {
        assert_eq!(ask_with(commands, key("a", "x"), take("a")).await, Repeated(1), "a name that is taken");
        assert_eq!(ask_with(commands, key("a", "x"), take("b")).await, Repeated(1));
        assert_eq!(ask_with(commands, key("a", "x"), Command::Refuse).await, Repeated(1));
        assert_eq!(ask_with(commands, key("a", "y"), take("c")).await, Reused);
        assert_eq!(ask_with(commands, key("a", "y"), Command::Refuse).await, Reused);
    }
    assert_eq!(tickets(&db).await, [(1, "a".to_owned())]);
    assert_eq!((seen.commits(), last_turn(&db).await), (1, 1), "repeating it commits nothing");
}

async fn repeated_and_new_commands_are_decided_together(engines: &Engines) {
    let db = engines.open().await;
    let (commands, seen) = Tickets::start(&db);
    assert_eq!(ask_with(&commands, key("a", "x"), take("a")).await, Ticket(1));
    for first in [2, 4] {
        let name = |number: i64| take(format!("{}", first + number));
        let waiting = [
            (Some(key(&format!("{first}"), "")), name(0)),
            (Some(key("a", "x")), name(9)),
            (Some(key("r", "x")), Command::Refuse),
            (None, name(1)),
        ];
        let answers = together(&commands, waiting).await;
        assert_eq!(answers, [Ticket(first), Repeated(1), Refused, Ticket(first + 1)]);
    }
    // The second time it is asked first which requests are known: those that were held back, and the batch.
    assert_eq!((seen.commits(), seen.turns()), (3, 1 + 3 + 2));
    assert_eq!(tickets(&db).await.len(), 5);
}

async fn one_request_in_one_batch_is_decided_once(engines: &Engines) {
    let db = engines.open().await;
    let (commands, seen) = Tickets::start(&db);
    let waiting = [
        (Some(key("a", "x")), take("a")),
        (Some(key("a", "x")), take("a")),
        (Some(key("b", "x")), take("b")),
        (Some(key("a", "y")), take("c")),
        (None, take("d")),
    ];
    let answers = together(&commands, waiting).await;
    assert_eq!(answers, [Ticket(1), Repeated(1), Ticket(2), Reused, Ticket(3)]);
    assert_eq!((seen.commits(), last_turn(&db).await), (1, 1));
}

/// What nobody can decide: a name that has a ticket, and on PostgreSQL a text with a zero.
async fn a_command_that_fails_fails_alone(engines: &Engines) {
    let db = engines.open().await;
    let (commands, seen) = Tickets::start(&db);
    assert_eq!(ask(&commands, take("taken")).await, Ticket(1));
    assert_eq!(ask(&commands, take("taken")).await, Error(StoreError::Failed));
    let waiting = ["a", "taken", "b", "c\0c", "d"].map(|name| (Some(key(name, "")), take(name)));
    let answers = together(&commands, waiting).await;
    let expected = if db.engine() == Engine::Postgres {
        [Ticket(2), Error(StoreError::Failed), Ticket(3), Error(StoreError::Failed), Ticket(4)]
    } else {
        [Ticket(2), Error(StoreError::Failed), Ticket(3), Ticket(4), Ticket(5)]
    };
    assert_eq!(answers, expected);
    assert_eq!(tickets(&db).await.len(), answers.iter().filter(|told| matches!(told, Ticket(_))).count() + 1);
    assert_eq!(i64::try_from(seen.commits()), Ok(last_turn(&db).await));
    let failed = db.read(async |conn| requests::look_up(conn, &key("taken", "")).await).await;
    assert_eq!(failed, Ok(None), "it may be asked again");
}

async fn a_turn_that_wrote_nothing_is_not_committed(engines: &Engines) {
    let db = engines.open().await;
    let (commands, seen) = Tickets::start(&db);
    assert_eq!(ask(&commands, Command::Refuse).await, Refused);
    assert_eq!(seen.outcomes(), [Outcome::RolledBack]);
    let answers = together(&commands, (0..3).map(|_| (None, Command::Refuse))).await;
    assert_eq!(answers, [Refused, Refused, Refused]);
    assert_eq!((seen.outcomes(), last_turn(&db).await), (vec![Outcome::RolledBack; 3], 0));
    assert_eq!(ask(&commands, take("a")).await, Ticket(1));
    assert_eq!((seen.commits(), last_turn(&db).await), (1, 1));
}

async fn a_refusal_keeps_nothing(engines: &Engines) {
    let db = engines.open().await;
    let (commands, _) = Tickets::start(&db);
    let waiting = [(Some(key("a", "x")), Command::Refuse), (Some(key("b", "x")), take("b"))];
    assert_eq!(together(&commands, waiting).await, [Refused, Ticket(1)]);
    let kept = db.read(async |conn| requests::look_up(conn, &key("a", "x")).await).await;
    assert_eq!(kept, Ok(None));
    assert_eq!(ask_with(&commands, key("a", "x"), take("a")).await, Ticket(2), "now it can be granted");
}

async fn an_act_is_recorded_once(engines: &Engines) {
    let db = engines.open().await;
    let (commands, _) = Tickets::start(&db);
    for _ in 0..2 {
        ask_with(&commands, key("a", "x"), take("a")).await;
        ask_with(&commands, key("b", "x"), Command::Refuse).await;
    }
    let engine = db.engine();
    let linked = db.write(engine, |conn, engine| Box::pin(audit::link(conn, *engine))).await;
    assert_eq!(linked, Ok(1));
    let log = db.read(async |conn| audit::list(conn, 0, &audit::Entry::default(), 10).await).await.unwrap();
    let acts: Vec<_> =
        log.iter().map(|record| (&*record.entry.request_id, &*record.entry.new_value)).collect();
    assert_eq!(acts, [("a", "taken")]);
}

async fn a_look_sees_what_others_have_decided(engines: &Engines) {
    let handles = engines.open_twice().await;
    let deciders = handles.each_ref().map(|db| Tickets::start(db).0);
    for number in 1..=20 {
        let [one, other] = [&deciders[number % 2], &deciders[(number + 1) % 2]];
        let number = i64::try_from(number).unwrap();
        assert_eq!(ask(one, take(number.to_string())).await, Ticket(number));
        assert_eq!(other.look(|tickets| tickets.last()).await, Ok(number));
        assert_eq!(one.peek(|tickets| tickets.last()).await, Ok(number));
    }
}

async fn a_peek_asks_the_database_nothing(engines: &Engines) {
    const PEEKS: usize = 1000;
    let db = engines.open().await;
    let (commands, seen) = Tickets::start(&db);
    assert_eq!(ask(&commands, take("a")).await, Ticket(1));
    let before = seen.refreshes();
    for _ in 0..PEEKS {
        assert_eq!(commands.peek(|tickets| tickets.last()).await, Ok(1));
    }
    // The decider asks now and then by itself.
    let refreshes = seen.refreshes() - before;
    assert!(refreshes < PEEKS / 10, "{refreshes}");
    assert_eq!(seen.turns(), 1);
}

async fn contended_turns_are_done_again(engines: &Engines) {
    let db = engines.open().await;
    let (commands, seen) = Tickets::start(&db);
    let contended = |name: &str, times| (None, Command::Contended(name.to_owned(), AtomicU32::new(times)));
    let answers = together(&commands, [(None, take("a")), contended("b", 4), (None, take("c"))]).await;
    assert_eq!(answers, [Ticket(1), Ticket(2), Ticket(3)]);
    let before = seen.turns();
    let answers = together(&commands, [contended("d", u32::MAX), (None, take("e"))]).await;
    assert_eq!(answers, [Error(StoreError::Contended), Ticket(4)]);
    assert!(seen.turns() - before <= 12, "so often and no more: {}", seen.turns() - before);
    let names: Vec<_> = tickets(&db).await.into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["a", "b", "c", "e"]);
}

/// What it remembers may be half changed, so it is told to forget it.
async fn a_panicking_command_fails_alone(engines: &Engines) {
    let db = engines.open().await;
    let (commands, seen) = Tickets::start(&db);
    let waiting = [(None, take("a")), (Some(key("p", "")), Command::Panic), (None, take("b"))];
    assert_eq!(together(&commands, waiting).await, [Ticket(1), Error(StoreError::Failed), Ticket(2)]);
    let unknown = seen.outcomes().into_iter().filter(|outcome| *outcome == Outcome::Unknown).count();
    assert_eq!(unknown, 2, "once with the others, and once alone");
    assert_eq!(ask(&commands, take("c")).await, Ticket(3));
    assert_eq!(commands.look(|tickets| tickets.last()).await, Ok(3));
    db.ping().await.unwrap();
}

/// Were it decided again for ever, nothing else would be decided.
async fn a_commit_that_fails_each_time_is_refused(engines: &Engines) {
    for failure in FailingCommits::of(engines) {
        let db = engines.open().await;
        let (commands, seen) = Tickets::start(&db);
        assert_eq!(ask(&commands, take("a")).await, Ticket(1));
        for statement in failure.begin {
            execute(&db, statement).await;
        }
        let waiting = ["b", "c", "d"].map(|name| (Some(key(name, "")), take(name)));
        let told = timeout(WAIT, together(&commands, waiting)).await.expect("decided again and again");
        assert_eq!(told, vec![Error(failure.error); 3]);
        // The first, the one that they waited behind, all three together, and each alone.
        assert_eq!(seen.turns(), 1 + 1 + 1 + 3);
        // What comes before that turn is over is refused with it.
        commands.look(|tickets| tickets.last()).await.ok();
        let told = timeout(WAIT, ask_with(&commands, key("b", ""), take("b"))).await;
        assert_eq!(told.expect("decided again and again"), Error(failure.error));
        assert_eq!(seen.turns(), 6 + 2, "a command that comes alone is decided twice");
        assert_eq!(tickets(&db).await, [(1, "a".to_owned())]);

        execute(&db, failure.end).await;
        assert_eq!(ask_with(&commands, key("b", ""), take("b")).await, Ticket(2), "nothing was kept");
        assert_eq!(seen.commits(), 2);
    }
}

/// Statements that let each commit of a ticket fail, and what comes of it.
struct FailingCommits {
    begin: &'static [&'static str],
    end: &'static str,
    /// What a caller is told.
    error: StoreError,
}

impl FailingCommits {
    /// On SQLite only a constraint can be made to fail at the commit.
    fn of(engines: &Engines) -> Vec<Self> {
        if engines.is_postgres() {
            vec![Self::full_disk(), Self::late_check()]
        } else {
            vec![Self::foreign_key()]
        }
    }

    /// Whether it stands has to be found out: it is decided once more.
    fn full_disk() -> Self {
        let begin = &[
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END $$",
            "CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON tickets DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION fail()",
        ];
        Self { begin, end: "DROP TRIGGER fail ON tickets", error: StoreError::Unavailable }
    }

    fn late_check() -> Self {
        let begin = &[
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN RAISE EXCEPTION 'not allowed' USING ERRCODE = 'check_violation'; END $$",
            "CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON tickets DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION fail()",
        ];
        Self { begin, end: "DROP TRIGGER fail ON tickets", error: StoreError::Failed }
    }

    fn foreign_key() -> Self {
        let begin = &[
            "CREATE TABLE parents (id BIGINT PRIMARY KEY)",
            "CREATE TABLE orphans (parent BIGINT REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)",
            "CREATE TRIGGER fail AFTER INSERT ON tickets BEGIN INSERT INTO orphans VALUES (1); END",
        ];
        Self { begin, end: "DROP TRIGGER fail", error: StoreError::Failed }
    }
}

async fn replicas_decide_one_after_the_other(engines: &Engines) {
    let handles = engines.open_twice().await;
    let deciders = handles.each_ref().map(|db| Tickets::start(db).0);
    let answers = at_once(64, move |number| {
        let commands = deciders[number % 2].clone();
        async move { ask(&commands, take(number.to_string())).await }
    })
    .await;
    let numbers: BTreeSet<i64> = answers
        .iter()
        .map(|told| if let Ticket(number) = told { *number } else { panic!("{told:?}") })
        .collect();
    assert_eq!(numbers, (1..=64).collect());
    assert_eq!(tickets(&handles[0]).await.len(), 64);
}

async fn a_command_is_decided_when_its_caller_has_gone(engines: &Engines) {
    let db = engines.open().await;
    let (commands, _) = Tickets::start(&db);
    let gate = Gate::new();
    assert_eq!(ask(&commands, Command::Hold(gate.clone())).now_or_never(), None);
    gate.reached().await;
    assert_eq!(ask(&commands, take("a")).now_or_never(), None);
    gate.open();
    assert_eq!(commands.look(|tickets| tickets.last()).await, Ok(1));
    assert_eq!(ask(&commands, take("b")).await, Ticket(2));
}

/// The turn under way is finished; what waits behind it is not begun.
async fn closing_ends_the_decider(engines: &Engines) {
    let url = engines.url();
    let db = open(&url).await;
    let (commands, seen) = Tickets::start(&db);
    let gate = Gate::new();
    let mut holding = Box::pin(ask(&commands, Command::Hold(gate.clone())));
    assert_eq!((&mut holding).now_or_never(), None);
    gate.reached().await;
    let mut waiting = Box::pin(ask(&commands, take("a")));
    assert_eq!((&mut waiting).now_or_never(), None);
    let mut closing = Box::pin(db.close());
    assert_eq!((&mut closing).now_or_never(), None);
    gate.open();
    assert_eq!(holding.await, Refused);
    assert_eq!(waiting.await, Error(StoreError::Unavailable));
    closing.await;
    assert_eq!(Arc::strong_count(&seen), 1, "the decider is gone");
    assert_eq!(ask(&commands, take("b")).await, Error(StoreError::Unavailable));
    assert_eq!(commands.look(|tickets| tickets.last()).await, Err(StoreError::Unavailable));
    if engines.is_durable() {
        assert_eq!(tickets(&open(&url).await).await, []);
    }
}

async fn a_decider_that_nobody_can_ask_ends(engines: &Engines) {
    let db = engines.open().await;
    let (commands, seen) = Tickets::start(&db);
    assert_eq!(ask(&commands, take("a")).await, Ticket(1));
    drop(commands);
    wait_for("the decider's end", || async { Arc::strong_count(&seen) == 1 }).await;
    assert_eq!(tickets(&db).await.len(), 1);
}
