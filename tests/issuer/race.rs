//! 64 callers and one code (I1, I2).

use segue_proto::{
    common::v1::ErrorReason,
    router::v1::{ContactState, ListContactsRequest},
};
use segue_testkit::{Storage, refused};
use segue_tests::{Fixture, Processes};

/// Of one account, which may enter five wrong codes: a code that another of its conversations has redeemed is none.
const CALLERS: usize = 64;
const ROUNDS: usize = 5;

segue_testkit::on_durable_engines!(one_of_64_callers_wins);

async fn one_of_64_callers_wins(storage: Storage) {
    let system = Processes::start(storage).await;
    race(&Fixture::load(&system.addresses).await).await;
}

async fn race(fixture: &Fixture) {
    for round in 0..ROUNDS {
        let issued = fixture.create(Fixture::handoff(&format!("call-{round}"))).await;
        let code = Fixture::digits(&issued);
        let attempts = (0..CALLERS).map(|caller| {
            let mut issuer = fixture.clients.issuer.clone();
            // Every caller asks twice with the same request id, as a client with a short patience does.
            let request = Fixture::redemption(&code, &format!("session-{round}-{caller}"));
            tokio::spawn(async move {
                let mut twin = issuer.clone();
                tokio::join!(issuer.redeem_code(request.clone()), twin.redeem_code(request))
            })
        });
        let mut won = Vec::new();
        for outcome in futures::future::join_all(attempts).await {
            match outcome.unwrap() {
                (Ok(first), Ok(second)) => {
                    assert_eq!(
                        first.get_ref(),
                        second.get_ref(),
                        "both of the winner's calls get the same answer"
                    );
                    won.push(first.into_inner());
                }
                (first, second) => {
                    for answer in [first, second] {
                        assert_eq!(refused(answer).reason, ErrorReason::CodeAlreadyUsed);
                    }
                }
            }
        }
        assert_eq!(won.len(), 1, "one winner");
        let contacts =
            fixture.clients.router.clone().list_contacts(ListContactsRequest::default()).await.unwrap();
        let handoff = &issued.handoff.unwrap().id;
        let admitted: Vec<_> = contacts
            .into_inner()
            .contacts
            .into_iter()
            .filter(|contact| contact.handoff_id == *handoff)
            .collect();
        assert_eq!(admitted.len(), 1, "one admission");
        assert!(matches!(admitted[0].state(), ContactState::Assigned | ContactState::Queued));
    }
}
