//! Candidates as they are sent. An answer has all platforms, a thousand of them if there are so many, of which most have the same few reasons;
//! so it is put together in its encoded form from parts that are made once for each selection ([`parts`]), and not from messages with texts
//! of their own.

mod fields;
mod parts;
#[cfg(test)]
mod reference;

use prost::Message as _;
use segue_proto::selector::v1::{
    Candidate as CandidateMessage, SelectPlatformResponse, SelectionReason, SelectionReasonCode as Code,
};

use crate::domain::selection::{
    Candidate, Reason, Unknown,
    sentence::{Language, write_sentence},
};
use fields::{
    ANSWER_CANDIDATE, ANSWER_SOURCE, ANSWER_TARGET, CANDIDATE_EXPLANATION, CANDIDATE_PLATFORM,
    CANDIDATE_REASON, EXPLANATION_LOCALE, EXPLANATION_SENTENCE, put,
};
use parts::Parts;

/// Reasons beyond this are cut to the first one's code, since the answer would be too large to be sent.
const MAX_REASON_BYTES: usize = 640 * 1024;
/// Sentences are for people, who read of a hundred platforms at most; with a thousand, making them took most of the time of
/// a selection, and most of what is kept with a handoff.
const MAX_SENTENCE_BYTES: usize = 64 * 1024;
const MAX_DETAIL_CHARACTERS: usize = 200;
const MAX_SENTENCE_CHARACTERS: usize = 1000;
const CODE_PREFIX: &str = "SELECTION_REASON_CODE_";
/// What a candidate takes in an answer, or more.
const USUAL_CANDIDATE_BYTES: usize = 256;

/// An answer as it is sent.
#[derive(Debug)]
pub(crate) struct Encoded(Vec<u8>);

impl Encoded {
    /// Puts an answer together from one without candidates and platforms, and from these. The platforms are encoded already.
    pub(crate) fn new(
        answer: SelectPlatformResponse,
        candidates: &[Candidate<'_>],
        target: Option<&Vec<u8>>,
        source: Option<&Vec<u8>>,
    ) -> Self {
        let SelectPlatformResponse {
            platform, account, selection_id, work_profile_version, accounts, ..
        } = answer;
        let before = SelectPlatformResponse { platform, account, ..SelectPlatformResponse::default() };
        let behind = SelectPlatformResponse {
            selection_id,
            work_profile_version,
            accounts,
            ..SelectPlatformResponse::default()
        };
        let mut bytes = Vec::with_capacity(candidates.len() * USUAL_CANDIDATE_BYTES);
        bytes.extend(before.encode_to_vec());
        put_candidates(&mut bytes, candidates);
        for (key, platform) in [(ANSWER_TARGET, target), (ANSWER_SOURCE, source)] {
            if let Some(platform) = platform {
                put(&mut bytes, key, &[platform]);
            }
        }
        bytes.extend(behind.encode_to_vec());
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

fn put_candidates(bytes: &mut Vec<u8>, candidates: &[Candidate<'_>]) {
    let mut parts = Parts::default();
    let (mut reasons_left, mut sentences_left) = (MAX_REASON_BYTES, MAX_SENTENCE_BYTES);
    let (mut head, mut reasons, mut explanations) = (vec![], vec![], vec![]);
    for candidate in candidates {
        head.clear();
        reasons.clear();
        explanations.clear();
        put_head(&mut head, candidate);
        parts.put_reasons(&mut reasons, &candidate.reasons);
        let size = head.len() + reasons.len();
        if size > reasons_left {
            reasons.clear();
            if let Some(first) = candidate.reasons.first() {
                let bare = SelectionReason { detail: String::new(), ..to_reason(first) };
                put(&mut reasons, CANDIDATE_REASON, &[&bare.encode_to_vec()]);
            }
        }
        reasons_left = reasons_left.saturating_sub(size);
        if sentences_left > 0 {
            let size = put_explanations(&mut explanations, &mut parts, candidate);
            sentences_left = sentences_left.saturating_sub(size);
        }
        put(bytes, ANSWER_CANDIDATE, &[&head, &reasons, &explanations]);
    }
}

/// What stands before the reasons.
fn put_head(bytes: &mut Vec<u8>, candidate: &Candidate<'_>) {
    put(bytes, CANDIDATE_PLATFORM, &[candidate.platform.id.as_bytes()]);
    let marks = CandidateMessage {
        eligible: candidate.eligible,
        has_account: candidate.has_account,
        score: candidate.score,
        ..CandidateMessage::default()
    };
    // It fails only where a buffer can't grow.
    let _ = marks.encode(bytes);
}

/// Answers how many bytes the sentences have.
fn put_explanations<'a>(bytes: &mut Vec<u8>, parts: &mut Parts<'a>, candidate: &Candidate<'a>) -> usize {
    let (mut sentence, mut explanation, mut size) = (String::new(), vec![], 0);
    for language in Language::ALL {
        sentence.clear();
        explanation.clear();
        write_sentence(&mut sentence, candidate, language, |sentence, reason| {
            sentence.push_str(parts.clause(reason, language));
        });
        shorten(&mut sentence, MAX_SENTENCE_CHARACTERS);
        size += sentence.len();
        put(&mut explanation, EXPLANATION_LOCALE, &[language.tag().as_bytes()]);
        put(&mut explanation, EXPLANATION_SENTENCE, &[sentence.as_bytes()]);
        put(bytes, CANDIDATE_EXPLANATION, &[&explanation]);
    }
    size
}

/// A reason's code, as it stands in an error's metadata.
pub(crate) fn reason_name(reason: &Reason<'_>) -> &'static str {
    let name = code(reason).as_str_name();
    name.strip_prefix(CODE_PREFIX).unwrap_or(name)
}

fn to_reason(reason: &Reason<'_>) -> SelectionReason {
    let (feature, mut detail) = match *reason {
        Reason::Chosen => ("", "the best platform with an account, or by the fallback policy".to_owned()),
        Reason::IsSource => ("", "the customer is there already".to_owned()),
        Reason::Disabled => ("", "operations disabled it".to_owned()),
        Reason::NotServedByAgent => ("", "the agent does not serve it".to_owned()),
        Reason::NotRequested => ("", "another platform was asked for".to_owned()),
        Reason::AdapterDown => ("", "its adapter is down".to_owned()),
        Reason::FeatureMissing { feature, needed } => (feature, format!("needed {needed}, is missing")),
        Reason::FeatureMismatch { feature, needed, found } => {
            (feature, format!("needed {needed}, is {found}"))
        }
        Reason::OutOfHours => ("", "closed now".to_owned()),
        Reason::NoCommonFace => ("", "no code can be shown on the source and entered here".to_owned()),
        Reason::NoAccount => ("", "the customer has no account there".to_owned()),
        Reason::AccountRequired => ("", "nothing can be done there without an account".to_owned()),
        Reason::AccountUnknown(Unknown::NotAsked) => ("", "its directory was not asked".to_owned()),
        Reason::AccountUnknown(Unknown::Down) => ("", "its directory was not asked: it is down".to_owned()),
        Reason::AccountUnknown(Unknown::Late) => ("", "its directory did not answer in time".to_owned()),
        Reason::AccountUnknown(Unknown::Failed) => ("", "its directory failed".to_owned()),
        Reason::AccountUnknown(Unknown::Nonsense) => ("", "its directory answered nonsense".to_owned()),
        Reason::PreferenceMet { feature, wished, weight } => {
            (feature, format!("wished {wished}, adds {weight}"))
        }
        Reason::Loaded { percent, takes } => ("", format!("{percent} percent full, takes {takes}")),
    };
    shorten(&mut detail, MAX_DETAIL_CHARACTERS);
    SelectionReason { code: code(reason).into(), feature: feature.to_owned(), detail }
}

fn code(reason: &Reason<'_>) -> Code {
    match reason {
        Reason::Chosen => Code::Chosen,
        Reason::IsSource => Code::IsSource,
        Reason::Disabled => Code::Disabled,
        Reason::NotServedByAgent => Code::NotServedByAgent,
        Reason::NotRequested => Code::NotRequested,
        Reason::FeatureMissing { .. } => Code::FeatureMissing,
        Reason::FeatureMismatch { .. } => Code::FeatureMismatch,
        Reason::OutOfHours => Code::OutOfHours,
        Reason::NoCommonFace => Code::NoCommonFace,
        Reason::NoAccount => Code::NoAccount,
        Reason::PreferenceMet { .. } => Code::PreferenceMet,
        Reason::AdapterDown => Code::AdapterDown,
        Reason::AccountRequired => Code::AccountRequired,
        Reason::AccountUnknown(_) => Code::AccountUnknown,
        Reason::Loaded { .. } => Code::Loaded,
    }
}

fn shorten(text: &mut String, most_characters: usize) {
    // A character has a byte at least.
    if text.len() > most_characters
        && let Some((end, _)) = text.char_indices().nth(most_characters)
    {
        text.truncate(end);
        text.push('…');
    }
}
