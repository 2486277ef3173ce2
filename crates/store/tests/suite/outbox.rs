//! Owed calls: leased, ordered, never handed out twice.

use std::collections::BTreeSet;

use segue_core::Random;
use segue_store::{
    Database, StoreError,
    outbox::{self, LEASE_MS, NewCall, OwedCall},
};

use crate::engines::{Engines, NOW, at_once};

pub fn call(lane: &str, subject: &str) -> NewCall {
    NewCall {
        lane: lane.to_owned(),
        kind: "test",
        subject: subject.to_owned(),
        payload: vec![0, 255, 7],
        trace_parent: String::new(),
    }
}

/// Owes a call in a write of its own.
pub async fn owe(db: &Database, lane: &str, subject: &str, now: i64) -> Result<Option<OwedCall>, StoreError> {
    db.write((call(lane, subject), now), |conn, (call, now)| {
        Box::pin(async move { outbox::owe(conn, call, *now, &Random::secure()).await })
    })
    .await
}

pub async fn claim(db: &Database, now: i64, limit: i64) -> Vec<OwedCall> {
    db.write((now, limit), |conn, (now, limit)| Box::pin(outbox::claim(conn, *now, *limit))).await.unwrap()
}

pub async fn settle(db: &Database, call: &OwedCall) -> bool {
    db.write(call.id.clone(), |conn, id| Box::pin(outbox::settle(conn, id))).await.unwrap()
}

async fn postpone(db: &Database, call: &OwedCall, until: i64) {
    db.write((call.clone(), until), |conn, (call, until)| Box::pin(outbox::postpone(conn, call, *until)))
        .await
        .unwrap();
}

fn subjects(calls: &[OwedCall]) -> BTreeSet<&str> {
    calls.iter().map(|call| call.subject.as_str()).collect()
}

pub async fn owing_leases_the_first_call_of_a_lane(engines: &Engines) {
    let db = engines.open().await;
    let first = owe(&db, "lane", "1", NOW).await.unwrap().expect("the first is leased");
    assert!(owe(&db, "lane", "2", NOW).await.unwrap().is_none());
    assert_eq!((first.subject.as_str(), first.payload.as_slice()), ("1", [0, 255, 7].as_slice()));
    assert!(claim(&db, NOW, 10).await.is_empty(), "the first is leased, the second not first");
    assert!(settle(&db, &first).await);
    let second = claim(&db, NOW, 10).await;
    assert_eq!(subjects(&second), ["2"].into());
    assert_eq!((second[0].kind.as_str(), second[0].created_at), ("test", NOW));
}

pub async fn an_undone_change_owes_nothing(engines: &Engines) {
    let db = engines.open().await;
    let failed = db
        .write((), |conn, ()| {
            Box::pin(async move {
                outbox::owe(conn, &call("lane", "1"), NOW, &Random::secure()).await?;
                Err::<(), _>(StoreError::Failed)
            })
        })
        .await;
    assert_eq!(failed, Err(StoreError::Failed));
    assert!(claim(&db, NOW + LEASE_MS, 10).await.is_empty());
}

pub async fn a_lane_is_made_in_order(engines: &Engines) {
    let db = engines.open().await;
    let mut next = owe(&db, "lane", "0", NOW).await.unwrap();
    for number in 1..5 {
        owe(&db, "lane", &number.to_string(), NOW - number).await.unwrap();
    }
    for number in 0..5 {
        let call = next.expect("a call is due");
        assert_eq!(call.subject, number.to_string());
        assert!(claim(&db, NOW, 10).await.is_empty(), "one of a lane at a time");
        assert!(settle(&db, &call).await);
        next = claim(&db, NOW, 10).await.pop();
    }
    assert!(next.is_none());
}

pub async fn lanes_do_not_wait_for_each_other(engines: &Engines) {
    let db = engines.open().await;
    for lane in ["a", "b", "c"] {
        assert!(owe(&db, lane, lane, NOW).await.unwrap().is_some());
        assert!(owe(&db, lane, &format!("{lane}2"), NOW).await.unwrap().is_none());
    }
    let later = NOW + LEASE_MS;
    assert_eq!(claim(&db, later, 2).await.len(), 2, "the limit holds");
    assert_eq!(claim(&db, later, 10).await.len(), 1);
}

pub async fn two_handles_never_claim_the_same_call(engines: &Engines) {
    let handles = engines.open_twice().await;
    let owing = handles.clone();
    at_once(200, move |number| {
        let db = owing[number % 2].clone();
        async move { owe(&db, &number.to_string(), &number.to_string(), NOW).await.unwrap() }
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

/// Both compute the same position for the lane; the later one does it again.
pub async fn two_handles_owe_to_one_lane(engines: &Engines) {
    let handles = engines.open_twice().await;
    let owing = handles.clone();
    let leased: Vec<_> = at_once(32, move |number| {
        let db = owing[number % 2].clone();
        async move { owe(&db, "lane", &number.to_string(), NOW).await.unwrap() }
    })
    .await;
    let mut next = leased.into_iter().flatten().collect::<Vec<_>>();
    assert_eq!(next.len(), 1, "one of them is the first");
    let mut made = Vec::new();
    while let Some(call) = next.pop() {
        assert!(settle(&handles[0], &call).await);
        made.push(call);
        next = claim(&handles[1], NOW, 10).await;
        assert!(next.len() <= 1);
    }
    assert_eq!(subjects(&made).len(), 32);
}

pub async fn an_ended_lease_is_claimed_again(engines: &Engines) {
    let db = engines.open().await;
    let first = owe(&db, "lane", "1", NOW).await.unwrap().unwrap();
    assert!(claim(&db, NOW + LEASE_MS - 1, 10).await.is_empty());
    let again = claim(&db, NOW + LEASE_MS, 10).await;
    assert_eq!(subjects(&again), ["1"].into());
    assert_eq!((first.attempts, again[0].attempts), (0, 1));
    assert!(claim(&db, NOW + 2 * LEASE_MS - 1, 10).await.is_empty());
    assert_eq!(claim(&db, NOW + 2 * LEASE_MS, 10).await[0].attempts, 2);
}

pub async fn a_postponed_call_waits(engines: &Engines) {
    let db = engines.open().await;
    let first = owe(&db, "lane", "1", NOW).await.unwrap().unwrap();
    owe(&db, "lane", "2", NOW).await.unwrap();
    postpone(&db, &first, NOW + 500).await;
    assert!(claim(&db, NOW + 499, 10).await.is_empty(), "nor does the second overtake it");
    assert_eq!(subjects(&claim(&db, NOW + 500, 10).await), ["1"].into());
}

pub async fn an_ended_lease_can_not_postpone(engines: &Engines) {
    let db = engines.open().await;
    let late = owe(&db, "lane", "1", NOW).await.unwrap().unwrap();
    let claimed = claim(&db, NOW + LEASE_MS, 10).await;
    assert_eq!(claimed.len(), 1);
    postpone(&db, &late, NOW + LEASE_MS).await;
    assert!(claim(&db, NOW + LEASE_MS, 10).await.is_empty(), "the new holder has it for itself");
    postpone(&db, &claimed[0], NOW + LEASE_MS).await;
    assert_eq!(claim(&db, NOW + LEASE_MS, 10).await.len(), 1);
}

pub async fn a_call_is_settled_once(engines: &Engines) {
    let handles = engines.open_twice().await;
    let call = owe(&handles[0], "lane", "1", NOW).await.unwrap().unwrap();
    let settled = at_once(16, move |number| {
        let (db, call) = (handles[number % 2].clone(), call.clone());
        async move { settle(&db, &call).await }
    })
    .await;
    assert_eq!(settled.into_iter().filter(|settled| *settled).count(), 1);
}
