use prost::Message as _;
use segue_proto::selector::v1::{
    Candidate as CandidateMessage, Explanation, SelectionReason, SelectionReasonCode as Code,
};

use crate::domain::selection::{
    Candidate, Reason, Unknown,
    sentence::{Language, sentence},
};

/// Reasons beyond this are cut to the first one's code, since the answer would be too large to be sent.
const MAX_REASON_BYTES: usize = 640 * 1024;
/// Sentences are for people, who read of a hundred platforms at most; with a thousand, making them took most of the time of
/// a selection, and most of what is kept with a handoff.
const MAX_SENTENCE_BYTES: usize = 64 * 1024;
const MAX_DETAIL_CHARACTERS: usize = 200;
const MAX_SENTENCE_CHARACTERS: usize = 1000;
const CODE_PREFIX: &str = "SELECTION_REASON_CODE_";

/// The candidates for the wire.
pub(crate) fn to_messages(candidates: &[Candidate<'_>]) -> Vec<CandidateMessage> {
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

/// A reason's code, as it stands in an error's metadata.
pub(crate) fn reason_name(reason: &Reason<'_>) -> &'static str {
    let name = code(reason).as_str_name();
    name.strip_prefix(CODE_PREFIX).unwrap_or(name)
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
            sentence: shortened(&sentence(candidate, language), MAX_SENTENCE_CHARACTERS),
        })
        .into()
}

fn to_reason(reason: &Reason<'_>) -> SelectionReason {
    let (feature, detail) = match *reason {
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
    SelectionReason {
        code: code(reason).into(),
        feature: feature.to_owned(),
        detail: shortened(&detail, MAX_DETAIL_CHARACTERS),
    }
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

fn shortened(text: &str, most_characters: usize) -> String {
    match text.char_indices().nth(most_characters) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
