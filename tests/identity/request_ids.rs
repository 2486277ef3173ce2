//! A request's id is its caller's own: two callers who use the same one have made two requests.

use std::{collections::BTreeSet, fs};

use prost_reflect::DescriptorPool;
use segue::demo_data::DEMO_AGENT;
use segue_proto::{
    issuer::v1::{
        CancelHandoffRequest, CreateHandoffRequest, RedeemCodeRequest, ReissueCodeRequest,
        RevokeHandoffRequest,
    },
    router::v1::{
        AbandonContactRequest, Agent, Presence, PutAgentRequest, SetPresenceRequest, SubmitContactRequest,
    },
};
use segue_testkit::{Storage, refused, request_id};
use segue_tests::{Clients, Fixture, Processes, security::EVERYTHING_TOO};

/// Has one caller and then another make a request of the same id, about two things; gives both answers. The first is repeated, and gets
/// its own answer again.
macro_rules! by_both {
    ($one:expr, $two:expr, $client:ident . $method:ident, $request:expr, [$a:expr, $b:expr]) => {{
        let (id, request) = (request_id(), $request);
        let first = $one.$client.clone().$method(request(id.clone(), $a)).await.unwrap().into_inner();
        let second = $two.$client.clone().$method(request(id.clone(), $b)).await.unwrap().into_inner();
        let again = $one.$client.clone().$method(request(id, $a)).await.unwrap().into_inner();
        assert_ne!(format!("{first:?}"), format!("{second:?}"));
        assert_eq!(format!("{first:?}"), format!("{again:?}"), stringify!($method));
        [first, second]
    }};
}

#[tokio::test(flavor = "multi_thread")]
async fn one_id_of_two_callers_is_two_requests_on_sqlite() {
    one_id_of_two_callers_is_two_requests(Storage::SqliteFile).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_id_of_two_callers_is_two_requests_on_postgres() {
    one_id_of_two_callers_is_two_requests(Storage::Postgres).await;
}

async fn one_id_of_two_callers_is_two_requests(storage: Storage) {
    let system = Processes::start_secured(storage, &[]).await;
    let (one, two) =
        (Fixture::load_secured(&system).await.clients, Clients::secured(&system, EVERYTHING_TOO));
    routing(&one, &two).await;
    handing_off(&one, &two).await;
}

async fn routing(one: &Clients, two: &Clients) {
    let agent = |request_id, id: &str| PutAgentRequest {
        request_id,
        agent: Some(Agent { id: id.to_owned(), capacity_units: 100, ..Agent::default() }),
    };
    by_both!(one, two, router.put_agent, agent, ["a-1", "a-2"]);
    let presence = |request_id, agent: &str| SetPresenceRequest {
        request_id,
        agent: agent.to_owned(),
        presence: Presence::Away.into(),
    };
    by_both!(one, two, router.set_presence, presence, ["a-1", "a-2"]);
    let contact = |request_id, session: &str| SubmitContactRequest {
        request_id,
        platform: "app".to_owned(),
        session: session.to_owned(),
        skills: vec!["nobody-has-it".to_owned()],
        ..SubmitContactRequest::default()
    };
    let contacts = by_both!(one, two, router.submit_contact, contact, ["s-1", "s-2"]);
    let [first, second] = contacts.map(|answer| answer.contact.unwrap().id);
    let abandon = |request_id, id: &str| AbandonContactRequest { request_id, id: id.to_owned() };
    by_both!(one, two, router.abandon_contact, abandon, [first.as_str(), second.as_str()]);
}

async fn handing_off(one: &Clients, two: &Clients) {
    let handoff = |request_id, (customer, session): (usize, &str)| CreateHandoffRequest {
        request_id,
        ..Fixture::handoff_of(customer, session)
    };
    let issued = by_both!(one, two, issuer.create_handoff, handoff, [(0, "call-1"), (1, "call-2")]);
    let [first, second] = issued.each_ref().map(|answer| answer.handoff.as_ref().unwrap().id.clone());
    let reissue =
        |request_id, id: &str| ReissueCodeRequest { request_id, id: id.to_owned(), ..Default::default() };
    let issued = by_both!(one, two, issuer.reissue_code, reissue, [first.as_str(), second.as_str()]);
    let redeem = |request_id, (customer, code, session): (usize, &str, &str)| RedeemCodeRequest {
        request_id,
        account: Fixture::account_of(customer),
        ..Fixture::redemption(code, session)
    };
    let codes = issued.map(|answer| digits(answer.access_info.as_ref().unwrap()));
    let entered = [(0, codes[0].as_str(), "app-1"), (1, codes[1].as_str(), "app-2")];
    by_both!(one, two, issuer.redeem_code, redeem, [entered[0], entered[1]]);
    let revoke = |request_id, id: &str| RevokeHandoffRequest { request_id, id: id.to_owned() };
    by_both!(one, two, issuer.revoke_handoff, revoke, [first.as_str(), second.as_str()]);
    let more = by_both!(one, two, issuer.create_handoff, handoff, [(0, "call-3"), (1, "call-4")]);
    let [third, fourth] = more.map(|answer| answer.handoff.unwrap().id);
    let cancel = |request_id, id: &str| CancelHandoffRequest { request_id, id: id.to_owned() };
    by_both!(one, two, issuer.cancel_handoff, cancel, [third.as_str(), fourth.as_str()]);
}

fn digits(info: &segue_proto::common::v1::AccessInfo) -> String {
    let face = info.faces.iter().find(|face| face.kind() == segue_proto::common::v1::Face::Digits);
    face.unwrap().display.clone()
}

/// A platform repeats the id of another's redemption, with the code even: it gets neither the handoff nor the agent.
#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_redemption_answers_its_caller_alone() {
    let system = Processes::start_secured(Storage::SqliteFile, &[]).await;
    let fixture = Fixture::load_secured(&system).await;
    let stranger = Clients::secured(&system, EVERYTHING_TOO);
    let issued = fixture.create(Fixture::handoff("call-1")).await;
    let redemption = Fixture::redemption(&Fixture::digits(&issued), "app-1");
    let answer = fixture.clients.issuer.clone().redeem_code(redemption.clone()).await.unwrap().into_inner();
    assert_eq!(answer.agent, DEMO_AGENT);
    let elsewhere = RedeemCodeRequest { session: "app-2".to_owned(), ..redemption };
    let refusal = refused(stranger.issuer.clone().redeem_code(elsewhere).await);
    assert_eq!(refusal.reason, segue_proto::common::v1::ErrorReason::CodeAlreadyUsed);
}

/// Idempotency takes the id out of the encoded request by this.
#[test]
fn a_request_id_is_the_first_field() {
    let pool = DescriptorPool::decode(segue_proto::DESCRIPTORS).unwrap();
    let ids: Vec<_> =
        pool.all_messages().filter_map(|message| message.get_field_by_name("request_id")).collect();
    assert!(ids.len() > 20);
    assert!(ids.iter().all(|field| field.number() == 1));
}

/// No method with a `request_id` keeps its answers in another way than by its caller.
#[test]
fn every_request_id_is_kept_with_its_caller() {
    let pool = DescriptorPool::decode(segue_proto::DESCRIPTORS).unwrap();
    let methods: BTreeSet<String> = pool
        .services()
        .flat_map(|service| service.methods().collect::<Vec<_>>())
        .filter(|method| method.input().get_field_by_name("request_id").is_some())
        .map(|method| method.name().to_owned())
        .collect();
    assert!(methods.len() > 20, "{methods:?}");
    let mut sources = String::new();
    for service in ["code-issuer", "platform-selector", "priority-router"] {
        let folder = segue_testkit::repository().join(format!("services/{service}/src/grpc"));
        for file in fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.is_file() {
                sources += &fs::read_to_string(path).unwrap();
            }
        }
    }
    for method in methods.iter().filter(|method| *method != "RedeemCode") {
        let kept = ["plain", "keyed"]
            .iter()
            .any(|how| sources.contains(&format!("RequestKey::{how}(&caller(), &request_id, \"{method}\"")));
        assert!(kept, "{method}");
    }
    assert!(sources.contains("caller().scoped(&request_id)"), "RedeemCode");
}
