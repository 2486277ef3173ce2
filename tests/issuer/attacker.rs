//! A simulated attacker at unbound codes, which everybody may try: many accounts, many addresses, customers among them.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use code_issuer::domain::{
    limits::{Guesser, Limits},
    strength,
};
use segue_proto::{
    common::v1::{ErrorReason, Face, Session},
    issuer::v1::{
        CreateHandoffRequest, GetHandoffRequest, HandoffState, RedeemCodeRequest, ReissueCodeRequest,
    },
};
use segue_testkit::{Storage, refused, request_id};
use segue_tests::Fixture;

use crate::replicas::{Issuer, Replicas, unbound, well_formed};

/// The issue asks for 100,000 guesses over 1,000 accounts; `SEGUE_ATTACK_GUESSES=100000` makes them. A build without
/// optimisation takes minutes for that, and what reaches the table is the same with fewer.
const GUESSES: usize = 10_000;
const ACCOUNTS: usize = 1_000;
const ADDRESSES: usize = 50;
const CALLERS: usize = 128;
const VICTIMS: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn an_attacker_gets_no_further_than_the_limits() {
    let system = Replicas::start(Storage::SqliteFile, &[]).await;
    let mut victims = Vec::new();
    for number in 0..VICTIMS {
        victims.push(system.fixture.create(unbound(&format!("victim-{number}"))).await);
    }
    let bits = victims[0].handoff.as_ref().unwrap().strength.as_ref().unwrap().faces[0].bits;
    let (started, outcomes) = (Instant::now(), Arc::new(Outcomes::default()));
    let callers = (0..CALLERS).map(|caller| {
        let (issuer, outcomes) = (system.first(), outcomes.clone());
        tokio::spawn(async move { attack(issuer, caller, &outcomes).await })
    });
    futures::future::join_all(callers).await.into_iter().for_each(|caller| caller.unwrap());
    let elapsed = started.elapsed();
    let (looked_up, refused, won) = outcomes.counts();
    let limits = Limits::default();
    let by_accounts = ACCOUNTS as u64 * limits.most_within(Guesser::Account, Duration::from_secs(600));
    let by_addresses = ADDRESSES as u64 * limits.most_within(Guesser::Source, Duration::from_secs(600));
    let bound = strength::success_at_most(VICTIMS as u64, by_addresses, bits);
    println!(
        "{} guesses over {ACCOUNTS} accounts and {ADDRESSES} addresses in {elapsed:.1?}: \
         {looked_up} reached the table, {refused} were refused before, {won} succeeded; \
         computed: at most {by_addresses} look-ups, success at most {bound:.1e}",
        guesses()
    );
    assert_eq!(looked_up + refused + won, guesses());
    assert!(looked_up as u64 <= by_addresses.min(by_accounts), "{looked_up}");
    assert!(looked_up as u64 == by_addresses, "the attacker used up what there was");
    assert_eq!(won, 0, "at {bound:.1e} a success is no accident");

    let state = |issued: &segue_proto::issuer::v1::CreateHandoffResponse| {
        let (mut issuer, id) = (system.first(), issued.handoff.as_ref().unwrap().id.clone());
        async move {
            let request = GetHandoffRequest { id };
            issuer.get_handoff(request).await.unwrap().into_inner().handoff.unwrap()
        }
    };
    // Five times as many addresses as are reckoned with have made as many guesses as only the first codes can bear, those that were
    // issued among few others. The others are retired, and replaced by longer ones.
    let mut retired = 0;
    for (number, victim) in victims.iter().enumerate() {
        let handoff = state(victim).await;
        assert_eq!(handoff.state(), HandoffState::Issued);
        let enter = |digits: &str| RedeemCodeRequest {
            platform: "web_chat".to_owned(),
            account: format!("honest-{number}"),
            source_address: format!("192.0.2.{number}"),
            ..Fixture::redemption(digits, &format!("honest-{number}"))
        };
        let mut digits = Fixture::digits(victim);
        if handoff.retired_faces == [i32::from(Face::Digits)] {
            let answer = system.first().redeem_code(enter(&digits)).await;
            assert_eq!(segue_testkit::refused(answer).reason, ErrorReason::CodeNotAccepted, "{number}");
            let reissue = ReissueCodeRequest { request_id: request_id(), id: handoff.id, ttl: None };
            let reissued = system.first().reissue_code(reissue).await.unwrap().into_inner();
            assert_eq!(reissued.handoff.as_ref().unwrap().retired_faces, [0; 0]);
            digits = reissued.access_info.unwrap().faces[0].display.clone();
            retired += 1;
        }
        system.first().redeem_code(enter(&digits)).await.expect("honest customers are served");
    }
    println!("{retired} of {VICTIMS} codes retired");
    assert!((1..VICTIMS).contains(&retired), "{retired}");
    // What went on has made new codes stronger: the wrong guesses are more than were reckoned with.
    let next = system.fixture.create(unbound("later")).await.handoff.unwrap().strength.unwrap();
    let before = victims[0].handoff.as_ref().unwrap().strength.as_ref().unwrap().needed_bits;
    println!(
        "needed before {before:.1} bits, after {:.1}; digits had {bits:.1}, now {:.1}",
        next.needed_bits, next.faces[0].bits
    );
    assert!(next.needed_bits > before + 1.0 && next.faces[0].bits >= next.needed_bits, "{next:?}");
    system.stop().await;
}

fn guesses() -> usize {
    std::env::var("SEGUE_ATTACK_GUESSES").map_or(GUESSES, |number| number.parse().unwrap())
}

#[derive(Default)]
struct Outcomes {
    looked_up: AtomicUsize,
    refused: AtomicUsize,
    won: AtomicUsize,
}

impl Outcomes {
    fn counts(&self) -> (usize, usize, usize) {
        let of = |count: &AtomicUsize| count.load(Ordering::SeqCst);
        (of(&self.looked_up), of(&self.refused), of(&self.won))
    }
}

async fn attack(mut issuer: Issuer, caller: usize, outcomes: &Outcomes) {
    for number in (caller..guesses()).step_by(CALLERS) {
        let guess = RedeemCodeRequest {
            platform: "web_chat".to_owned(),
            account: format!("guesser-{}", number % ACCOUNTS),
            source_address: format!("198.51.100.{}", number / (ACCOUNTS / ADDRESSES) % ADDRESSES),
            ..Fixture::redemption(&well_formed(number * 797), &format!("attack-{number}"))
        };
        let counter = match issuer.redeem_code(guess).await {
            Ok(_) => &outcomes.won,
            answer => match refused(answer).reason {
                ErrorReason::CodeNotAccepted => &outcomes.looked_up,
                ErrorReason::TooManyAttempts => &outcomes.refused,
                other => panic!("{other:?}"),
            },
        };
        counter.fetch_add(1, Ordering::SeqCst);
    }
}

/// Faces that were asked for by name are refused when they are too weak for what lives on the platform.
#[tokio::test(flavor = "multi_thread")]
async fn a_face_that_is_too_weak_is_lengthened_left_out_or_refused() {
    let faces_at = |addresses: &'static str, odds: &'static str| async move {
        let settings = [("SEGUE_ATTACKER_ADDRESSES", addresses), ("SEGUE_GUESS_ODDS", odds)];
        let system = Replicas::start(Storage::SqliteMemory, &settings).await;
        let source = Session { platform: "web_chat".into(), session: "chat-1".into() };
        let request = CreateHandoffRequest {
            source: Some(source),
            target_platform: "video_desk".to_owned(),
            ..unbound("")
        };
        let named = CreateHandoffRequest { faces: vec![Face::Digits.into()], ..unbound("call-2") };
        let issued =
            system.fixture.clients.issuer.clone().create_handoff(request).await.unwrap().into_inner();
        let named = system.fixture.clients.issuer.clone().create_handoff(named).await;
        let shown: BTreeMap<i32, usize> = issued
            .access_info
            .unwrap()
            .faces
            .iter()
            .map(|face| (face.kind, face.display.chars().filter(|c| c.is_alphanumeric()).count()))
            .collect();
        let strength = issued.handoff.unwrap().strength.unwrap();
        for face in &strength.faces {
            assert!(face.bits >= strength.needed_bits, "{strength:?}");
        }
        let needed = strength.needed_bits;
        system.stop().await;
        (shown.get(&Face::Digits.into()).copied(), needed, named)
    };
    let faces = |addresses| faces_at(addresses, "1000000");
    let (digits, needed, named) = faces("10").await;
    assert_eq!(digits, Some(11), "needed {needed}");
    named.unwrap();
    let (digits, needed, named) = faces("10000").await;
    assert_eq!(digits, Some(13), "needed {needed}");
    named.unwrap();
    let (digits, needed, named) = faces("1000000").await;
    assert_eq!(digits, Some(15), "needed {needed}");
    named.unwrap();
    let (digits, needed, named) = faces_at("1000000", "1000000000000").await;
    assert_eq!(digits, None, "needed {needed}");
    let refused = refused(named);
    assert_eq!((refused.reason, refused.fields), (ErrorReason::FaceTooWeak, vec!["faces".to_owned()]));
}
