//! 18.1: a second account with the victim's phone number switches the binding of codes off, and then anybody enters them.

use segue_proto::{
    common::v1::{ErrorReason, Identity},
    issuer::v1::{CreateHandoffResponse, RedeemCodeRequest},
    selector::v1::{LinkAccountRequest, UnlinkAccountRequest},
};
use segue_testkit::{Storage, refused, request_id};
use segue_tests::{Fixture, Processes};

const RELATIVE: &str = "app-relative";
const MALLORY: &str = "app-mallory";

segue_testkit::on_durable_engines!(a_shared_phone_does_not_unbind_codes);

async fn a_shared_phone_does_not_unbind_codes(storage: Storage) {
    let system = Processes::start_secured(storage, &[]).await;
    let fixture = Fixture::load_secured(&system).await;
    let alone = bound_to(&fixture.create(Fixture::handoff("call-1")).await);
    assert_eq!(alone.len(), 1);

    // Mallory has entered the number in the app, which has not asked for a proof.
    link(&fixture, MALLORY, true).await;
    let issued = fixture.create(Fixture::handoff("call-2")).await;
    assert_eq!(bound_to(&issued), alone, "what nobody has verified counts for nothing");
    nobody_else_enters(&fixture, &issued, &[MALLORY, "app-stranger", ""]).await;

    // A relative has the same phone, and has proven it.
    link(&fixture, RELATIVE, false).await;
    let issued = fixture.create(Fixture::handoff("call-3")).await;
    let both = bound_to(&issued);
    assert!(both.len() == 2 && both.contains(&alone[0]), "{both:?}");
    assert_eq!(issued.handoff.as_ref().unwrap().target.as_ref().unwrap().account, "", "not one only");
    assert!(issued.handoff.as_ref().unwrap().strength.as_ref().unwrap().bound);
    nobody_else_enters(&fixture, &issued, &[MALLORY, "app-stranger", ""]).await;
    let right = Fixture::redemption(&Fixture::digits(&issued), "app-1");
    fixture.clients.issuer.clone().redeem_code(right).await.expect("the customer enters the code");
    let issued = fixture.create(Fixture::handoff("call-4")).await;
    let relative = entered_by(&issued, RELATIVE, "app-2");
    fixture.clients.issuer.clone().redeem_code(relative).await.expect("whoever of them was called enters it");

    // A newer code ends an older one when they have an account in common, and not only when they have the same.
    let older = fixture.create(Fixture::handoff("call-5")).await;
    let unlink = UnlinkAccountRequest {
        request_id: request_id(),
        platform: "app".to_owned(),
        account: RELATIVE.to_owned(),
    };
    fixture.clients.selector.clone().unlink_account(unlink).await.unwrap();
    assert_eq!(bound_to(&fixture.create(Fixture::handoff("call-6")).await), alone);
    let dead = Fixture::redemption(&Fixture::digits(&older), "app-3");
    let answer = fixture.clients.issuer.clone().redeem_code(dead).await;
    assert_eq!(refused(answer).reason, ErrorReason::CodeCancelled);
}

async fn link(fixture: &Fixture, account: &str, unverified: bool) {
    let customer = Fixture::handoff("").customer.unwrap();
    let identities = customer.identities.into_iter().map(|identity| Identity { unverified, ..identity });
    let request = LinkAccountRequest {
        request_id: request_id(),
        platform: "app".to_owned(),
        account: account.to_owned(),
        identities: identities.collect(),
    };
    fixture.clients.selector.clone().link_account(request).await.unwrap();
}

fn bound_to(issued: &CreateHandoffResponse) -> Vec<String> {
    issued.handoff.as_ref().unwrap().target.as_ref().unwrap().accounts.clone()
}

fn entered_by(issued: &CreateHandoffResponse, account: &str, session: &str) -> RedeemCodeRequest {
    RedeemCodeRequest {
        account: account.to_owned(),
        ..Fixture::redemption(&Fixture::digits(issued), session)
    }
}

async fn nobody_else_enters(fixture: &Fixture, issued: &CreateHandoffResponse, accounts: &[&str]) {
    for account in accounts {
        let answer = fixture.clients.issuer.clone().redeem_code(entered_by(issued, account, "app-9")).await;
        assert_eq!(refused(answer).reason, ErrorReason::CodeNotAccepted, "{account}");
    }
}
