//! What Segue does through the platform: show the access card (R8) and end the conversation (R12).

use std::time::Duration;

use segue_proto::{channel::v1::FindAccountsRequest, common::v1::ErrorReason};
use segue_testkit::{Databases, refused, request_id};
use tonic::Code;

use crate::platform::{CODE, Running, closing, delivery, is_kind, say, sign_in};

segue_testkit::on_every_engine!(segue_testkit::with_databases => the_card_is_shown_live_and_once, closing_is_final_and_repeatable);

// A database in memory has nothing to come back to.
segue_testkit::on_durable_engines!(segue_testkit::with_databases => a_restart_loses_nothing);

const EVENTS: &str = "/api/events?platform=app";

async fn the_card_is_shown_live_and_once(databases: &Databases) {
    let platform = Running::start(&databases.create()).await;
    let (mut channel, mut browser) = (platform.channel(), platform.browser());
    let session = sign_in(&mut browser).await;
    let mut events = browser.listen(EVENTS, "").await;
    channel.deliver_access_info(delivery(&session, "hof_1", 2)).await.unwrap();
    let shown = events.find("entry", is_kind("card")).await;
    assert_eq!(shown["card"]["faces"][0]["display"], CODE);
    assert_eq!(shown["card"]["qr_svg"], "<svg/>");
    assert_eq!(shown["card"]["message"], "go on, 2");
    assert_eq!(shown["card"]["target"], "Video desk");

    // The same again and an older one change nothing; a newer one replaces the card.
    for generation in [2, 1] {
        channel.deliver_access_info(delivery(&session, "hof_1", generation)).await.unwrap();
    }
    assert!(events.is_quiet().await);
    channel.deliver_access_info(delivery(&session, "hof_1", 3)).await.unwrap();
    assert_eq!(events.find("entry", is_kind("card")).await["card"]["message"], "go on, 3");

    // Whoever comes back sees the newest card only, and none once its code is dead.
    let mut again = browser.listen(EVENTS, "").await;
    assert!(again.find("entry", is_kind("card")).await["card"].is_null());
    assert!(!again.find("entry", is_kind("card")).await["card"].is_null());
    platform.clock.advance(Duration::from_secs(601));
    let mut later = browser.listen(EVENTS, "1").await;
    assert!(later.find("entry", is_kind("card")).await["card"].is_null());
    platform.stop().await;
}

async fn closing_is_final_and_repeatable(databases: &Databases) {
    let platform = Running::start(&databases.create()).await;
    let (mut channel, mut browser) = (platform.channel(), platform.browser());
    let session = sign_in(&mut browser).await;
    channel.deliver_access_info(delivery(&session, "hof_1", 1)).await.unwrap();
    let mut events = browser.listen(EVENTS, "").await;
    for _ in 0..2 {
        channel.close_session(closing(&session)).await.unwrap();
    }
    assert_eq!(events.find("entry", is_kind("closed")).await["message"], "You went on elsewhere.");
    assert_eq!(events.next().await, None, "the stream ends with the conversation");
    let mut again = browser.listen(EVENTS, "").await;
    assert!(
        again.find("entry", is_kind("card")).await["card"].is_null(),
        "the card outlived its conversation"
    );

    assert_eq!(say(&mut browser, &request_id(), "hello?").await.refusal(), (409, "SESSION_OVER".to_owned()));
    // A late repetition of the delivery that was shown is fine; another handoff has nowhere to go.
    channel.deliver_access_info(delivery(&session, "hof_1", 1)).await.unwrap();
    let outcome = refused(channel.deliver_access_info(delivery(&session, "hof_2", 1)).await);
    assert_eq!((outcome.code, outcome.reason), (Code::NotFound, ErrorReason::SessionNotFound));
    let view = browser.get("/api/session?platform=app").await.json();
    assert_eq!((view["open"].as_bool(), view["name"].as_str()), (Some(false), Some("")));
    platform.stop().await;
}

async fn a_restart_loses_nothing(databases: &Databases) {
    let url = databases.create();
    let platform = Running::start(&url).await;
    let mut browser = platform.browser();
    let session = sign_in(&mut browser).await;
    assert_eq!(say(&mut browser, &request_id(), "before the restart").await.status, 204);
    platform.channel().deliver_access_info(delivery(&session, "hof_1", 1)).await.unwrap();
    let mut open = browser.listen(EVENTS, "2").await;
    platform.stop().await;
    assert_eq!(open.next().await, None, "live pages are told to come back");

    let platform = Running::start(&url).await;
    let mut back = browser.moved_to(&platform.browser());
    let mut events = back.listen(EVENTS, "").await;
    assert_eq!(events.find("entry", is_kind("text")).await["text"], "before the restart");
    assert_eq!(events.find("entry", is_kind("card")).await["card"]["faces"][0]["display"], CODE);
    let mut channel = platform.channel();
    channel.deliver_access_info(delivery(&session, "hof_1", 1)).await.unwrap();
    assert!(events.is_quiet().await, "a delivery from before is repeated without effect");
    assert_eq!(say(&mut back, &request_id(), "after it").await.status, 204);
    platform.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_delivered_is_refused_and_shows_nothing() {
    let platform = Running::start("sqlite::memory:").await;
    let (mut channel, mut browser) = (platform.channel(), platform.browser());
    let session = sign_in(&mut browser).await;
    let other = sign_in(&mut platform.browser()).await;

    let outcome = refused(channel.deliver_access_info(delivery("ses_nobody", "hof_1", 1)).await);
    assert_eq!((outcome.code, outcome.reason), (Code::NotFound, ErrorReason::SessionNotFound));
    assert_eq!(outcome.fields, ["session"]);
    let mut elsewhere = delivery(&session, "hof_1", 1);
    elsewhere.platform = "web_chat".to_owned();
    assert_eq!(refused(channel.deliver_access_info(elsewhere).await).reason, ErrorReason::SessionNotFound);
    let mut unknown = delivery(&session, "hof_1", 1);
    unknown.platform = "fax".to_owned();
    assert_eq!(refused(channel.deliver_access_info(unknown).await).reason, ErrorReason::PlatformNotFound);
    let outcome = refused(channel.close_session(closing("ses_nobody")).await);
    assert_eq!((outcome.code, outcome.reason), (Code::NotFound, ErrorReason::SessionNotFound));

    channel.deliver_access_info(delivery(&other, "hof_1", 1)).await.unwrap();
    let outcome = refused(channel.deliver_access_info(delivery(&session, "hof_1", 2)).await);
    assert_eq!((outcome.code, outcome.reason), (Code::AlreadyExists, ErrorReason::RequestIdReused));
    let mut events = browser.listen(EVENTS, "").await;
    assert!(events.is_quiet().await);
    let status = channel.find_accounts(FindAccountsRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    platform.stop().await;
}
