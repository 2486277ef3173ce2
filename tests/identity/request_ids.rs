//! A request's id is its caller's own: two callers who use the same one have made two requests.

use std::{collections::BTreeSet, fs};

use prost_reflect::DescriptorPool;
use segue::demo_data::DEMO_AGENT;
use segue_proto::{
    common::v1::{Customer, Identity},
    issuer::v1::{
        CancelHandoffRequest, CreateHandoffRequest, RedeemCodeRequest, ReissueCodeRequest,
        RevokeHandoffRequest,
    },
    router::v1::{
        AbandonContactRequest, AcceptContactRequest, Agent, AgentPlatform, CompleteContactRequest,
        ContactState, DeclineContactRequest, DeleteAgentRequest, FinishWrapUpRequest, GetContactRequest,
        Line, Presence, Priority, PutAgentRequest, SetContactPriorityRequest, SetPresenceRequest,
        SubmitContactRequest, TransferContactRequest, transfer_contact_request::To,
    },
    selector::v1::{
        CreatePlatformRequest, DeleteFeatureDefinitionRequest, DeletePlatformRequest,
        DeleteWorkProfileRequest, FeatureDefinition, FeatureKind, ForgetCustomerRequest, LinkAccountRequest,
        Platform, PutFeatureDefinitionRequest, PutWorkProfileRequest, UnlinkAccountRequest,
        UpdatePlatformRequest, WorkProfile,
    },
};
use segue_testkit::{Storage, refused, request_id, wait_for};
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

/// The same for answers that may be equal: were it one request, the second would be refused for its other content.
macro_rules! both_succeed {
    ($one:expr, $two:expr, $client:ident . $method:ident, $request:expr, [$a:expr, $b:expr]) => {{
        let (id, request) = (request_id(), $request);
        let first = $one.$client.clone().$method(request(id.clone(), $a)).await.unwrap().into_inner();
        let second = $two.$client.clone().$method(request(id.clone(), $b)).await.unwrap().into_inner();
        let again = $one.$client.clone().$method(request(id, $a)).await.unwrap().into_inner();
        assert_eq!(format!("{first:?}"), format!("{again:?}"), stringify!($method));
        [first, second]
    }};
}

segue_testkit::on_durable_engines!(one_id_of_two_callers_is_two_requests);

async fn one_id_of_two_callers_is_two_requests(storage: Storage) {
    let system = Processes::start_secured(storage, &[]).await;
    let (one, two) =
        (Fixture::load_secured(&system).await.clients, Clients::secured(&system, EVERYTHING_TOO));
    routing(&one, &two).await;
    desks(&one, &two).await;
    handing_off(&one, &two).await;
    platforms(&one, &two).await;
    directory(&one, &two).await;
}

/// A desk's answers to contacts that are offered to its agent.
async fn desks(one: &Clients, two: &Clients) {
    let mut router = one.router.clone();
    for agent in ["d-1", "d-2"] {
        let agent = Agent {
            id: agent.to_owned(),
            capacity_units: 100,
            skills: vec![agent.to_owned()],
            platforms: vec![AgentPlatform {
                platform: "app".to_owned(),
                cost_units: 50,
                wrap_up_seconds: 60,
            }],
            ..Agent::default()
        };
        let id = agent.id.clone();
        router.put_agent(PutAgentRequest { request_id: request_id(), agent: Some(agent) }).await.unwrap();
        let presence = SetPresenceRequest {
            request_id: request_id(),
            agent: id,
            presence: Presence::Available.into(),
            ..Default::default()
        };
        router.set_presence(presence).await.unwrap();
    }
    let contact = |request_id, (session, agent): (&str, &str)| SubmitContactRequest {
        request_id,
        platform: "app".to_owned(),
        session: session.to_owned(),
        skills: vec![agent.to_owned()],
        ..SubmitContactRequest::default()
    };
    let offered = by_both!(one, two, router.submit_contact, contact, [("d-1", "d-1"), ("d-2", "d-2")]);
    let ids = offered.map(|answer| answer.contact.unwrap().id);
    let of = |which: usize| (ids[which].clone(), ["d-1", "d-2"][which].to_owned());
    let decline = |request_id, which: usize| {
        let (id, agent) = of(which);
        DeclineContactRequest { request_id, id, agent }
    };
    by_both!(one, two, router.decline_contact, decline, [0, 1]);
    let priority = |request_id, which: usize| SetContactPriorityRequest {
        request_id,
        id: of(which).0,
        priority: Priority::Urgent.into(),
    };
    by_both!(one, two, router.set_contact_priority, priority, [0, 1]);
    // Declined once, it's offered again after the agent has signed in anew.
    for agent in ["d-1", "d-2"] {
        for presence in [Presence::Away, Presence::Available] {
            let request = SetPresenceRequest {
                request_id: request_id(),
                agent: agent.to_owned(),
                presence: presence.into(),
                ..Default::default()
            };
            router.set_presence(request).await.unwrap();
        }
    }
    for id in &ids {
        wait_for("the contact to be offered again", async || {
            let request = GetContactRequest { id: id.clone() };
            let contact = one.router.clone().get_contact(request).await.unwrap().into_inner().contact;
            contact.unwrap().state() == ContactState::Offered
        })
        .await;
    }
    let accept = |request_id, which: usize| {
        let (id, agent) = of(which);
        AcceptContactRequest { request_id, id, agent }
    };
    by_both!(one, two, router.accept_contact, accept, [0, 1]);
    let complete = |request_id, which: usize| {
        let (id, agent) = of(which);
        CompleteContactRequest { request_id, id, agent }
    };
    by_both!(one, two, router.complete_contact, complete, [0, 1]);
    let finish = |request_id, which: usize| {
        let (id, agent) = of(which);
        FinishWrapUpRequest { request_id, id, agent }
    };
    by_both!(one, two, router.finish_wrap_up, finish, [0, 1]);
}

async fn platforms(one: &Clients, two: &Clients) {
    let platform = |id: &str| Platform { id: id.to_owned(), ..Platform::default() };
    let create = |request_id, id: &str| CreatePlatformRequest { request_id, platform: Some(platform(id)) };
    by_both!(one, two, selector.create_platform, create, ["p-1", "p-2"]);
    let update = |request_id, id: &str| UpdatePlatformRequest {
        request_id,
        platform: Some(Platform { display_name: format!("now {id}"), ..platform(id) }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["display_name".to_owned()] }),
    };
    by_both!(one, two, selector.update_platform, update, ["p-1", "p-2"]);
    let feature = |request_id, name: &str| PutFeatureDefinitionRequest {
        request_id,
        feature_definition: Some(FeatureDefinition {
            name: name.to_owned(),
            kind: FeatureKind::Present.into(),
            ..FeatureDefinition::default()
        }),
    };
    by_both!(one, two, selector.put_feature_definition, feature, ["f.one", "f.two"]);
    let profile = |request_id, id: &str| PutWorkProfileRequest {
        request_id,
        work_profile: Some(WorkProfile { id: id.to_owned(), ..WorkProfile::default() }),
        ..PutWorkProfileRequest::default()
    };
    by_both!(one, two, selector.put_work_profile, profile, ["w_1", "w_2"]);
    let remove = |request_id, id: &str| DeleteWorkProfileRequest { request_id, id: id.to_owned() };
    both_succeed!(one, two, selector.delete_work_profile, remove, ["w_1", "w_2"]);
    let remove =
        |request_id, name: &str| DeleteFeatureDefinitionRequest { request_id, name: name.to_owned() };
    both_succeed!(one, two, selector.delete_feature_definition, remove, ["f.one", "f.two"]);
    let remove = |request_id, id: &str| DeletePlatformRequest { request_id, id: id.to_owned() };
    both_succeed!(one, two, selector.delete_platform, remove, ["p-1", "p-2"]);
}

async fn directory(one: &Clients, two: &Clients) {
    let identity = |account: &str| Identity {
        kind: "member_id".to_owned(),
        value: format!("member of {account}"),
        unverified: false,
    };
    let link = |request_id, account: &str| LinkAccountRequest {
        request_id,
        platform: "app".to_owned(),
        account: account.to_owned(),
        identities: vec![identity(account)],
    };
    by_both!(one, two, selector.link_account, link, ["one", "two"]);
    let unlink = |request_id, account: &str| UnlinkAccountRequest {
        request_id,
        platform: "app".to_owned(),
        account: account.to_owned(),
    };
    both_succeed!(one, two, selector.unlink_account, unlink, ["one", "two"]);
    by_both!(one, two, selector.link_account, link, ["three", "four"]);
    let forget = |request_id, account: &str| ForgetCustomerRequest {
        request_id,
        customer: Some(Customer { identities: vec![identity(account)] }),
        ..ForgetCustomerRequest::default()
    };
    let forgotten = both_succeed!(one, two, selector.forget_customer, forget, ["three", "four"]);
    assert!(forgotten.iter().all(|answer| format!("{answer:?}").contains("1")), "{forgotten:?}");
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
        ..Default::default()
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
    let transfer = |request_id, id: &str| TransferContactRequest {
        request_id,
        id: id.to_owned(),
        to: Some(To::ToLine(Line {})),
        reason: "to be seen".to_owned(),
        ..TransferContactRequest::default()
    };
    by_both!(one, two, router.transfer_contact, transfer, [first.as_str(), second.as_str()]);
    let abandon = |request_id, id: &str| AbandonContactRequest { request_id, id: id.to_owned() };
    by_both!(one, two, router.abandon_contact, abandon, [first.as_str(), second.as_str()]);
    let delete = |request_id, id: &str| DeleteAgentRequest { request_id, id: id.to_owned() };
    both_succeed!(one, two, router.delete_agent, delete, ["a-1", "a-2"]);
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
    let requests = pool.all_messages().filter(|message| message.name().ends_with("Request"));
    let ids: Vec<_> = requests.filter_map(|message| message.get_field_by_name("request_id")).collect();
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
