//! Guessing limits: in the shared store, so that they hold over replicas and restarts; they slide with the time.

use std::{collections::BTreeSet, time::Duration};

use segue_proto::{
    common::v1::ErrorReason,
    issuer::v1::{CancelHandoffRequest, GetHandoffRequest, RedeemCodeRequest},
};
use segue_testkit::{Databases, Storage, refused, request_id};
use segue_tests::Fixture;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::replicas::{Issuer, Replicas, well_formed};

const MINUTE: Duration = Duration::from_secs(60);

/// A wrong code from an account and an address; empty for none.
fn wrong(number: usize, account: &str, address: &str) -> RedeemCodeRequest {
    RedeemCodeRequest {
        account: account.to_owned(),
        source_address: address.to_owned(),
        ..Fixture::redemption(&well_formed(number), &format!("session-{number}"))
    }
}

async fn try_wrong(issuer: &Issuer, number: usize, account: &str, address: &str) -> ErrorReason {
    refused(issuer.clone().redeem_code(wrong(number, account, address)).await).reason
}

fn retry_after<T>(answer: Result<T, Status>) -> Duration {
    let Err(status) = answer else { panic!("the call was not refused") };
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    status.get_error_details().retry_info().and_then(|info| info.retry_delay).expect("a retry delay")
}

/// The replicas that a storage can have.
async fn issuers_of(system: &mut Replicas, storage: Storage) -> [Issuer; 2] {
    let first = system.first();
    let second = if storage == Storage::SqliteMemory { first.clone() } else { system.restart_second().await };
    [first, second]
}

// Over two replicas and a restart, where the database outlives its handle.
segue_testkit::on_every_engine!(limits_hold);

async fn limits_hold(storage: Storage) {
    let mut system = Replicas::start(storage, &[]).await;
    let issuers = issuers_of(&mut system, storage).await;
    an_account_has_five_and_then_ten_a_day(&mut system, &issuers, storage).await;
    let issuers = issuers_of(&mut system, storage).await;
    an_address_has_twenty(&system, &issuers).await;
    parallel_guesses_are_counted_one_by_one(&issuers).await;
    system.stop().await;
}

async fn an_account_has_five_and_then_ten_a_day(
    system: &mut Replicas,
    issuers: &[Issuer; 2],
    storage: Storage,
) {
    let issued = system.fixture.create(Fixture::handoff("call-1")).await;
    let (id, account) = (issued.handoff.as_ref().unwrap().id.clone(), Fixture::account());
    for number in 0..5 {
        let reason = try_wrong(&issuers[number % 2], number, &account, "").await;
        assert_eq!(reason, ErrorReason::CodeNotAccepted, "guess {number}");
    }
    let mut second = issuers[1].clone();
    if storage != Storage::SqliteMemory {
        second = system.restart_second().await;
    }
    let right = Fixture::redemption(&Fixture::digits(&issued), "s");
    let answers = [
        second.redeem_code(wrong(6, &account, "")).await,
        second.redeem_code(right.clone()).await,
        issuers[0].clone().redeem_code(right).await,
    ];
    let shapes: Vec<_> = answers
        .into_iter()
        .map(|answer| {
            let status = answer.unwrap_err();
            let details = status.get_error_details();
            assert_eq!(details.retry_info().unwrap().retry_delay, Some(15 * MINUTE));
            (status.message().to_owned(), format!("{details:?}"))
        })
        .collect();
    assert!(shapes.windows(2).all(|pair| pair[0] == pair[1]), "right and wrong look the same: {shapes:?}");
    let answer = refused(second.redeem_code(wrong(7, &account, "")).await);
    assert_eq!((answer.reason, answer.fields), (ErrorReason::TooManyAttempts, vec!["code".to_owned()]));

    // Another account suffers nothing from it.
    let request = CancelHandoffRequest { request_id: request_id(), id };
    second.cancel_handoff(request).await.unwrap();
    assert_eq!(try_wrong(&second, 8, "app-00000043", "").await, ErrorReason::CodeNotAccepted);

    // The window slides. A success gives back its own count and no more.
    system.clock.advance(15 * MINUTE);
    for number in 10..14 {
        assert_eq!(try_wrong(&second, number, &account, "").await, ErrorReason::CodeNotAccepted);
    }
    let next = system.fixture.create(Fixture::handoff("call-2")).await;
    let right = Fixture::redemption(&Fixture::digits(&next), "t");
    second.redeem_code(right.clone()).await.unwrap();
    assert_eq!(try_wrong(&second, 15, &account, "").await, ErrorReason::CodeNotAccepted, "the fifth");
    assert_eq!(
        retry_after(second.redeem_code(wrong(16, &account, "")).await),
        24 * 60 * MINUTE - 15 * MINUTE
    );
    second.redeem_code(right).await.expect("the winner's repetition is not counted");
    system.clock.advance(24 * 60 * MINUTE - 15 * MINUTE);
    assert_eq!(try_wrong(&second, 17, &account, "").await, ErrorReason::CodeNotAccepted, "a day later");
}

async fn an_address_has_twenty(system: &Replicas, issuers: &[Issuer; 2]) {
    system.clock.advance(15 * MINUTE);
    for number in 0..20 {
        let host = format!("2001:db8:1:2::{number:x}");
        let reason = try_wrong(&issuers[number % 2], number, &format!("guesser-{number}"), &host).await;
        assert_eq!(reason, ErrorReason::CodeNotAccepted, "guess {number}");
    }
    let issued = system.fixture.create(Fixture::handoff("call-3")).await;
    let right = Fixture::redemption(&Fixture::digits(&issued), "u");
    let there = RedeemCodeRequest { source_address: "2001:db8:1:2:ffff::1".into(), ..right.clone() };
    assert_eq!(retry_after(issuers[1].clone().redeem_code(there).await), 10 * MINUTE, "the same /64");
    let elsewhere = RedeemCodeRequest { source_address: "2001:db8:1:3::1".into(), ..right };
    issuers[0].clone().redeem_code(elsewhere).await.expect("another network is free");

    let malformed = RedeemCodeRequest { code: "234567891".into(), ..wrong(1, "", "192.0.2.1") };
    for _ in 0..30 {
        let answer = issuers[0].clone().redeem_code(malformed.clone()).await;
        assert_eq!(refused(answer).reason, ErrorReason::CodeMalformed, "typos are not counted");
    }
    assert_eq!(try_wrong(&issuers[0], 1, "", "192.0.2.1").await, ErrorReason::CodeNotAccepted);
    let nowhere = RedeemCodeRequest { source_address: "here".into(), ..wrong(1, "", "") };
    assert_eq!(refused(issuers[0].clone().redeem_code(nowhere).await).fields, ["source_address"]);
}

/// As many at once as both replicas take: no more than twenty reach the codes.
async fn parallel_guesses_are_counted_one_by_one(issuers: &[Issuer; 2]) {
    let guesses = (0..100).map(|number| {
        let issuer = issuers[number % 2].clone();
        tokio::spawn(async move { try_wrong(&issuer, number, "", "198.51.100.1").await })
    });
    let reasons: Vec<ErrorReason> =
        futures::future::join_all(guesses).await.into_iter().map(Result::unwrap).collect();
    let looked_up = reasons.iter().filter(|reason| **reason == ErrorReason::CodeNotAccepted).count();
    assert_eq!(looked_up, 20);
    let kinds: BTreeSet<&str> = reasons.iter().map(|reason| reason.as_str_name()).collect();
    assert_eq!(kinds.len(), 2, "{kinds:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_behind_one_address_are_served_however_many_they_are() {
    let system = Replicas::start(Storage::SqliteFile, &[]).await;
    for number in 0..19 {
        assert_eq!(
            try_wrong(&system.first(), number, &format!("g{number}"), "203.0.113.9").await,
            ErrorReason::CodeNotAccepted
        );
    }
    for number in 0..30 {
        let issued = system.fixture.create(Fixture::handoff(&format!("call-{number}"))).await;
        let right = Fixture::redemption(&Fixture::digits(&issued), &format!("s-{number}"));
        let right = RedeemCodeRequest { source_address: "203.0.113.9".into(), ..right };
        system.first().redeem_code(right).await.expect("a right code is no wrong one");
    }
    assert_eq!(try_wrong(&system.first(), 20, "g20", "203.0.113.9").await, ErrorReason::CodeNotAccepted);
    assert_eq!(try_wrong(&system.first(), 21, "g21", "203.0.113.9").await, ErrorReason::TooManyAttempts);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_store_nothing_is_accepted() {
    let mut system = Replicas::start_in(Databases::alone(Storage::Postgres), &[]).await;
    let issued = system.fixture.create(Fixture::handoff("call-1")).await;
    let right = Fixture::redemption(&Fixture::digits(&issued), "s");
    system.databases.postgres().unwrap().crash();
    let answer = refused(system.first().redeem_code(right.clone()).await);
    assert_eq!((answer.code, answer.reason), (Code::Unavailable, ErrorReason::StoreUnavailable));
    system.databases.postgres().unwrap().restart();
    segue_testkit::wait_for("the store", || {
        let (mut issuer, id) = (system.first(), issued.handoff.as_ref().unwrap().id.clone());
        async move { issuer.get_handoff(GetHandoffRequest { id }).await.is_ok() }
    })
    .await;
    segue_testkit::wait_for("the redemption", || {
        let (mut issuer, right) = (system.first(), right.clone());
        async move { issuer.redeem_code(right).await.is_ok() }
    })
    .await;
    system.stop().await;
}
