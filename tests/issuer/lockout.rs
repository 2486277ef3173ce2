//! Who is locked out, by whom, until when, and what the desk can do about it.

use std::time::Duration;

use segue_proto::{
    common::v1::ErrorReason,
    issuer::v1::{
        CreateHandoffResponse, GetHandoffRequest, Handoff, RedeemCodeRequest, ReissueCodeRequest,
        WatchHandoffRequest,
    },
};
use segue_testkit::{Storage, refused, request_id};
use segue_tests::Fixture;
use tonic_types::StatusExt as _;

use crate::replicas::{Issuer, Replicas, well_formed};

const MINUTE: Duration = Duration::from_secs(60);
/// What an account may get wrong in a quarter of an hour.
const ACCOUNT_LIMIT: usize = 5;

async fn wrong(issuer: &Issuer, number: usize) -> ErrorReason {
    let guess = Fixture::redemption(&well_formed(number), &format!("guess-{number}"));
    refused(issuer.clone().redeem_code(guess).await).reason
}

async fn handoff(issuer: &Issuer, id: &str) -> Handoff {
    let request = GetHandoffRequest { id: id.to_owned() };
    issuer.clone().get_handoff(request).await.unwrap().into_inner().handoff.unwrap()
}

fn seconds(handoff: &Handoff) -> Option<i64> {
    handoff.lockout_end_time.map(|end| end.seconds)
}

fn id_of(issued: &CreateHandoffResponse) -> String {
    issued.handoff.as_ref().unwrap().id.clone()
}

segue_testkit::on_durable_engines!(the_right_code_sent_many_times_is_answered_alike);

/// A reload, a double tap, sixteen at once: each with a request id of its own.
async fn the_right_code_sent_many_times_is_answered_alike(storage: Storage) {
    let mut system = Replicas::start(storage, &[]).await;
    let issuers = [system.first(), system.restart_second().await];
    let issued = system.fixture.create(Fixture::handoff("call-1")).await;
    let code = Fixture::digits(&issued);
    let sends = (0..16).map(|number| {
        let (mut issuer, request) = (issuers[number % 2].clone(), Fixture::redemption(&code, "app-1"));
        tokio::spawn(async move { issuer.redeem_code(request).await.map(tonic::Response::into_inner) })
    });
    let answers: Vec<_> =
        futures::future::join_all(sends).await.into_iter().map(|sent| sent.unwrap().unwrap()).collect();
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    let qr = &issued.access_info.as_ref().unwrap().entry_uri;
    assert!(!qr.is_empty());

    // Locked out or not, whoever won is answered.
    for number in 0..ACCOUNT_LIMIT {
        assert_eq!(wrong(&issuers[number % 2], number).await, ErrorReason::CodeNotAccepted, "{number}");
    }
    assert_eq!(wrong(&issuers[0], 99).await, ErrorReason::TooManyAttempts);
    for issuer in &issuers {
        let again = issuer.clone().redeem_code(Fixture::redemption(&code, "app-1")).await.unwrap();
        assert_eq!(again.into_inner(), answers[0]);
    }
    system.stop().await;
}

segue_testkit::on_durable_engines!(a_lock_out_is_told_and_cleared_once);

async fn a_lock_out_is_told_and_cleared_once(storage: Storage) {
    let mut system = Replicas::start(storage, &[]).await;
    let issuers = [system.first(), system.restart_second().await];
    let started = system.clock_ms() / 1000;
    let issued = system.fixture.create(Fixture::handoff("call-1")).await;
    let id = id_of(&issued);
    assert_eq!(seconds(issued.handoff.as_ref().unwrap()), None);
    let mut watch =
        issuers[1].clone().watch_handoff(WatchHandoffRequest { id: id.clone() }).await.unwrap().into_inner();
    for number in 0..ACCOUNT_LIMIT {
        assert_eq!(wrong(&issuers[number % 2], number).await, ErrorReason::CodeNotAccepted, "{number}");
    }
    // The customer is told when it ends, the agent too, at whatever replica.
    let end = started + 15 * 60;
    for issuer in &issuers {
        let right = Fixture::redemption(&Fixture::digits(&issued), "s");
        let details = issuer.clone().redeem_code(right).await.unwrap_err().get_error_details();
        let told = details.error_info().unwrap().metadata["lockout_end_time"].clone();
        assert_eq!(told.parse::<prost_types::Timestamp>().unwrap().seconds, end);
        assert_eq!(details.retry_info().unwrap().retry_delay, Some(15 * MINUTE));
        assert_eq!(seconds(&handoff(issuer, &id).await), Some(end));
    }
    loop {
        let shown = watch.message().await.unwrap().expect("the watch goes on").handoff.unwrap();
        if seconds(&shown) == Some(end) {
            break;
        }
    }
    // The handoff after it is told so from the start: the lock-out would outlive its code.
    let next = system.fixture.create(Fixture::handoff("call-2")).await;
    assert_eq!(seconds(next.handoff.as_ref().unwrap()), Some(end));

    // Reissued, the code can be entered at once, at the replica that had refused too.
    let reissue = |id: String| ReissueCodeRequest { request_id: request_id(), id, ttl: None };
    let reissued = issuers[0].clone().reissue_code(reissue(id_of(&next))).await.unwrap().into_inner();
    assert_eq!(seconds(reissued.handoff.as_ref().unwrap()), None);
    assert_eq!(wrong(&issuers[1], 10).await, ErrorReason::CodeNotAccepted);
    for number in 11..15 {
        assert_eq!(wrong(&issuers[number % 2], number).await, ErrorReason::CodeNotAccepted, "{number}");
    }
    // Once: ten in a day are the end.
    let again = issuers[1].clone().reissue_code(reissue(id_of(&next))).await.unwrap().into_inner();
    assert_eq!(seconds(again.handoff.as_ref().unwrap()), Some(started + 24 * 60 * 60));
    assert_eq!(wrong(&issuers[0], 16).await, ErrorReason::TooManyAttempts);
    system.stop().await;
}

segue_testkit::on_durable_engines!(naming_somebodys_account_locks_nobody_out_but_the_one_who_does);

async fn naming_somebodys_account_locks_nobody_out_but_the_one_who_does(storage: Storage) {
    let system = Replicas::start(storage, &[]).await;
    let issued = system.fixture.create(Fixture::handoff("call-1")).await;
    let claimed = |code: &str, address: &str| RedeemCodeRequest {
        account_verified: false,
        source_address: address.to_owned(),
        ..Fixture::redemption(code, "browser")
    };
    // Wherever they come from and however many there are, the account itself stays free.
    for number in 0..60 {
        let address = format!("198.51.100.{}", number / ACCOUNT_LIMIT);
        let answer = system.first().redeem_code(claimed(&well_formed(number), &address)).await;
        assert_eq!(refused(answer).reason, ErrorReason::CodeNotAccepted, "{number}");
        if number % ACCOUNT_LIMIT == ACCOUNT_LIMIT - 1 {
            let answer = system.first().redeem_code(claimed(&Fixture::digits(&issued), &address)).await;
            assert_eq!(refused(answer).reason, ErrorReason::TooManyAttempts, "five from {address}");
        }
    }
    assert_eq!(seconds(&handoff(&system.first(), &id_of(&issued)).await), None);
    // From such an address other things can still be entered: by somebody who is signed in.
    let signed_in = RedeemCodeRequest { account_verified: true, ..claimed(&well_formed(70), "198.51.100.1") };
    assert_eq!(refused(system.first().redeem_code(signed_in).await).reason, ErrorReason::CodeNotAccepted);
    let customer = claimed(&Fixture::digits(&issued), "192.0.2.1");
    system.first().redeem_code(customer).await.expect("the customer is not locked out");
    system.stop().await;
}
