//! A code is replaced on one replica in the moment in which it's entered on another.

use segue_proto::{
    common::v1::ErrorReason,
    issuer::v1::{GetHandoffRequest, HandoffState, ReissueCodeRequest},
};
use segue_testkit::{Storage, refused, request_id};
use segue_tests::Fixture;

use crate::replicas::Replicas;

const ROUNDS: usize = 60;

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_code_is_not_redeemed_and_a_redeemed_one_not_replaced() {
    // Many of the rounds are a wrong code of the same account; so many guesses would need longer codes at usual odds.
    let limits = [
        ("SEGUE_GUESSES_PER_ACCOUNT", "100"),
        ("SEGUE_GUESSES_PER_ACCOUNT_DAY", "100"),
        ("SEGUE_GUESS_ODDS", "1000"),
    ];
    let mut replicas = Replicas::start(Storage::Postgres, &limits).await;
    let mut second = replicas.restart_second().await;
    let mut first = replicas.first();
    for round in 0..ROUNDS {
        let issued = replicas.fixture.create(Fixture::handoff(&format!("call-{round}"))).await;
        let id = issued.handoff.as_ref().unwrap().id.clone();
        let reissue = ReissueCodeRequest { request_id: request_id(), id: id.clone(), ttl: None };
        let redemption = Fixture::redemption(&Fixture::digits(&issued), &format!("s-{round}"));
        let (reissued, redeemed) = tokio::join!(first.reissue_code(reissue), second.redeem_code(redemption));
        let request = GetHandoffRequest { id };
        let state = first.get_handoff(request).await.unwrap().into_inner().handoff.unwrap().state();
        if reissued.is_ok() {
            assert_eq!(refused(redeemed).reason, ErrorReason::CodeReplaced, "the old code is dead");
            assert_eq!(state, HandoffState::Issued);
        } else {
            assert_eq!(refused(reissued).reason, ErrorReason::HandoffState, "the handoff goes on");
            redeemed.unwrap();
            assert!(matches!(state, HandoffState::Admitted | HandoffState::Switched), "{state:?}");
        }
    }
    replicas.stop().await;
}
