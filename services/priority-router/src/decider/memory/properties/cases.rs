//! Single histories, for what random ones seldom have in them.

use segue_testkit::Storage;

use super::{End, Happened, History, REPLICAS, commands, server::Server};
use crate::store::turns::MOST_TURNS;
use crate::{
    decider::{Command, Texts},
    domain::{self, CodeHash, Name, PutEntry, ReplicaId},
    store::entries,
};

fn put_entry(handoff: &str, code: &str) -> Command {
    let name = |text: &str| Name::from(text);
    let what = domain::Command::PutEntry(PutEntry {
        handoff: name(handoff),
        generation: 1,
        agent: name("a0"),
        source_platform: name("chat"),
        source_session: name("s0"),
        target_platform: name("voice"),
        cost_units: 100,
        same_agent_only: false,
        expires_at: i64::MAX,
        codes: vec![CodeHash(name(code))],
    });
    Command { texts: Texts::Entry(entries::Texts::default()), ..Command::new(what) }
}

fn release(handoff: &str) -> Command {
    Command::new(domain::Command::Release { handoff: handoff.into() })
}

async fn on_sqlite(run: impl AsyncFnOnce(&mut History<'_>)) {
    let (mut server, mut happened) = (Server::start(Storage::SqliteFile).await, Happened::default());
    let mut history = History::new(&mut server, &mut happened, 2).await;
    history.compare(REPLICAS).await;
    history.turn(0, &commands::opening(&history.random), End::Commit).await;
    history.compare(REPLICAS).await;
    run(&mut history).await;
}

/// The rows of a turn are applied in the order of their keys, not of what happened.
#[tokio::test]
async fn a_code_that_changes_hands_in_one_turn_is_known_to_all() {
    on_sqlite(async |history| {
        history.turn(0, &[put_entry("h2", "code")], End::Commit).await;
        history.compare(REPLICAS).await;
        for (before, after) in [("h2", "h1"), ("h1", "h3")] {
            history.turn(0, &[release(before), put_entry(after, "code")], End::Commit).await;
            history.compare(REPLICAS).await;
        }
        for who in 0..REPLICAS {
            let taken = history.decided(who, &put_entry("h4", "code")).await;
            assert_eq!(taken, Err(domain::Refused::CodeTaken(0)), "by replica {who}");
        }
    })
    .await;
}

/// What happened in such a turn, and until everything is loaded, is told to no stream by itself.
#[tokio::test]
async fn streams_begin_anew_after_a_commit_that_was_never_found_out() {
    for stands in [true, false] {
        on_sqlite(async |history| {
            history.turn(0, &commands::opening(&history.random), End::Unknown { stands }).await;
            let conn = &mut history.data.conn;
            segue_store::command::Decider::refresh(&mut history.replicas[0].memory, conn).await.unwrap();
            assert!(history.replicas[0].hear(), "{stands}");
        })
        .await;
    }
}

#[tokio::test]
async fn more_turns_than_are_read_are_not_followed() {
    on_sqlite(async |history| {
        let renew = |number: i64| {
            let replica = ReplicaId(1);
            let (streams, closed) = (vec![], vec![]);
            Command::new(domain::Command::Renew { replica, for_ms: number, streams, closed })
        };
        // The turn that is known is read too.
        for (turns, is_followed) in [(MOST_TURNS - 1, true), (MOST_TURNS, false)] {
            for number in 0..turns {
                history.turn(0, &[renew(number)], End::Commit).await;
            }
            history.all_may_load();
            let before = history.happened.loads;
            history.compare(REPLICAS).await;
            assert_eq!(history.happened.loads - before, if is_followed { 0 } else { 2 }, "{turns}");
        }
    })
    .await;
}
