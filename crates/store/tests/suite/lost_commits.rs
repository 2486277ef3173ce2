//! What callers of a decider are told when a commit is not answered, and when a server takes no writes any more.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use segue_store::{
    Conn, Database, StoreError,
    command::{Commands, Outcome},
};
use segue_testkit::{Databases, Postgres, Proxy, Storage, wait_for};
use sqlx::{Connection as _, Executor as _, Row as _};

use crate::{
    engines::{amount, open, reach, write_item},
    tickets::{
        Seen, Tickets,
        Told::{self, Error, Repeated, Ticket},
        ask, ask_with, key, take, tickets, together,
    },
};

/// A decider behind a proxy, and another one that is not.
struct World {
    _databases: Databases,
    url: String,
    proxy: Proxy,
    db: Database,
    commands: Commands<Tickets>,
    seen: Arc<Seen>,
    other: Commands<Tickets>,
    _other: Database,
}

impl World {
    async fn start() -> Self {
        let databases = Databases::start(Storage::Postgres);
        let url = databases.create();
        let (proxy, through) = Proxy::before(&url).await;
        let db = open(&through).await;
        let (commands, seen) = Tickets::start(&db);
        let direct = open(&url).await;
        let (other, _) = Tickets::start(&direct);
        Self { _databases: databases, url, proxy, db, commands, seen, other, _other: direct }
    }

    /// Commands a, b and c at once.
    async fn three(&self) -> Vec<Told> {
        together(&self.commands, ["a", "b", "c"].map(|name| (Some(key(name, "")), take(name)))).await
    }

    async fn names(&self) -> String {
        let there = tickets(&open(&self.url).await).await;
        let numbers: Vec<_> = there.iter().map(|(number, _)| *number).collect();
        let expected: Vec<_> = (1..).take(there.len()).collect();
        assert_eq!(numbers, expected);
        there.into_iter().map(|(_, name)| name).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_stands_is_answered_though_its_answer_was_lost() {
    let world = World::start().await;
    world.proxy.lose_next_commit();
    assert_eq!(world.three().await, [Ticket(1), Ticket(2), Ticket(3)]);
    assert_eq!(world.names().await, "abc");
    // The first was the turn that they waited behind.
    assert_eq!(world.seen.outcomes(), [Outcome::RolledBack, Outcome::Committed], "decided once");
    assert_eq!(world.proxy.lost(), 1);
    assert_eq!(ask_with(&world.commands, key("b", ""), take("b")).await, Repeated(2));
    assert_eq!(ask(&world.commands, take("d")).await, Ticket(4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_never_came_to_the_server_is_decided_again() {
    let world = World::start().await;
    world.proxy.lose_before_next_commit();
    assert_eq!(world.three().await, [Ticket(1), Ticket(2), Ticket(3)]);
    assert_eq!(world.names().await, "abc");
    let outcomes = world.seen.outcomes();
    assert_eq!(outcomes[..3], [Outcome::RolledBack, Outcome::RolledBack, Outcome::Committed]);
    assert_eq!((world.seen.commits(), world.proxy.lost()), (3, 1), "one by one, and each once");
}

/// Others decide while the truth is looked for, so the turn is not the last one any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_is_found_behind_those_of_others() {
    let world = World::start().await;
    world.proxy.lose_next_commit();
    world.proxy.refuse_after_loss(true);
    let (told, _) = tokio::join!(world.three(), async {
        wait_for("the loss", || async { world.proxy.lost() == 1 }).await;
        assert_eq!(ask(&world.other, take("x")).await, Ticket(4));
        assert_eq!(ask(&world.other, take("y")).await, Ticket(5));
        world.proxy.refuse_after_loss(false);
    });
    assert_eq!(told, [Ticket(1), Ticket(2), Ticket(3)]);
    assert_eq!(world.commands.look(|tickets| tickets.last()).await, Ok(5));
    assert_eq!(world.names().await, "abcxy");
    assert_eq!(world.seen.commits(), 1);
}

/// Another turn has the number of the one that is looked for.
#[tokio::test(flavor = "multi_thread")]
async fn a_turn_of_another_is_not_taken_for_the_one_that_was_lost() {
    let world = World::start().await;
    world.proxy.lose_before_next_commit();
    world.proxy.refuse_after_loss(true);
    let (told, _) = tokio::join!(world.three(), async {
        wait_for("the loss", || async { world.proxy.lost() == 1 }).await;
        assert_eq!(ask(&world.other, take("x")).await, Ticket(1));
        world.proxy.refuse_after_loss(false);
    });
    assert_eq!(told, [Ticket(2), Ticket(3), Ticket(4)]);
    assert_eq!(world.names().await, "xabc");
}

/// The limit is 10 seconds.
#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_found_out_is_unavailable() {
    let world = World::start().await;
    world.proxy.lose_next_commit();
    world.proxy.refuse_after_loss(true);
    assert_eq!(world.three().await, vec![Error(StoreError::Unavailable); 3]);
    assert_eq!(world.seen.outcomes(), [Outcome::RolledBack, Outcome::Unknown]);
    assert_eq!(world.db.ping().await, Err(StoreError::Unavailable));
    assert_eq!(world.commands.look(|tickets| tickets.last()).await, Err(StoreError::Unavailable));
    assert_eq!(world.commands.peek(|tickets| tickets.last()).await, Ok(0), "a peek asks no database");
    assert_eq!(ask(&world.commands, take("d")).await, Error(StoreError::Unavailable));

    world.proxy.refuse_after_loss(false);
    wait_for("the database", || async { world.db.ping().await.is_ok() }).await;
    // It had happened, and asking again tells.
    assert_eq!(ask_with(&world.commands, key("a", ""), take("a")).await, Repeated(1));
    assert_eq!(ask(&world.commands, take("e")).await, Ticket(4));
    assert_eq!(world.names().await, "abce");
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_does_not_wait_for_the_truth() {
    let world = World::start().await;
    world.proxy.lose_next_commit();
    world.proxy.refuse_after_loss(true);
    let (told, closed_after) = tokio::join!(world.three(), async {
        wait_for("the loss", || async { world.proxy.lost() == 1 }).await;
        let began = Instant::now();
        world.db.close().await;
        began.elapsed()
    });
    assert_eq!(told, vec![Error(StoreError::Unavailable); 3]);
    assert_eq!(world.seen.outcomes(), [Outcome::RolledBack, Outcome::Unknown]);
    assert!(closed_after < Duration::from_secs(9), "{closed_after:?}, and the limit is 10 s");
    assert_eq!(world.names().await, "abc");
}

/// The server's processes for connections that don't listen.
async fn connections(url: &str) -> BTreeSet<i32> {
    let mut conn = Conn::connect(url).await.unwrap();
    let pids = "SELECT pid FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid() AND query NOT LIKE 'LISTEN%'";
    let found = conn.fetch_all(pids).await.unwrap().iter().map(|row| row.get("pid")).collect();
    conn.close().await.unwrap();
    found
}

/// As a primary that was demoted: it answers, and takes no writes.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_turns_read_only_is_left() {
    let postgres = Postgres::start();
    let url = postgres.database();
    let db = open(&url).await;
    let (commands, _) = Tickets::start(&db);
    assert_eq!(ask(&commands, take("a")).await, Ticket(1));
    write_item(&db, "before", 1).await.unwrap();
    let before = connections(&url).await;
    assert!(before.len() >= 2, "the decider's, and the pool's: {before:?}");

    postgres.make_read_only();
    // The server's processes learn of it one by one.
    let number = AtomicUsize::new(0);
    wait_for("a refused write", || async {
        let name = format!("b{}", number.fetch_add(1, SeqCst));
        ask(&commands, take(name)).await == Error(StoreError::Unavailable)
    })
    .await;
    assert_eq!(ask(&commands, take("c")).await, Error(StoreError::Unavailable));
    assert_eq!(write_item(&db, "meanwhile", 1).await, Err(StoreError::Unavailable));
    assert_eq!(db.ping().await, Err(StoreError::Unavailable));
    let kept = |now: BTreeSet<i32>| before.intersection(&now).copied().collect::<Vec<_>>();
    wait_for("the connections' end", || async { kept(connections(&url).await).is_empty() }).await;

    assert_eq!(reach(&db).await, Err(StoreError::Unavailable), "nor are new ones made to it");

    postgres.sql("ALTER SYSTEM RESET default_transaction_read_only");
    postgres.sql("SELECT pg_reload_conf()");
    wait_for("a write", || async { matches!(ask(&commands, take("d")).await, Ticket(_)) }).await;
    write_item(&db, "after", 1).await.unwrap();
    db.ping().await.unwrap();
    assert_eq!((amount(&db, "meanwhile").await, amount(&db, "after").await), (None, Some(1)));
    assert!(!tickets(&db).await.iter().any(|(_, name)| name == "c"));
}
