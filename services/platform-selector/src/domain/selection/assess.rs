use super::{Candidate, Question, Reason};
use crate::domain::{
    face,
    platform::Platform,
    term::{Term, Verdict},
};

/// Holds a platform against the question.
pub(super) fn assess<'a>(
    platform: &'a Platform,
    source: &Platform,
    question: &Question<'a>,
) -> Candidate<'a> {
    let id = platform.id.as_str();
    let has_account = question.accounts.contains(id);
    let common_face = face::can_pass(&question.faces, &source.delivered_faces, &platform.accepted_faces);
    let flags = [
        (platform.id == source.id, Reason::IsSource),
        (!platform.active, Reason::Disabled),
        (question.conditions.down.contains(id), Reason::AdapterDown),
        (!is_served(platform, question), Reason::NotServedByAgent),
        (question.target.is_some_and(|target| target != id), Reason::NotRequested),
        (platform.hours.as_ref().is_some_and(|hours| !hours.is_open(question.now_ms)), Reason::OutOfHours),
        (!common_face, Reason::NoCommonFace),
        (platform.account_required && !has_account, Reason::AccountRequired),
    ];
    let mut reasons: Vec<Reason<'a>> =
        flags.into_iter().filter_map(|(holds, reason)| holds.then_some(reason)).collect();
    if !has_account {
        let unknown = question.unknown.get(id).copied();
        reasons.push(unknown.map_or(Reason::NoAccount, Reason::AccountUnknown));
    }
    reasons.extend(question.work.terms.iter().filter_map(|term| unmet(term, platform)));
    let score = score(platform, question, &mut reasons);
    reasons.sort_unstable();
    let eligible = !reasons.iter().any(Reason::excludes);
    Candidate { platform, eligible, has_account, score, reasons }
}

/// The weights of the met wishes, less what the load takes: rounded down, so that an almost idle platform loses nothing.
fn score<'a>(platform: &Platform, question: &Question<'a>, reasons: &mut Vec<Reason<'a>>) -> i32 {
    let mut score = 0;
    for wish in &question.work.wishes {
        if wish.term.judge(&platform.features) == Verdict::Met {
            score += wish.weight;
            let (feature, wished) = (wish.term.feature.as_str(), &wish.term.test);
            reasons.push(Reason::PreferenceMet { feature, wished, weight: wish.weight });
        }
    }
    let percent = question.conditions.loads.get(platform.id.as_str()).copied().unwrap_or_default();
    let takes = platform.load_weight * percent / 100;
    if takes > 0 {
        reasons.push(Reason::Loaded { percent, takes });
    }
    score - takes
}

fn unmet<'a>(term: &'a Term, platform: &'a Platform) -> Option<Reason<'a>> {
    let (feature, needed) = (term.feature.as_str(), &term.test);
    match term.judge(&platform.features) {
        Verdict::Met => None,
        Verdict::Missing => Some(Reason::FeatureMissing { feature, needed }),
        Verdict::Mismatch(found) => Some(Reason::FeatureMismatch { feature, needed, found }),
    }
}

pub(super) fn is_served(platform: &Platform, question: &Question<'_>) -> bool {
    question.allowed.is_empty() || question.allowed.contains(platform.id.as_str())
}
