//! Codes that bear no more wrong codes: under the accounts that they are bound to, and on a platform for those that anybody may enter.

use segue_proto::{
    common::v1::{ErrorReason, Face},
    issuer::v1::{CreateHandoffResponse, GetHandoffRequest, RedeemCodeRequest, ReissueCodeRequest},
};
use segue_testkit::{Storage, refused, request_id};
use segue_tests::Fixture;

use crate::replicas::{Replicas, unbound, well_formed};

/// Nine digits bear 80 codes in all, of which 10 are those of the account itself.
const SETTINGS: [(&str, &str); 3] = [
    ("SEGUE_ATTACKER_ADDRESSES", "5"),
    ("SEGUE_GUESS_ODDS", "1000000"),
    ("SEGUE_GUESSES_PER_NETWORK", "1000"),
];
const BORNE: usize = 70;

fn claimed(account: &str, code: &str, number: usize) -> RedeemCodeRequest {
    RedeemCodeRequest {
        account: account.to_owned(),
        account_verified: false,
        source_address: format!("100.64.{number}.1"),
        ..Fixture::redemption(code, &format!("session-{number}"))
    }
}

async fn retired(system: &Replicas, issued: &CreateHandoffResponse) -> Vec<Face> {
    let request = GetHandoffRequest { id: issued.handoff.as_ref().unwrap().id.clone() };
    let handoff = system.first().get_handoff(request).await.unwrap().into_inner().handoff.unwrap();
    handoff.retired_faces().collect()
}

fn length(issued: &CreateHandoffResponse) -> usize {
    Fixture::digits(issued).chars().filter(char::is_ascii_digit).count()
}

segue_testkit::on_durable_engines!(a_bound_code_is_retired_for_claimants_only);

async fn a_bound_code_is_retired_for_claimants_only(storage: Storage) {
    let mut system = Replicas::start(storage, &SETTINGS).await;
    let second = system.restart_second().await;
    let account = Fixture::account();
    let issued = system.fixture.create(Fixture::handoff("call-1")).await;
    let others = system.fixture.create(Fixture::handoff_of(1, "call-2")).await;
    assert_eq!((length(&issued), length(&others)), (9, 9));
    for number in 0..BORNE {
        let guess = claimed(&account, &well_formed(number), number);
        let answer = refused(second.clone().redeem_code(guess).await);
        assert_eq!(answer.reason, ErrorReason::CodeNotAccepted, "{number}");
        let expected: &[Face] = if number + 1 < BORNE { &[] } else { &[Face::Digits] };
        if number + 2 >= BORNE {
            assert_eq!(retired(&system, &issued).await, expected, "{number}");
        }
    }
    // Whoever names the account is told, at whatever replica and however often: it opens nothing.
    for number in 100..110 {
        let right = claimed(&account, &Fixture::digits(&issued), number);
        let answer = refused(second.clone().redeem_code(right).await);
        assert_eq!((answer.reason, answer.fields), (ErrorReason::CodeRetired, vec!["code".to_owned()]));
    }
    // Nobody else suffers from it.
    assert_eq!(retired(&system, &others).await, []);
    let right = claimed(&Fixture::account_of(1), &Fixture::digits(&others), 111);
    system.first().redeem_code(right).await.expect("another account");
    let signed_in = Fixture::redemption(&Fixture::digits(&issued), "signed in");
    system.first().redeem_code(signed_in).await.expect("its owner, who has signed in");
    let longer = system.fixture.create(Fixture::handoff("call-3")).await;
    assert_eq!((length(&longer), retired(&system, &longer).await), (11, vec![]));
    let right = claimed(&account, &Fixture::digits(&longer), 112);
    system.first().redeem_code(right).await.expect("a new code");
    system.stop().await;
}

/// The first bears as many wrong codes as there may be in ten minutes, counted from its own beginning.
#[tokio::test(flavor = "multi_thread")]
async fn wrong_codes_of_before_do_not_count() {
    let settings = [("SEGUE_ATTACKER_ADDRESSES", "2"), ("SEGUE_GUESS_ODDS", "100000000")];
    let system = Replicas::start(Storage::SqliteFile, &settings).await;
    let guess = |number: usize| RedeemCodeRequest {
        platform: "web_chat".to_owned(),
        ..claimed("", &well_formed(number), number)
    };
    for number in 0..15 {
        let answer = refused(system.first().redeem_code(guess(number)).await);
        assert_eq!(answer.reason, ErrorReason::CodeNotAccepted);
    }
    // 8 * 10^9 / 10^8 = 80 from now on; the 15 of before don't count.
    let issued = system.fixture.create(unbound("call-1")).await;
    assert_eq!(length(&issued), 11);
    for number in 15..94 {
        let answer = refused(system.first().redeem_code(guess(number)).await);
        assert_eq!(answer.reason, ErrorReason::CodeNotAccepted);
    }
    assert_eq!(retired(&system, &issued).await, []);
    let answer = refused(system.first().redeem_code(guess(94)).await);
    assert_eq!(answer.reason, ErrorReason::CodeNotAccepted);
    assert_eq!(retired(&system, &issued).await, [Face::Digits]);
    let right =
        |issued: &CreateHandoffResponse| RedeemCodeRequest { code: Fixture::digits(issued), ..guess(200) };
    // Nobody owns it, so nobody is told more than of any other.
    let answer = refused(system.first().redeem_code(right(&issued)).await);
    assert_eq!(answer.reason, ErrorReason::CodeNotAccepted);
    let id = issued.handoff.unwrap().id;
    let reissue = ReissueCodeRequest { request_id: request_id(), id, ttl: None };
    let longer = system.first().reissue_code(reissue).await.unwrap().into_inner();
    let longer = CreateHandoffResponse { handoff: longer.handoff, access_info: longer.access_info };
    assert_eq!(length(&longer), 13);
    let answer = RedeemCodeRequest { request_id: request_id(), ..right(&longer) };
    system.first().redeem_code(answer).await.expect("the new code");
    system.stop().await;
}
