//! Owed calls: leased, ordered, never handed out twice.

use std::collections::{BTreeSet, HashSet};

use segue_core::{Random, new_id};
use segue_store::{
    Database, StoreError, Writes,
    outbox::{self, LEASE_MS, NewCall, OwedCall},
};

use sqlx::Executor as _;

use crate::engines::{Engines, NOW, at_once};

segue_testkit::on_every_engine!(crate::engines::on =>
    owing_leases_the_first_call_of_a_lane,
    an_undone_change_owes_nothing,
    a_lane_is_made_in_order,
    lanes_do_not_wait_for_each_other,
    two_handles_never_claim_the_same_call,
    two_handles_owe_to_one_lane,
    an_ended_lease_is_claimed_again,
    a_postponed_call_waits,
    an_ended_lease_can_not_postpone,
    what_is_owed_together_is_made_in_order,
    a_call_behind_one_that_is_settled_with_it_is_the_first,
);

pub fn call(lane: &str, subject: &str) -> NewCall {
    NewCall {
        id: new_id("call", NOW, &Random::secure()),
        lane: lane.to_owned(),
        kind: "test",
        subject: subject.to_owned(),
        payload: vec![0, 255, 7],
        trace_parent: String::new(),
        behind: None,
    }
}

/// Owes calls, and settles some, in a write of its own. Answers the ids of those that are leased.
async fn write(db: &Database, calls: &[NewCall], settled: &[&str], now: i64) -> HashSet<String> {
    let settled: Vec<String> = settled.iter().map(|id| (*id).to_owned()).collect();
    db.write((calls.to_vec(), settled, now), |conn, (calls, settled, now)| {
        Box::pin(async move {
            // The lock that all who owe calls take.
            conn.execute(
                "INSERT INTO items (id, amount) VALUES ('lock', 0) ON CONFLICT (id) DO UPDATE SET amount = 0",
            )
            .await?;
            let mut writes = Writes::default();
            outbox::owe(&mut writes, calls.clone(), *now);
            outbox::settle(&mut writes, settled.iter().map(String::as_str));
            outbox::leased(&writes.run(conn).await?)
        })
    })
    .await
    .unwrap()
}

/// Owes a call, and answers it if it is leased.
pub async fn owe(db: &Database, lane: &str, subject: &str, now: i64) -> Option<OwedCall> {
    let NewCall { id, kind, subject, payload, trace_parent, .. } = &call(lane, subject);
    let new = NewCall { id: id.clone(), ..call(lane, subject) };
    let leased = write(db, &[new], &[], now).await;
    leased.contains(id).then(|| OwedCall {
        id: id.clone(),
        kind: (*kind).to_owned(),
        subject: subject.clone(),
        payload: payload.clone(),
        trace_parent: trace_parent.clone(),
        attempts: 0,
        created_at: now,
    })
}

pub async fn claim(db: &Database, now: i64, limit: i64) -> Vec<OwedCall> {
    db.write((now, limit), |conn, (now, limit)| Box::pin(outbox::claim(conn, *now, *limit))).await.unwrap()
}

pub async fn settle(db: &Database, call: &OwedCall) {
    write(db, &[], &[&call.id], NOW).await;
}

async fn postpone(db: &Database, call: &OwedCall, until: i64) {
    db.write((call.clone(), until), |conn, (call, until)| Box::pin(outbox::postpone(conn, call, *until)))
        .await
        .unwrap();
}

fn subjects(calls: &[OwedCall]) -> BTreeSet<&str> {
    calls.iter().map(|call| call.subject.as_str()).collect()
}

async fn owing_leases_the_first_call_of_a_lane(engines: &Engines) {
    let db = engines.open().await;
    let first = owe(&db, "lane", "1", NOW).await.expect("the first is leased");
    assert!(owe(&db, "lane", "2", NOW).await.is_none());
    assert_eq!((first.subject.as_str(), first.payload.as_slice()), ("1", [0, 255, 7].as_slice()));
    assert!(claim(&db, NOW, 10).await.is_empty(), "the first is leased, the second not first");
    settle(&db, &first).await;
    let second = claim(&db, NOW, 10).await;
    assert_eq!(subjects(&second), ["2"].into());
    assert_eq!((second[0].kind.as_str(), second[0].created_at), ("test", NOW));
}

async fn an_undone_change_owes_nothing(engines: &Engines) {
    let db = engines.open().await;
    let failed = db
        .write((), |conn, ()| {
            Box::pin(async move {
                let mut writes = Writes::default();
                outbox::owe(&mut writes, vec![call("lane", "1")], NOW);
                assert_eq!(outbox::leased(&writes.run(conn).await?)?.len(), 1);
                Err::<(), _>(StoreError::Failed)
            })
        })
        .await;
    assert_eq!(failed, Err(StoreError::Failed));
    assert!(claim(&db, NOW + LEASE_MS, 10).await.is_empty());
}

async fn a_lane_is_made_in_order(engines: &Engines) {
    let db = engines.open().await;
    let mut next = owe(&db, "lane", "0", NOW).await;
    for number in 1..5 {
        owe(&db, "lane", &number.to_string(), NOW - number).await;
    }
    for number in 0..5 {
        let call = next.expect("a call is due");
        assert_eq!(call.subject, number.to_string());
        assert!(claim(&db, NOW, 10).await.is_empty(), "one of a lane at a time");
        settle(&db, &call).await;
        next = claim(&db, NOW, 10).await.pop();
    }
    assert!(next.is_none());
}

async fn lanes_do_not_wait_for_each_other(engines: &Engines) {
    let db = engines.open().await;
    for lane in ["a", "b", "c"] {
        assert!(owe(&db, lane, lane, NOW).await.is_some());
        assert!(owe(&db, lane, &format!("{lane}2"), NOW).await.is_none());
    }
    let later = NOW + LEASE_MS;
    assert_eq!(claim(&db, later, 2).await.len(), 2, "the limit holds");
    assert_eq!(claim(&db, later, 10).await.len(), 1);
}

async fn two_handles_never_claim_the_same_call(engines: &Engines) {
    let handles = engines.open_twice().await;
    let owing = handles.clone();
    at_once(200, move |number| {
        let db = owing[number % 2].clone();
        async move { owe(&db, &number.to_string(), &number.to_string(), NOW).await }
    })
    .await;
    let claiming = handles.clone();
    let claimed: Vec<OwedCall> = at_once(60, move |number| {
        let db = claiming[number % 2].clone();
        async move { claim(&db, NOW + LEASE_MS, 7).await }
    })
    .await
    .concat();
    assert_eq!(subjects(&claimed).len(), claimed.len(), "none was handed out twice");
    let rest = claim(&handles[0], NOW + LEASE_MS, 200).await;
    assert_eq!(claimed.len() + rest.len(), 200, "all were handed out");
}

async fn two_handles_owe_to_one_lane(engines: &Engines) {
    let handles = engines.open_twice().await;
    let owing = handles.clone();
    let leased: Vec<_> = at_once(32, move |number| {
        let db = owing[number % 2].clone();
        async move { owe(&db, "lane", &number.to_string(), NOW).await }
    })
    .await;
    let mut next = leased.into_iter().flatten().collect::<Vec<_>>();
    assert_eq!(next.len(), 1, "one of them is the first");
    let mut made = Vec::new();
    while let Some(call) = next.pop() {
        settle(&handles[0], &call).await;
        made.push(call);
        next = claim(&handles[1], NOW, 10).await;
        assert!(next.len() <= 1);
    }
    assert_eq!(subjects(&made).len(), 32);
}

async fn an_ended_lease_is_claimed_again(engines: &Engines) {
    let db = engines.open().await;
    let first = owe(&db, "lane", "1", NOW).await.unwrap();
    assert!(claim(&db, NOW + LEASE_MS - 1, 10).await.is_empty());
    let again = claim(&db, NOW + LEASE_MS, 10).await;
    assert_eq!(subjects(&again), ["1"].into());
    assert_eq!((first.attempts, again[0].attempts), (0, 1));
    assert!(claim(&db, NOW + 2 * LEASE_MS - 1, 10).await.is_empty());
    assert_eq!(claim(&db, NOW + 2 * LEASE_MS, 10).await[0].attempts, 2);
}

async fn a_postponed_call_waits(engines: &Engines) {
    let db = engines.open().await;
    let first = owe(&db, "lane", "1", NOW).await.unwrap();
    owe(&db, "lane", "2", NOW).await;
    postpone(&db, &first, NOW + 500).await;
    assert!(claim(&db, NOW + 499, 10).await.is_empty(), "nor does the second overtake it");
    assert_eq!(subjects(&claim(&db, NOW + 500, 10).await), ["1"].into());
}

async fn an_ended_lease_can_not_postpone(engines: &Engines) {
    let db = engines.open().await;
    let late = owe(&db, "lane", "1", NOW).await.unwrap();
    let claimed = claim(&db, NOW + LEASE_MS, 10).await;
    assert_eq!(claimed.len(), 1);
    postpone(&db, &late, NOW + LEASE_MS).await;
    assert!(claim(&db, NOW + LEASE_MS, 10).await.is_empty(), "the new holder has it for itself");
    postpone(&db, &claimed[0], NOW + LEASE_MS).await;
    assert_eq!(claim(&db, NOW + LEASE_MS, 10).await.len(), 1);
}

async fn what_is_owed_together_is_made_in_order(engines: &Engines) {
    let db = engines.open().await;
    let calls = ["1", "2", "3"].map(|subject| call("lane", subject));
    let leased = write(&db, &calls, &[], NOW).await;
    assert_eq!(leased, [calls[0].id.clone()].into(), "the first of its lane");
    for expected in ["1", "2", "3"] {
        let made = claim(&db, NOW + LEASE_MS, 10).await;
        assert_eq!(subjects(&made), [expected].into());
        settle(&db, &made[0]).await;
    }
}

async fn a_call_behind_one_that_is_settled_with_it_is_the_first(engines: &Engines) {
    let db = engines.open().await;
    let first = owe(&db, "lane", "1", NOW).await.unwrap();
    let [behind, other] = ["2", "3"].map(|subject| call("lane", subject));
    let behind = NewCall { behind: Some(first.id.clone()), ..behind };
    assert_eq!(write(&db, &[behind.clone(), other], &[&first.id], NOW).await, [behind.id].into());
    assert!(claim(&db, NOW, 10).await.is_empty(), "and the next waits for it");
}
