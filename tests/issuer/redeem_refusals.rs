//! What is told to whoever enters a code that doesn't work: one answer for all dead codes, and nothing changes.

use std::time::Duration;

use segue_core::{Clock as _, ManualClock, SystemClock};
use segue_proto::{
    common::v1::ErrorReason,
    issuer::v1::{
        CancelHandoffRequest, GetHandoffRequest, HandoffState, RedeemCodeRequest, ReissueCodeRequest,
    },
};
use segue_testkit::{Refused, Storage, refused, request_id};
use segue_tests::{Fixture, InProcess};
use tonic::Code;

fn not_accepted() -> Refused {
    Refused { code: Code::NotFound, reason: ErrorReason::CodeNotAccepted, fields: vec!["code".to_owned()] }
}

fn malformed() -> Refused {
    Refused {
        code: Code::InvalidArgument,
        reason: ErrorReason::CodeMalformed,
        fields: vec!["code".to_owned()],
    }
}

/// A well-formed code that nobody was given: Damm's check digit of 23456789 by the published table.
const UNKNOWN: &str = "234567890";

async fn state(fixture: &Fixture, id: &str) -> HandoffState {
    let request = GetHandoffRequest { id: id.to_owned() };
    fixture.clients.issuer.clone().get_handoff(request).await.unwrap().into_inner().handoff.unwrap().state()
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_of_a_wrong_form_are_refused_before_any_look_up() {
    let system = InProcess::start(Storage::SqliteMemory).await;
    let fixture = Fixture::load(&system.addresses).await;
    let mut issuer = fixture.clients.issuer.clone();
    for code in ["12", "hello", "234567891", "2345678901234567"] {
        assert_eq!(refused(issuer.redeem_code(Fixture::redemption(code, "s")).await), malformed(), "{code}");
    }
    let empty = RedeemCodeRequest::default();
    let fields = refused(issuer.redeem_code(empty).await).fields;
    assert_eq!(fields, ["request_id", "code", "platform", "session"]);
    let long = RedeemCodeRequest { code: "2".repeat(1025), ..Fixture::redemption("", "s") };
    assert_eq!(refused(issuer.redeem_code(long).await).fields, ["code"]);
    let long = RedeemCodeRequest { account: "a".repeat(129), ..Fixture::redemption(UNKNOWN, "s") };
    assert_eq!(refused(issuer.redeem_code(long).await).fields, ["account"]);
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_of_others_all_look_the_same() {
    let system = InProcess::start(Storage::SqliteFile).await;
    let fixture = Fixture::load(&system.addresses).await;
    let mut issuer = fixture.clients.issuer.clone();
    assert_eq!(
        refused(issuer.redeem_code(Fixture::redemption(UNKNOWN, "s")).await),
        not_accepted(),
        "unknown"
    );
    let issued = fixture.create(Fixture::handoff("call-1")).await;
    let (id, code) = (issued.handoff.as_ref().unwrap().id.clone(), Fixture::digits(&issued));
    let elsewhere = RedeemCodeRequest { platform: "video_desk".into(), ..Fixture::redemption(&code, "s") };
    let other = RedeemCodeRequest { account: "app-00000043".into(), ..Fixture::redemption(&code, "s") };
    let nobody = RedeemCodeRequest { account: String::new(), ..Fixture::redemption(&code, "s") };
    for attempt in [&elsewhere, &other, &nobody] {
        let answer = issuer.redeem_code(attempt.clone()).await;
        assert_eq!(refused(answer), not_accepted(), "living");
    }
    assert_eq!(state(&fixture, &id).await, HandoffState::Issued, "no attempt changed anything");

    let redeemed = Fixture::redemption(&code, "s");
    issuer.redeem_code(redeemed.clone()).await.unwrap();
    for attempt in [elsewhere, other, nobody] {
        let again = RedeemCodeRequest { request_id: request_id(), ..attempt };
        assert_eq!(refused(issuer.redeem_code(again).await), not_accepted(), "dead");
    }
    let moved = RedeemCodeRequest { session: "t".into(), ..redeemed };
    assert_eq!(
        refused(issuer.redeem_code(moved).await).reason,
        ErrorReason::RequestIdReused,
        "another terminal"
    );
    system.stop().await;
}

/// More often than an account may be wrong: the account's own dead codes are no guesses.
const OFTEN: usize = 6;

segue_testkit::on_durable_engines!(the_owner_of_a_dead_code_is_told_why_and_not_locked_out);

async fn the_owner_of_a_dead_code_is_told_why_and_not_locked_out(storage: Storage) {
    let clock = ManualClock::starting_at(SystemClock.now_ms());
    let system = InProcess::start_at(storage, clock.clone()).await;
    let fixture = Fixture::load(&system.addresses).await;
    let issuer = &fixture.clients.issuer;
    let told = async |code: &str, reason: ErrorReason| {
        for attempt in 0..OFTEN {
            let entered = Fixture::redemption(code, &format!("other-{attempt}"));
            let answer = refused(issuer.clone().redeem_code(entered).await);
            let expected =
                Refused { code: Code::FailedPrecondition, reason, fields: vec!["code".to_owned()] };
            assert_eq!(answer, expected, "attempt {attempt}");
        }
    };
    let used = Fixture::digits(&fixture.create(Fixture::handoff("call-1")).await);
    issuer.clone().redeem_code(Fixture::redemption(&used, "s")).await.unwrap();
    told(&used, ErrorReason::CodeAlreadyUsed).await;

    let issued = fixture.create(Fixture::handoff("call-2")).await;
    let id = issued.handoff.as_ref().unwrap().id.clone();
    issuer.clone().cancel_handoff(CancelHandoffRequest { request_id: request_id(), id }).await.unwrap();
    told(&Fixture::digits(&issued), ErrorReason::CodeCancelled).await;

    let issued = fixture.create(Fixture::handoff("call-3")).await;
    let id = issued.handoff.as_ref().unwrap().id.clone();
    let reissue = ReissueCodeRequest { request_id: request_id(), id: id.clone(), ttl: None };
    issuer.clone().reissue_code(reissue).await.unwrap();
    told(&Fixture::digits(&issued), ErrorReason::CodeReplaced).await;
    assert_eq!(state(&fixture, &id).await, HandoffState::Issued, "the newer code lives");

    let issued = fixture.create(Fixture::handoff("call-4")).await;
    clock.advance(Duration::from_secs(601));
    told(&Fixture::digits(&issued), ErrorReason::CodeExpired).await;
    assert_eq!(state(&fixture, &issued.handoff.unwrap().id).await, HandoffState::Expired);

    let right = Fixture::digits(&fixture.create(Fixture::handoff("call-5")).await);
    issuer.clone().redeem_code(Fixture::redemption(&right, "t")).await.expect("not locked out");
    system.stop().await;
}
