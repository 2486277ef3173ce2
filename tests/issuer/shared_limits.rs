//! Customers for whom no platform vouches: counted with their network, or with all whose address is unknown.

use std::time::Duration;

use segue_proto::{
    common::v1::{ErrorReason, Face},
    issuer::v1::{CreateHandoffResponse, RedeemCodeRequest},
};
use segue_testkit::{Storage, refused};
use segue_tests::Fixture;

use crate::replicas::{Issuer, Replicas, unbound, well_formed};

const SETTINGS: [(&str, &str); 2] =
    [("SEGUE_GUESSES_PER_NETWORK", "10"), ("SEGUE_GUESSES_WITHOUT_ADDRESS", "10")];
const MOST: usize = 10;

/// Without an account, in a conversation of its own.
fn guess(number: usize, address: &str) -> RedeemCodeRequest {
    RedeemCodeRequest {
        platform: "web_chat".to_owned(),
        account: String::new(),
        account_verified: false,
        source_address: address.to_owned(),
        ..Fixture::redemption(&well_formed(number), &format!("session-{number}-{address}"))
    }
}

/// How many of so many guesses are looked up.
async fn looked_up(issuers: &[Issuer; 2], guesses: impl Iterator<Item = RedeemCodeRequest>) -> usize {
    let mut looked_up = 0;
    for (number, guess) in guesses.enumerate() {
        match refused(issuers[number % 2].clone().redeem_code(guess).await).reason {
            ErrorReason::CodeNotAccepted => looked_up += 1,
            ErrorReason::TooManyAttempts => {}
            other => panic!("{other:?}"),
        }
    }
    looked_up
}

fn on_web_chat(issued: &CreateHandoffResponse, session: &str, address: &str) -> RedeemCodeRequest {
    RedeemCodeRequest {
        code: Fixture::digits(issued),
        session: session.to_owned(),
        request_id: segue_testkit::request_id(),
        ..guess(0, address)
    }
}

segue_testkit::on_durable_engines!(customers_share_a_limit);

async fn customers_share_a_limit(storage: Storage) {
    let mut system = Replicas::start(storage, &SETTINGS).await;
    let issuers = [system.first(), system.restart_second().await];
    let mut victims = vec![];
    for number in 0..4 {
        victims.push(system.fixture.create(unbound(&format!("call-{number}"))).await);
    }
    // An IPv4 neighbourhood, whatever its addresses are wrapped in.
    let near = |number: usize| match number % 3 {
        0 => format!("198.51.100.{number}"),
        1 => format!("::ffff:198.51.100.{number}"),
        _ => format!("64:ff9b::198.51.100.{number}"),
    };
    assert_eq!(looked_up(&issuers, (0..20).map(|number| guess(number, &near(number)))).await, MOST);
    // Right codes are no guesses, but not looked up any more either; elsewhere they are.
    let there = on_web_chat(&victims[0], "c-0", "198.51.100.250");
    assert_eq!(refused(system.first().redeem_code(there).await).reason, ErrorReason::TooManyAttempts);
    system.first().redeem_code(on_web_chat(&victims[0], "c-0", "198.51.101.250")).await.unwrap();
    // An IPv6 /56, and a /48 with four times as much.
    let near = (0..20).map(|number| guess(number, &format!("2001:db8:1:{number:x}::1")));
    assert_eq!(looked_up(&issuers, near).await, MOST);
    let wide = (60..110).map(|number| guess(number, &format!("2001:db8:1:{:x}::1", number * 256)));
    assert_eq!(looked_up(&issuers, wide).await, 3 * MOST, "a fourth is used up");
    let elsewhere = on_web_chat(&victims[1], "c-1", "2001:db8:2::1");
    system.first().redeem_code(elsewhere).await.expect("another /48");
    // Without an address, all together, on each platform.
    assert_eq!(looked_up(&issuers, (0..20).map(|number| guess(number, ""))).await, MOST);
    let none = on_web_chat(&victims[2], "c-2", "");
    assert_eq!(refused(system.first().redeem_code(none.clone()).await).reason, ErrorReason::TooManyAttempts);
    let other = RedeemCodeRequest { platform: "video_desk".to_owned(), ..guess(1, "") };
    assert_eq!(refused(system.first().redeem_code(other).await).reason, ErrorReason::CodeNotAccepted);
    // A platform's word for the account, or that it is some time later, helps.
    let vouched = RedeemCodeRequest {
        account: "honest".to_owned(),
        account_verified: true,
        ..on_web_chat(&victims[2], "c-2", "")
    };
    system.first().redeem_code(vouched).await.expect("vouched for");
    system.clock.advance(Duration::from_secs(10 * 60));
    let next = system.fixture.create(unbound("call-9")).await;
    system.first().redeem_code(on_web_chat(&next, "c-9", "")).await.expect("the limit slides");
    system.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_used_up_keeps_from_no_bound_code_and_no_token() {
    let system = Replicas::start(Storage::SqliteFile, &SETTINGS).await;
    let issuers = [system.first(), system.first()];
    let in_app = |number| RedeemCodeRequest { platform: "app".to_owned(), ..guess(number, "") };
    assert_eq!(looked_up(&issuers, (0..20).map(in_app)).await, MOST);
    let claimed = |code: &str, session: &str| RedeemCodeRequest {
        account_verified: false,
        ..Fixture::redemption(code, session)
    };
    // Somebody who claims the account is told to wait for what was not looked up, and gets no further for it.
    let answer = refused(system.first().redeem_code(claimed(&well_formed(7), "c-0")).await);
    assert_eq!(answer.reason, ErrorReason::TooManyAttempts);
    let issued = system.fixture.create(Fixture::handoff("call-1")).await;
    let first = claimed(&Fixture::digits(&issued), "c-1");
    let answer = system.first().redeem_code(first).await.expect("bound to the account").into_inner();
    let again = claimed(&Fixture::digits(&issued), "c-1");
    assert_eq!(system.first().redeem_code(again).await.unwrap().into_inner(), answer);

    // The token of a QR code can't be guessed, so nothing is used up.
    let source = segue_proto::common::v1::Session { platform: "app".into(), session: "chat-1".into() };
    let request = segue_proto::issuer::v1::CreateHandoffRequest {
        source: Some(source),
        target_platform: "video_desk".to_owned(),
        ..unbound("")
    };
    let issued = system.fixture.create(request).await;
    let faces = &issued.access_info.as_ref().unwrap().faces;
    let token = faces.iter().find(|face| face.kind() == Face::Qr).unwrap().display.clone();
    let on_desk = |number| RedeemCodeRequest { platform: "video_desk".to_owned(), ..guess(number, "") };
    assert_eq!(looked_up(&issuers, (0..20).map(on_desk)).await, MOST);
    let by_token = RedeemCodeRequest { code: token, ..on_desk(99) };
    system.first().redeem_code(by_token).await.expect("the token");
    system.stop().await;
}
