//! The choice of the platform on which the business goes on.

mod assess;
#[cfg(test)]
mod cases;
mod compiled;
#[cfg(test)]
mod properties;
mod reason;
pub mod sentence;

use std::collections::{BTreeMap, BTreeSet};

pub use compiled::Compiled;
pub use reason::{Reason, Unknown};

use super::{face::Faces, platform::Platform, work::Merged};
use assess::{Assessment, is_served};

/// All platforms by id.
pub type Platforms = BTreeMap<String, Platform>;

/// What to choose by.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// The platform that the customer is on (P2).
    pub source: &'a str,
    /// What the remaining work needs and wishes for.
    pub work: Merged<'a>,
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
    /// Platforms whose own directory did not tell.
    pub unknown: BTreeMap<&'a str, Unknown>,
    /// How the platforms are.
    pub conditions: &'a Conditions,
    /// When.
    pub now_ms: i64,
}

/// How platforms are at the moment, beside what operations have set.
#[derive(Debug, Clone, Default)]
pub struct Conditions {
    /// Those whose adapter is down.
    pub down: BTreeSet<String>,
    /// How full they are, 0 to 100.
    pub loads: BTreeMap<String, i32>,
}

/// What to do when the customer has no account on any eligible platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// Take the best eligible platform that needs none.
    PreferAccount,
    /// Refuse.
    RequireAccount,
    /// Choose none: the agent will, by naming the target.
    AgentChooses,
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
    /// Sum of the weights of the preferences it meets, less what its load takes.
    pub score: i32,
    /// The most significant first.
    pub reasons: Vec<Reason<'a>>,
}

/// The choice (R5), explained.
#[derive(Debug, Clone)]
pub struct Selection<'a> {
    /// The source.
    pub source: &'a Platform,
    /// The chosen platform (P1); none when the agent is to choose.
    pub target: Option<&'a Platform>,
    /// All platforms, the chosen one first, then by merit.
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

impl Compiled {
    /// Chooses among the platforms that it was made of. A disabled source is fine: the customer is there.
    pub fn select<'a>(
        &self,
        platforms: &'a Platforms,
        question: &Question<'a>,
    ) -> Result<Selection<'a>, NoSelection<'a>> {
        let source = platforms.get(question.source).ok_or(NoSelection::SourceUnknown)?;
        check_target(platforms, question)?;
        let mut candidates = Assessment::new(self, platforms, source, question).candidates();
        match choose(&candidates, question, |candidate| candidate.eligible) {
            Choice::Nobody => Err(refusal(candidates, question)),
            Choice::Agent => Ok(Selection { source, target: None, candidates }),
            Choice::Platform(index) => {
                let mut chosen = candidates.remove(index);
                chosen.reasons.insert(0, Reason::Chosen);
                let target = Some(chosen.platform);
                candidates.insert(0, chosen);
                Ok(Selection { source, target, candidates })
            }
        }
    }

    /// The platforms that could take the work, whatever accounts the customer has.
    pub fn eligible<'a>(&self, platforms: &'a Platforms, question: &Question<'a>) -> Vec<&'a Platform> {
        let Some(source) = platforms.get(question.source) else { return vec![] };
        let requested = |platform: &&Platform| question.target.is_none_or(|target| target == platform.id);
        Assessment::new(self, platforms, source, question).eligible().filter(requested).collect()
    }
}

/// Compiles the platforms for one question.
#[cfg(test)]
fn select<'a>(platforms: &'a Platforms, question: &Question<'a>) -> Result<Selection<'a>, NoSelection<'a>> {
    Compiled::new(platforms).select(platforms, question)
}

/// Compiles the platforms for one question.
#[cfg(test)]
fn eligible<'a>(platforms: &'a Platforms, question: &Question<'a>) -> Vec<&'a Platform> {
    Compiled::new(platforms).eligible(platforms, question)
}

fn refusal<'a>(candidates: Vec<Candidate<'a>>, question: &Question<'a>) -> NoSelection<'a> {
    let but_for_faces = |candidate: &Candidate<'_>| {
        candidate.reasons.iter().all(|reason| *reason == Reason::NoCommonFace || !reason.excludes())
    };
    match choose(&candidates, question, but_for_faces) {
        Choice::Nobody => NoSelection::NoneEligible(candidates),
        Choice::Agent | Choice::Platform(_) => NoSelection::FaceNotUsable,
    }
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

/// What the choice comes to.
enum Choice {
    Platform(usize),
    Agent,
    Nobody,
}

/// The first in order of merit with an account, or what the fallback policy says. A target that was named is a choice
/// already, so that the agent is not asked twice.
fn choose(
    candidates: &[Candidate<'_>],
    question: &Question<'_>,
    can_take: impl Fn(&Candidate<'_>) -> bool,
) -> Choice {
    let choosable = |candidate: &Candidate<'_>| {
        can_take(candidate) && question.target.is_none_or(|target| target == candidate.platform.id)
    };
    let opened = candidates.iter().position(|candidate| choosable(candidate) && candidate.has_account);
    let needs_none = |candidate: &Candidate<'_>| choosable(candidate) && !candidate.platform.account_required;
    let fallback = || match question.fallback {
        Fallback::RequireAccount => None,
        Fallback::PreferAccount | Fallback::AgentChooses => candidates.iter().position(needs_none),
    };
    match opened.or_else(fallback) {
        None => Choice::Nobody,
        Some(_)
            if opened.is_none()
                && question.fallback == Fallback::AgentChooses
                && question.target.is_none() =>
        {
            Choice::Agent
        }
        Some(index) => Choice::Platform(index),
    }
}
