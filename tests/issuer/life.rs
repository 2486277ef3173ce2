//! The life of a handoff: cancelled, expired, reissued, repeated, listed, watched.

use std::time::Duration;

use segue::demo_data::DEMO_AGENT;
use segue_core::{Clock as _, ManualClock, SystemClock};
use segue_proto::{
    common::v1::ErrorReason,
    issuer::v1::{
        CancelHandoffRequest, CreateHandoffRequest, DeliveryState, Handoff, HandoffState,
        ListHandoffsRequest, ReissueCodeRequest, WatchHandoffRequest,
    },
    router::v1::{ContactState, GetAgentRequest, ListServiceListRequest, Priority, ServiceListEntryState},
};
use segue_testkit::{Storage, refused, request_id, wait_for};
use segue_tests::{Fixture, InProcess};

segue_testkit::on_durable_engines!(
    a_handoff_without_an_adapter_goes_all_the_way,
    a_repeated_request_gets_the_same_handoff_and_code,
    cancelling_releases_everything_and_only_once,
    an_expired_handoff_leaves_nothing_and_frees_its_session,
    a_reissued_code_works_and_says_so_again,
    handoffs_are_listed_newest_first_in_pages,
    a_repetition_is_known_whatever_the_order_of_its_context,
);

async fn held_units(fixture: &Fixture) -> i32 {
    let request = GetAgentRequest { id: DEMO_AGENT.to_owned() };
    fixture.clients.router.clone().get_agent(request).await.unwrap().into_inner().agent.unwrap().held_units
}

async fn entry_state(fixture: &Fixture, handoff: &str) -> Option<ServiceListEntryState> {
    let list =
        fixture.clients.router.clone().list_service_list(ListServiceListRequest::default()).await.unwrap();
    let entries = list.into_inner().entries;
    entries.iter().find(|entry| entry.handoff_id == handoff).map(|entry| entry.state())
}

async fn a_handoff_without_an_adapter_goes_all_the_way(storage: Storage) {
    let system = InProcess::start(storage).await;
    let fixture = Fixture::load(&system.addresses).await;
    let mut issuer = fixture.clients.issuer.clone();
    let request = CreateHandoffRequest { locale: "zh_TW".to_owned(), ..Fixture::handoff("call-1") };
    let issued = fixture.create(request).await;
    let handoff = issued.handoff.clone().unwrap();
    assert_eq!(handoff.delivery_state(), DeliveryState::ByAgent, "the hotline has no adapter");
    assert_eq!(handoff.target.as_ref().unwrap().platform, "app");
    assert_eq!(handoff.locale, "zh-CN", "the best for zh_TW that there is");
    assert!(
        !handoff.target.as_ref().unwrap().account.is_empty(),
        "the account is known, the code bound to it"
    );
    assert_eq!(issued.access_info.as_ref().unwrap().faces.len(), 1, "a voice can't show a QR code");
    assert_eq!(entry_state(&fixture, &handoff.id).await, Some(ServiceListEntryState::Live), "R7");
    assert!(held_units(&fixture).await > 0, "a slot is held");

    let redemption = Fixture::redemption(&Fixture::digits(&issued), "app-session");
    let redeemed = issuer.redeem_code(redemption.clone()).await.unwrap().into_inner();
    assert_eq!((redeemed.priority(), redeemed.contact_state()), (Priority::Handoff, ContactState::Assigned));
    assert_eq!((redeemed.agent.as_str(), redeemed.work_order.as_str()), (DEMO_AGENT, "WO-call-1"));
    let again = issuer.redeem_code(redemption).await.unwrap().into_inner();
    assert_eq!(again, redeemed, "the same request gets the same answer");
    assert_eq!(entry_state(&fixture, &handoff.id).await, Some(ServiceListEntryState::Admitted));
    let watched = watch_to_the_end(&fixture, &handoff.id).await;
    assert_eq!(watched.state(), HandoffState::Switched);
    assert_eq!(watched.contact_id, redeemed.contact_id);
    system.stop().await;
}

async fn a_repeated_request_gets_the_same_handoff_and_code(storage: Storage) {
    let system = InProcess::start(storage).await;
    let fixture = Fixture::load(&system.addresses).await;
    let request = Fixture::handoff("call-1");
    let (first, second) = (fixture.create(request.clone()).await, fixture.create(request.clone()).await);
    assert_eq!(first, second);
    let redemption = Fixture::redemption(&Fixture::digits(&first), "s");
    fixture.clients.issuer.clone().redeem_code(redemption).await.unwrap();
    let after = fixture.create(request).await;
    assert_eq!(after.handoff.unwrap().id, first.handoff.unwrap().id);
    assert_eq!(after.access_info, None, "a dead code is not told again");
    system.stop().await;
}

async fn cancelling_releases_everything_and_only_once(storage: Storage) {
    let system = InProcess::start(storage).await;
    let fixture = Fixture::load(&system.addresses).await;
    let mut issuer = fixture.clients.issuer.clone();
    let id = fixture.create(Fixture::handoff("call-1")).await.handoff.unwrap().id;
    let cancel = CancelHandoffRequest { request_id: request_id(), id: id.clone() };
    let cancelled = issuer.cancel_handoff(cancel.clone()).await.unwrap().into_inner().handoff.unwrap();
    assert_eq!(cancelled.state(), HandoffState::Cancelled);
    wait_for("the entry's release", || async {
        entry_state(&fixture, &id).await == Some(ServiceListEntryState::Released)
            && held_units(&fixture).await == 0
    })
    .await;
    let again = issuer.cancel_handoff(cancel).await.unwrap().into_inner().handoff.unwrap();
    assert_eq!(again.state(), HandoffState::Cancelled, "a repetition is answered");
    let other = CancelHandoffRequest { request_id: request_id(), id };
    let answer = refused(issuer.cancel_handoff(other).await);
    assert_eq!((answer.reason, answer.fields), (ErrorReason::HandoffState, vec!["id".to_owned()]));
    system.stop().await;
}

async fn an_expired_handoff_leaves_nothing_and_frees_its_session(storage: Storage) {
    let clock = ManualClock::starting_at(SystemClock.now_ms());
    let system = InProcess::start_at(storage, clock.clone()).await;
    let fixture = Fixture::load(&system.addresses).await;
    let id = fixture.create(Fixture::handoff("call-1")).await.handoff.unwrap().id;
    clock.advance(Duration::from_secs(601));
    assert_eq!(watch_to_the_end(&fixture, &id).await.state(), HandoffState::Expired);
    wait_for("the entry's release", || async {
        entry_state(&fixture, &id).await == Some(ServiceListEntryState::Released)
            && held_units(&fixture).await == 0
    })
    .await;
    let next = fixture.create(Fixture::handoff("call-1")).await.handoff.unwrap();
    assert_ne!(next.id, id, "the session can be handed off again");
    system.stop().await;
}

async fn a_reissued_code_works_and_says_so_again(storage: Storage) {
    let system = InProcess::start(storage).await;
    let fixture = Fixture::load(&system.addresses).await;
    let mut issuer = fixture.clients.issuer.clone();
    let issued = fixture.create(Fixture::handoff("call-1")).await;
    let ttl = Some(prost_types::Duration { seconds: 120, nanos: 0 });
    let request =
        ReissueCodeRequest { request_id: request_id(), id: issued.handoff.as_ref().unwrap().id.clone(), ttl };
    let first = issuer.reissue_code(request.clone()).await.unwrap().into_inner();
    let second = issuer.reissue_code(request.clone()).await.unwrap().into_inner();
    assert_eq!(first, second, "a repetition is answered");
    assert_eq!(first.handoff.as_ref().unwrap().generation, 2);
    let reused = ReissueCodeRequest { ttl: None, ..request };
    assert_eq!(refused(issuer.reissue_code(reused).await).reason, ErrorReason::RequestIdReused);
    let info = first.access_info.unwrap();
    let redeemed =
        issuer.redeem_code(Fixture::redemption(&info.faces[0].display, "s")).await.unwrap().into_inner();
    assert_eq!(redeemed.handoff_id, issued.handoff.unwrap().id);
    let late = ReissueCodeRequest { request_id: request_id(), id: redeemed.handoff_id, ttl };
    assert_eq!(refused(issuer.reissue_code(late).await).reason, ErrorReason::HandoffState);
    system.stop().await;
}

async fn handoffs_are_listed_newest_first_in_pages(storage: Storage) {
    let system = InProcess::start(storage).await;
    let fixture = Fixture::load(&system.addresses).await;
    let mut issuer = fixture.clients.issuer.clone();
    let mut made = Vec::new();
    for number in 0..3 {
        let request = Fixture::handoff_of(number, &format!("call-{number}"));
        made.insert(0, fixture.create(request).await.handoff.unwrap().id);
    }
    let cancel = CancelHandoffRequest { request_id: request_id(), id: made[1].clone() };
    issuer.cancel_handoff(cancel).await.unwrap();
    let mut page = ListHandoffsRequest { page_size: 2, ..ListHandoffsRequest::default() };
    let first = issuer.list_handoffs(page.clone()).await.unwrap().into_inner();
    page.page_token = first.next_page_token.clone();
    let second = issuer.list_handoffs(page.clone()).await.unwrap().into_inner();
    let listed: Vec<&String> =
        first.handoffs.iter().chain(&second.handoffs).map(|handoff| &handoff.id).collect();
    assert_eq!(listed, made.iter().collect::<Vec<_>>());
    assert_eq!(second.next_page_token, "");
    page.state = HandoffState::Issued.into();
    let foreign = refused(issuer.list_handoffs(page).await);
    assert_eq!(foreign.reason, ErrorReason::InvalidPageToken, "a token belongs to its filters");
    let filter =
        ListHandoffsRequest { state: HandoffState::Cancelled.into(), ..ListHandoffsRequest::default() };
    let cancelled = issuer.list_handoffs(filter).await.unwrap().into_inner().handoffs;
    assert_eq!(cancelled.len(), 1);
    assert_eq!(cancelled[0].id, made[1]);
    let filter = ListHandoffsRequest { agent: "A1002".into(), ..ListHandoffsRequest::default() };
    assert_eq!(issuer.list_handoffs(filter).await.unwrap().into_inner().handoffs, []);
    system.stop().await;
}

/// The last state that a watcher is shown.
async fn watch_to_the_end(fixture: &Fixture, id: &str) -> Handoff {
    let request = WatchHandoffRequest { id: id.to_owned() };
    let mut stream = fixture.clients.issuer.clone().watch_handoff(request).await.unwrap().into_inner();
    let mut last = None;
    while let Some(answer) = stream.message().await.unwrap() {
        last = answer.handoff;
    }
    last.unwrap()
}

async fn a_repetition_is_known_whatever_the_order_of_its_context(storage: Storage) {
    let system = InProcess::start(storage).await;
    let fixture = Fixture::load(&system.addresses).await;
    let mut request = Fixture::handoff("call-1");
    let context = (0..20).map(|number| (format!("fact-{number}"), "done".to_owned()));
    request.remaining_work.as_mut().unwrap().context = context.collect();
    let first = fixture.create(request.clone()).await;
    for _ in 0..5 {
        assert_eq!(fixture.create(request.clone()).await.handoff, first.handoff);
    }
    system.stop().await;
}
