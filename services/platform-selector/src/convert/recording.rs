//! Past selections on their way into the record and out of it.

use std::collections::{BTreeMap, BTreeSet};

use segue_proto::{
    common::v1::RemainingWork,
    selector::v1::{FallbackPolicy, RecordedSelection, SelectPlatformRequest, SelectionOutcome},
};
use segue_runtime::Fields;

use super::{
    faces,
    work::{self, RemainingWork as Work},
};
use crate::domain::{
    face::Faces,
    selection::{Conditions, Fallback, NoSelection, Question, Selection},
};

/// What AGENT_CHOOSES comes to.
const AGENT_CHOOSES: &str = "AGENT_CHOOSES";

/// What was asked, without the customer and what people wrote.
pub(crate) fn of_request(request: &SelectPlatformRequest) -> RecordedSelection {
    let work = request.remaining_work.as_ref();
    RecordedSelection {
        source_platform: request.source_platform.clone(),
        work_profile: work.map(|work| work.profile.clone()).unwrap_or_default(),
        requirements: work.map(|work| work.requirements.clone()).unwrap_or_default(),
        preferences: work.map(|work| work.preferences.clone()).unwrap_or_default(),
        allowed_platforms: request.allowed_platforms.clone(),
        faces: request.faces.clone(),
        target_platform: request.target_platform.clone(),
        fallback_policy: request.fallback_policy,
        ..RecordedSelection::default()
    }
}

/// Adds what counted beside the request, and what came of it.
pub(crate) fn complete(
    recorded: RecordedSelection,
    question: &Question<'_>,
    outcome: SelectionOutcome,
) -> RecordedSelection {
    let owned = |ids: &mut dyn Iterator<Item = &str>| ids.map(str::to_owned).collect();
    RecordedSelection {
        accounts_on: owned(&mut question.accounts.iter().copied()),
        unknown_on: owned(&mut question.unknown.keys().copied()),
        down: question.conditions.down.iter().cloned().collect(),
        loads: question.conditions.loads.clone(),
        outcome: Some(outcome),
        ..recorded
    }
}

/// What a selection came to.
pub(crate) fn outcome(selected: &Result<Selection<'_>, NoSelection<'_>>) -> SelectionOutcome {
    match selected {
        Ok(Selection { target: Some(target), .. }) => {
            SelectionOutcome { platform: target.id.clone(), refusal: String::new() }
        }
        Ok(_) => refusal(AGENT_CHOOSES),
        Err(NoSelection::SourceUnknown | NoSelection::TargetUnknown) => refusal("PLATFORM_NOT_FOUND"),
        Err(NoSelection::TargetIsSource) => refusal("TARGET_IS_SOURCE"),
        Err(NoSelection::TargetDisabled) => refusal("PLATFORM_DISABLED"),
        Err(NoSelection::TargetNotServed) => refusal("AGENT_NOT_ON_TARGET"),
        Err(NoSelection::FaceNotUsable) => refusal("FACE_NOT_USABLE"),
        Err(NoSelection::NoneEligible(_)) => refusal("NO_ELIGIBLE_PLATFORM"),
    }
}

/// Nothing was chosen.
pub(crate) fn refusal(reason: &str) -> SelectionOutcome {
    SelectionOutcome { platform: String::new(), refusal: reason.to_owned() }
}

/// A past selection, to be made again.
pub(crate) struct Past {
    pub(crate) recorded: RecordedSelection,
    pub(crate) work: Work,
    pub(crate) conditions: Conditions,
    faces: Faces,
    fallback: Fallback,
}

impl Past {
    /// Reads a record; none if the rules for terms have become stricter since.
    pub(crate) fn read(recorded: RecordedSelection) -> Option<Self> {
        let mut fields = Fields::new();
        let work = RemainingWork {
            profile: recorded.work_profile.clone(),
            requirements: recorded.requirements.clone(),
            preferences: recorded.preferences.clone(),
            ..RemainingWork::default()
        };
        let work = work::parse(&mut fields, "work", Some(&work));
        let faces = faces::parse(&mut fields, "faces", &recorded.faces);
        let fallback = fallback(&mut fields, recorded.fallback_policy);
        let conditions =
            Conditions { down: recorded.down.iter().cloned().collect(), loads: recorded.loads.clone() };
        fields.finish().ok()?;
        Some(Self { recorded, work, conditions, faces, fallback })
    }

    /// The question as it was asked then, with the work profile that counts now.
    pub(crate) fn question<'a>(&'a self, work: crate::domain::work::Merged<'a>, now_ms: i64) -> Question<'a> {
        let recorded = &self.recorded;
        let ids = |ids: &'a [String]| -> BTreeSet<&'a str> { ids.iter().map(String::as_str).collect() };
        Question {
            source: &recorded.source_platform,
            work,
            allowed: ids(&recorded.allowed_platforms),
            faces: self.faces.clone(),
            target: Some(recorded.target_platform.as_str()).filter(|target| !target.is_empty()),
            fallback: self.fallback,
            accounts: ids(&recorded.accounts_on),
            // Reasons don't show in an outcome.
            unknown: BTreeMap::new(),
            conditions: &self.conditions,
            now_ms,
        }
    }
}

/// Reads a fallback policy.
pub(crate) fn fallback(fields: &mut Fields, value: i32) -> Fallback {
    match fields.optional_enumeration("fallback_policy", value) {
        FallbackPolicy::Unspecified | FallbackPolicy::PreferAccount => Fallback::PreferAccount,
        FallbackPolicy::RequireAccount => Fallback::RequireAccount,
        FallbackPolicy::AgentChooses => Fallback::AgentChooses,
    }
}
