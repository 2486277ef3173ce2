//! Many codes, three replicas, one PostgreSQL: 64 callers enter each code, some its digits, some its QR token (I1, I2).
//!
//! `SEGUE_RACE_CODES=2000` races for as many codes.

use futures::{StreamExt as _, stream};
use segue::demo_data::{self, Customer, customers};
use segue_proto::{
    common::v1::{Customer as Identified, ErrorReason, Face, Identity, Session},
    issuer::v1::{
        CreateHandoffRequest, RedeemCodeRequest, RedeemCodeResponse,
        code_issuer_service_client::CodeIssuerServiceClient,
    },
    router::v1::ListContactsRequest,
};
use segue_runtime::reason_of;
use segue_testkit::{Storage, request_id, wait_for_some};
use segue_tests::{Fixture, Processes};
use tonic::transport::{Channel, Endpoint};

type Issuer = CodeIssuerServiceClient<Channel>;

const CODES: usize = 50;
const CALLERS: usize = 64;
const CODES_AT_ONCE: usize = 4;
/// So many codes has each customer, so that the wrong guesses of the losers stay below the highest limit there is.
const CODES_OF_A_CUSTOMER: usize = 10;
const UNLIMITED: [(&str, &str); 4] = [
    ("SEGUE_GUESSES_PER_ACCOUNT", "1000"),
    ("SEGUE_GUESSES_PER_ACCOUNT_DAY", "10000"),
    ("SEGUE_ATTACKER_ADDRESSES", "1"),
    ("SEGUE_GUESS_ODDS", "1000"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_code_has_one_winner_over_three_replicas() {
    let codes = std::env::var("SEGUE_RACE_CODES").map_or(CODES, |codes| codes.parse().unwrap());
    let mut system = Processes::start_with(Storage::Postgres, &UNLIMITED).await;
    let mut replicas = vec![system.addresses.issuer];
    for _ in 0..2 {
        replicas.push(system.add_replica("code-issuer").await);
    }
    let channel = |address| Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
    let replicas: Vec<Issuer> = replicas.into_iter().map(channel).map(Issuer::new).collect();
    let fixture = Fixture::load(&system.addresses).await;
    let people: Vec<Customer> = customers()
        .unwrap()
        .filter(|person| person.accounts.iter().any(|account| account.platform == "app"))
        // A customer has one live code at a time, as an agent's newer one ends the older.
        .take(codes.div_ceil(CODES_OF_A_CUSTOMER).max(CODES_AT_ONCE * 5))
        .collect();
    let last = people.iter().map(|person| person.number).max().unwrap();
    let targets = system.addresses.demo_data_targets(last as usize).unwrap();
    demo_data::load(&targets, &|_| {}).await.unwrap();

    let races = (0..codes).map(|number| {
        let person = &people[number % people.len()];
        race(&replicas, person, number)
    });
    let faces: Vec<Face> = stream::iter(races).buffer_unordered(CODES_AT_ONCE).collect().await;
    let by_qr = faces.iter().filter(|face| **face == Face::Qr).count();
    println!("{codes} codes, {by_qr} won by QR, the others by digits");
    assert!(by_qr > 0 && by_qr < codes, "both faces win");
    assert_eq!(admitted(&fixture).await, codes, "one admission for each code");
}

/// One code; returns the winner's face.
async fn race(replicas: &[Issuer], person: &Customer, number: usize) -> Face {
    let request = handoff(person, number);
    let issued =
        replicas[number % replicas.len()].clone().create_handoff(request).await.unwrap().into_inner();
    let code = |kind: Face| {
        let faces = &issued.access_info.as_ref().unwrap().faces;
        faces.iter().find(|face| face.kind() == kind).unwrap().display.clone()
    };
    let codes = [(Face::Digits, code(Face::Digits)), (Face::Qr, code(Face::Qr))];
    let account = person.accounts.iter().find(|account| account.platform == "app").unwrap();
    let attempts = (0..CALLERS).map(|caller| {
        let (face, code) = codes[(caller + number) % 2].clone();
        let session = format!("session-{number}-{caller}");
        let request =
            RedeemCodeRequest { account: account.id.clone(), ..Fixture::redemption(&code, &session) };
        let issuer = replicas[caller % replicas.len()].clone();
        tokio::spawn(async move {
            let answer = enter(issuer, request.clone()).await;
            answer.map(|answer| (face, request, answer))
        })
    });
    let outcomes = futures::future::join_all(attempts).await;
    let mut won: Vec<_> = outcomes.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(won.len(), 1, "one winner of code {number}");
    let (face, request, answer) = won.remove(0);
    assert_eq!(answer.handoff_id, issued.handoff.unwrap().id);
    for replica in replicas {
        let again = enter(replica.clone(), request.clone()).await;
        assert_eq!(again.as_ref(), Some(&answer), "every replica repeats the winner's answer");
    }
    face
}

/// The answer, or none for a code that isn't accepted. A winner whose admission is on its way asks again.
async fn enter(issuer: Issuer, request: RedeemCodeRequest) -> Option<RedeemCodeResponse> {
    wait_for_some("an answer", || {
        let (mut issuer, request) = (issuer.clone(), request.clone());
        async move {
            match issuer.redeem_code(request).await {
                Ok(answer) => Some(Some(answer.into_inner())),
                Err(status) => match reason_of(&status) {
                    Some(ErrorReason::CodeAlreadyUsed) => Some(None),
                    Some(ErrorReason::AdmissionPending | ErrorReason::StoreUnavailable) => None,
                    _ => panic!("{status:?}"),
                },
            }
        }
    })
    .await
}

/// From the web chat, which can show digits and QR codes.
fn handoff(person: &Customer, number: usize) -> CreateHandoffRequest {
    let phone = Identity { kind: "phone".to_owned(), value: person.phone.clone(), unverified: false };
    let session = format!("chat-{number}");
    CreateHandoffRequest {
        request_id: request_id(),
        source: Some(Session { platform: "web_chat".to_owned(), session: session.clone() }),
        customer: Some(Identified { identities: vec![phone] }),
        faces: vec![Face::Digits.into(), Face::Qr.into()],
        target_platform: "app".to_owned(),
        ..Fixture::handoff(&session)
    }
}

/// How many handoffs have a contact, each one.
async fn admitted(fixture: &Fixture) -> usize {
    let (mut seen, mut contacts, mut page_token) = (std::collections::HashSet::new(), 0, String::new());
    loop {
        let request = ListContactsRequest { page_size: 1000, page_token, ..ListContactsRequest::default() };
        let page = fixture.clients.router.clone().list_contacts(request).await.unwrap().into_inner();
        contacts += page.contacts.len();
        seen.extend(page.contacts.into_iter().map(|contact| contact.handoff_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            assert_eq!(seen.len(), contacts, "no handoff has two contacts");
            return contacts;
        }
    }
}
