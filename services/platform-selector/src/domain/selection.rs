//! The choice of the platform on which the business goes on.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    face::{self, Faces},
    platform::Platform,
    term::{Preference, Term, Verdict},
};

/// All platforms by id.
pub type Platforms = BTreeMap<String, Platform>;

/// What to choose by.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// The platform that the customer is on (P2).
    pub source: &'a str,
    /// What the remaining work needs.
    pub terms: Vec<&'a Term>,
    /// What it wishes for.
    pub preferences: Vec<&'a Preference>,
    /// Platforms that the agent serves; empty: all.
    pub allowed: BTreeSet<&'a str>,
    /// Faces asked for; empty: any.
    pub faces: Faces,
    /// Only this platform may be chosen.
    pub target: Option<&'a str>,
    /// What to do without an account on any eligible platform.
    pub fallback: Fallback,
    /// Platforms on which the customer has an account.
    pub accounts: BTreeSet<&'a str>,
    /// When.
    pub now_ms: i64,
}

/// What to do when the customer has no account on any eligible platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// Take the best eligible platform that needs none.
    PreferAccount,
    /// Refuse.
    RequireAccount,
}

/// Why a platform is where it is. In order of significance, which is the order they are told in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// It is the chosen one.
    Chosen,
    /// The customer is there already.
    IsSource,
    /// Operations disabled it.
    Disabled,
    /// The agent does not serve it.
    NotServedByAgent,
    /// Another was asked for by name.
    NotRequested,
    /// A required feature is missing.
    FeatureMissing {
        /// Which.
        feature: String,
        /// What was needed.
        needed: String,
    },
    /// A feature is there but not as required.
    FeatureMismatch {
        /// Which.
        feature: String,
        /// What was needed.
        needed: String,
        /// What is there.
        found: String,
    },
    /// Its service hours are over.
    OutOfHours,
    /// No code can be handed over.
    NoCommonFace,
    /// The customer has no account there.
    NoAccount,
    /// It meets a preference.
    PreferenceMet {
        /// About which feature.
        feature: String,
        /// What was wished for.
        wished: String,
        /// What it added to the score.
        weight: i32,
    },
}

/// One platform's place in a selection.
#[derive(Debug, Clone)]
pub struct Candidate<'a> {
    /// The platform.
    pub platform: &'a Platform,
    /// Whether it can take the remaining work now (R3).
    pub eligible: bool,
    /// Whether the customer has an account there (R4).
    pub has_account: bool,
    /// Sum of the weights of the preferences it meets.
    pub score: i32,
    /// The most significant first.
    pub reasons: BTreeSet<Reason>,
}

/// The choice (R5), explained.
#[derive(Debug, Clone)]
pub struct Selection<'a> {
    /// The source.
    pub source: &'a Platform,
    /// The chosen platform (P1).
    pub target: &'a Platform,
    /// All platforms, the chosen one first.
    pub candidates: Vec<Candidate<'a>>,
}

/// Why there is no choice.
#[derive(Debug, Clone)]
pub enum NoSelection<'a> {
    /// No platform has the source's id.
    SourceUnknown,
    /// No platform has the target's id.
    TargetUnknown,
    /// The target is the source.
    TargetIsSource,
    /// The target is disabled.
    TargetDisabled,
    /// The agent does not serve the target.
    TargetNotServed,
    /// A platform could be chosen, but for the faces.
    FaceNotUsable,
    /// No platform can be chosen; all of them with their reasons, by merit.
    NoneEligible(Vec<Candidate<'a>>),
}

impl Reason {
    /// Whether a platform with it can't take the work. NOT_REQUESTED and NO_ACCOUNT don't say that: the platform could,
    /// it is only not to be chosen.
    fn excludes(&self) -> bool {
        match self {
            Self::IsSource
            | Self::Disabled
            | Self::NotServedByAgent
            | Self::FeatureMissing { .. }
            | Self::FeatureMismatch { .. }
            | Self::OutOfHours
            | Self::NoCommonFace => true,
            Self::Chosen | Self::NotRequested | Self::NoAccount | Self::PreferenceMet { .. } => false,
        }
    }
}

/// Chooses. A disabled source is fine: the customer is there.
pub fn select<'a>(
    platforms: &'a Platforms,
    question: &Question<'_>,
) -> Result<Selection<'a>, NoSelection<'a>> {
    let source = platforms.get(question.source).ok_or(NoSelection::SourceUnknown)?;
    check_target(platforms, question)?;
    let mut candidates: Vec<_> =
        platforms.values().map(|platform| assess(platform, source, question)).collect();
    candidates.sort_by_key(merit);
    let Some(index) = choose(&candidates, question, |candidate| candidate.eligible) else {
        let but_for_faces = |candidate: &Candidate<'_>| {
            candidate.reasons.iter().all(|reason| *reason == Reason::NoCommonFace || !reason.excludes())
        };
        return Err(match choose(&candidates, question, but_for_faces) {
            Some(_) => NoSelection::FaceNotUsable,
            None => NoSelection::NoneEligible(candidates),
        });
    };
    let mut chosen = candidates.remove(index);
    chosen.reasons.insert(Reason::Chosen);
    let target = chosen.platform;
    candidates.insert(0, chosen);
    Ok(Selection { source, target, candidates })
}

fn check_target(platforms: &Platforms, question: &Question<'_>) -> Result<(), NoSelection<'static>> {
    let Some(id) = question.target else { return Ok(()) };
    if id == question.source {
        return Err(NoSelection::TargetIsSource);
    }
    let target = platforms.get(id).ok_or(NoSelection::TargetUnknown)?;
    if !target.active {
        return Err(NoSelection::TargetDisabled);
    }
    if !is_served(target, question) {
        return Err(NoSelection::TargetNotServed);
    }
    Ok(())
}

fn assess<'a>(platform: &'a Platform, source: &Platform, question: &Question<'_>) -> Candidate<'a> {
    let has_account = question.accounts.contains(platform.id.as_str());
    let common_face = face::can_pass(&question.faces, &source.delivered_faces, &platform.accepted_faces);
    let mut reasons: BTreeSet<Reason> = [
        (platform.id == source.id, Reason::IsSource),
        (!platform.active, Reason::Disabled),
        (!is_served(platform, question), Reason::NotServedByAgent),
        (question.target.is_some_and(|target| target != platform.id), Reason::NotRequested),
        (platform.hours.as_ref().is_some_and(|hours| !hours.is_open(question.now_ms)), Reason::OutOfHours),
        (!common_face, Reason::NoCommonFace),
        (!has_account, Reason::NoAccount),
    ]
    .into_iter()
    .filter_map(|(holds, reason)| holds.then_some(reason))
    .collect();
    reasons.extend(question.terms.iter().filter_map(|term| unmet(term, platform)));
    let eligible = !reasons.iter().any(Reason::excludes);
    let met = question.preferences.iter().filter(|wish| wish.term.judge(&platform.features) == Verdict::Met);
    let mut score = 0;
    for preference in met {
        score += preference.weight;
        reasons.insert(Reason::PreferenceMet {
            feature: preference.term.feature.as_str().to_owned(),
            wished: preference.term.test.to_string(),
            weight: preference.weight,
        });
    }
    Candidate { platform, eligible, has_account, score, reasons }
}

fn unmet(term: &Term, platform: &Platform) -> Option<Reason> {
    let feature = || term.feature.as_str().to_owned();
    match term.judge(&platform.features) {
        Verdict::Met => None,
        Verdict::Missing => {
            Some(Reason::FeatureMissing { feature: feature(), needed: term.test.to_string() })
        }
        Verdict::Mismatch(value) => Some(Reason::FeatureMismatch {
            feature: feature(),
            needed: term.test.to_string(),
            found: value.to_string(),
        }),
    }
}

fn is_served(platform: &Platform, question: &Question<'_>) -> bool {
    question.allowed.is_empty() || question.allowed.contains(platform.id.as_str())
}

/// The order of merit; the id makes it total, so that the same input gives the same answer.
fn merit<'a>(candidate: &Candidate<'a>) -> impl Ord + use<'a> {
    let platform = candidate.platform;
    (
        Reverse(candidate.eligible),
        Reverse(candidate.has_account),
        Reverse(candidate.score),
        platform.cost_units,
        Reverse(platform.rank),
        platform.id.as_str(),
    )
}

/// The first in order of merit with an account, or by the fallback policy the first that needs none.
fn choose(
    candidates: &[Candidate<'_>],
    question: &Question<'_>,
    can_take: impl Fn(&Candidate<'_>) -> bool,
) -> Option<usize> {
    let choosable = |candidate: &Candidate<'_>| {
        can_take(candidate) && question.target.is_none_or(|target| target == candidate.platform.id)
    };
    let opened = candidates.iter().position(|candidate| choosable(candidate) && candidate.has_account);
    opened.or_else(|| match question.fallback {
        Fallback::RequireAccount => None,
        Fallback::PreferAccount => candidates
            .iter()
            .position(|candidate| choosable(candidate) && !candidate.platform.account_required),
    })
}

#[cfg(test)]
#[path = "selection_tests.rs"]
mod tests;
