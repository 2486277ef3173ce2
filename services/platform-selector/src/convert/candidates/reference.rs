//! The candidates as messages, in the plainest form, and what is sent held against them byte by byte.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use segue_proto::selector::v1::{Explanation, Platform as PlatformMessage};

use super::*;
use crate::domain::{
    feature::{FeatureValue, Number},
    platform::Platform,
    selection::sentence::sentence,
    term::Test,
};

fn to_messages(candidates: &[Candidate<'_>]) -> Vec<CandidateMessage> {
    let (mut reasons_left, mut sentences_left) = (MAX_REASON_BYTES, MAX_SENTENCE_BYTES);
    let mut messages = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let mut message = to_message(candidate);
        let bytes = message.encoded_len();
        if bytes > reasons_left {
            message.reasons.truncate(1);
            message.reasons.iter_mut().for_each(|reason| reason.detail.clear());
        }
        reasons_left = reasons_left.saturating_sub(bytes);
        if sentences_left > 0 {
            message.explanations = explanations(candidate);
            let bytes: usize = message.explanations.iter().map(|one| one.sentence.len()).sum();
            sentences_left = sentences_left.saturating_sub(bytes);
        }
        messages.push(message);
    }
    messages
}

fn to_message(candidate: &Candidate<'_>) -> CandidateMessage {
    CandidateMessage {
        platform: candidate.platform.id.clone(),
        eligible: candidate.eligible,
        has_account: candidate.has_account,
        score: candidate.score,
        reasons: candidate.reasons.iter().map(to_reason).collect(),
        explanations: vec![],
    }
}

fn explanations(candidate: &Candidate<'_>) -> Vec<Explanation> {
    Language::ALL
        .map(|language| Explanation {
            locale: language.tag().to_owned(),
            sentence: shortened(sentence(candidate, language)),
        })
        .into()
}

fn shortened(mut sentence: String) -> String {
    shorten(&mut sentence, MAX_SENTENCE_CHARACTERS);
    sentence
}

/// A candidate in numbers: its reasons each by kind, by what was needed and by what was found.
#[derive(Debug, Clone)]
struct Made {
    name: String,
    eligible: bool,
    has_account: bool,
    score: i32,
    reasons: Vec<(usize, usize, usize)>,
}

/// What is needed, in short and in very long.
fn tests() -> [Test; 5] {
    let many = (0..64).map(|number| format!("字{number}").repeat(9)).collect();
    let words = ["zh".to_owned(), "en".to_owned()].into();
    let number = Number::new(10.5);
    [Test::Exists, Test::In(words), Test::NotIn(many), Test::AtLeast(number.unwrap()), Test::NotExists]
}

/// What is found.
fn values() -> [FeatureValue; 4] {
    let many = (0..64).map(|number| format!("word{number}").repeat(6)).collect();
    let few = ["zh".to_owned()].into();
    [
        FeatureValue::default(),
        FeatureValue { number: Number::new(5.0), words: few },
        FeatureValue { number: None, words: many },
        FeatureValue { number: Number::new(-0.25), ..FeatureValue::default() },
    ]
}

fn reason<'a>(
    (kind, needed, found): (usize, usize, usize),
    tests: &'a [Test],
    values: &'a [FeatureValue],
) -> Reason<'a> {
    let (feature, number) = ("file_upload.max_mb", i32::try_from(needed * 7 + found).unwrap());
    let (needed, found) = (&tests[needed % tests.len()], &values[found % values.len()]);
    let plain = [
        Reason::Chosen,
        Reason::IsSource,
        Reason::Disabled,
        Reason::AdapterDown,
        Reason::NotServedByAgent,
        Reason::NotRequested,
        Reason::OutOfHours,
        Reason::NoCommonFace,
        Reason::AccountRequired,
        Reason::NoAccount,
        Reason::AccountUnknown(Unknown::NotAsked),
        Reason::AccountUnknown(Unknown::Down),
        Reason::AccountUnknown(Unknown::Late),
        Reason::AccountUnknown(Unknown::Failed),
        Reason::AccountUnknown(Unknown::Nonsense),
        Reason::FeatureMissing { feature, needed },
        Reason::FeatureMismatch { feature, needed, found },
        Reason::PreferenceMet { feature, wished: needed, weight: 30 },
        Reason::Loaded { percent: number, takes: number + 1 },
    ];
    plain[kind % plain.len()]
}

fn made_platform(place: usize, name: &str) -> Platform {
    Platform {
        id: format!("p{place}"),
        display_name: name.to_owned(),
        active: true,
        features: BTreeMap::new(),
        accepted_faces: BTreeSet::new(),
        delivered_faces: BTreeSet::new(),
        hours: None,
        cost_units: 0,
        rank: 0,
        account_required: false,
        load_weight: 0,
    }
}

/// The answer with these candidates as it is sent, and as messages come out.
fn both(made: &[Made]) -> (Vec<u8>, Vec<u8>) {
    let (tests, values) = (tests(), values());
    let platforms: Vec<Platform> =
        made.iter().enumerate().map(|(place, made)| made_platform(place, &made.name)).collect();
    let candidate = |(platform, made): (_, &Made)| Candidate {
        platform,
        eligible: made.eligible,
        has_account: made.has_account,
        score: made.score,
        reasons: made.reasons.iter().map(|numbers| reason(*numbers, &tests, &values)).collect(),
    };
    let candidates: Vec<Candidate<'_>> = platforms.iter().zip(made).map(candidate).collect();
    let answer = SelectPlatformResponse {
        platform: "p0".to_owned(),
        account: "reference".to_owned(),
        selection_id: "selection_1".to_owned(),
        work_profile_version: 7,
        accounts: vec!["reference".to_owned(), "other".to_owned()],
        ..SelectPlatformResponse::default()
    };
    let target = PlatformMessage { id: "p0".to_owned(), rank: 3, ..PlatformMessage::default() };
    let source = PlatformMessage { id: "p1".to_owned(), ..PlatformMessage::default() };
    let (encoded_target, encoded_source) = (target.encode_to_vec(), source.encode_to_vec());
    let sent = Encoded::new(answer.clone(), &candidates, Some(&encoded_target), Some(&encoded_source));
    let messages = SelectPlatformResponse {
        candidates: to_messages(&candidates),
        target: Some(target),
        source: Some(source),
        ..answer
    };
    (sent.as_bytes().to_vec(), messages.encode_to_vec())
}

fn made() -> impl Strategy<Value = Made> {
    let reasons = proptest::collection::vec((0..19_usize, 0..5_usize, 0..4_usize), 0..6);
    ("[a-z字]{0,12}", any::<bool>(), any::<bool>(), -50..200_i32, reasons).prop_map(
        |(name, eligible, has_account, score, reasons)| Made { name, eligible, has_account, score, reasons },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_is_sent_is_what_the_messages_are(made in proptest::collection::vec(made(), 0..400)) {
        let (sent, messages) = both(&made);
        prop_assert_eq!(sent, messages);
    }
}

/// Beyond both limits: of reasons, and of sentences.
#[test]
fn an_answer_with_too_much_to_say_is_cut_at_the_same_places() {
    let long = Made {
        name: "字".repeat(128),
        eligible: false,
        has_account: true,
        score: -3,
        reasons: vec![(16, 2, 2), (16, 2, 1), (15, 2, 0), (17, 2, 0)],
    };
    let (sent, messages) = both(&vec![long; 1200]);
    assert_eq!(sent, messages);
    let answer = SelectPlatformResponse::decode(&*sent).unwrap();
    let of = |place: usize| &answer.candidates[place];
    assert_eq!((of(0).reasons.len(), of(0).explanations.len()), (4, 2));
    assert_eq!((of(1199).reasons.len(), of(1199).explanations.len()), (1, 0));
    assert!(of(0).reasons[0].detail.ends_with('…') && of(1199).reasons[0].detail.is_empty());
    assert!(of(0).explanations.iter().all(|one| one.sentence.chars().count() <= MAX_SENTENCE_CHARACTERS + 1));
}
