//! What callers are told when the selector refuses.

use prost_types::Timestamp;
use segue_proto::common::v1::ErrorReason;
use segue_runtime::{Refusal, timestamp};

use crate::convert::candidates::reason_name;
use crate::domain::selection::{
    Candidate, NoSelection, Reason,
    sentence::{Language, clause},
};

/// gRPC sends the details of an error as a header, of which clients read 16 KiB; so no more platforms than this are
/// named there.
const MAX_NAMED_PLATFORMS: usize = 64;
/// The message is for people, who read no more.
const MAX_TOLD_PLATFORMS: usize = 8;
const MAX_NAMED_USERS: usize = 32;
/// Tells how many are not named. Not a platform's id, since it has an upper-case letter.
const MORE_PLATFORMS: &str = "morePlatforms";

pub(crate) fn platform_not_found(field: &str, id: &str) -> Refusal {
    Refusal::not_found(ErrorReason::PlatformNotFound, "platform", field, id)
}

pub(crate) fn platform_exists(id: &str) -> Refusal {
    Refusal::new(ErrorReason::PlatformExists, "a platform has this id already")
        .field("platform.id", "is taken")
        .resource("platform", id)
}

pub(crate) fn etag_mismatch(id: &str) -> Refusal {
    Refusal::new(ErrorReason::EtagMismatch, "the platform changed since its etag was read")
        .field("platform.etag", "is not the platform's etag")
        .resource("platform", id)
}

pub(crate) fn work_profile_not_found(field: &str, id: &str) -> Refusal {
    Refusal::not_found(ErrorReason::WorkProfileNotFound, "work profile", field, id)
}

pub(crate) fn version_mismatch(id: &str) -> Refusal {
    Refusal::new(ErrorReason::EtagMismatch, "the work profile has another version")
        .field("expected_version", "is not the work profile's version")
        .resource("work profile", id)
}

pub(crate) fn work_profile_version_not_found(id: &str, version: i64) -> Refusal {
    Refusal::new(ErrorReason::WorkProfileNotFound, "the work profile has no such version, or no longer")
        .field("version", "names nothing")
        .resource("work profile", format!("{id}@{version}"))
}

pub(crate) fn feature_not_found(field: &str, name: &str) -> Refusal {
    Refusal::new(ErrorReason::FeatureNotFound, "the catalogue has no such feature")
        .field(field, "names nothing")
        .resource("feature", name)
}

/// With who uses it, as far as there is room.
pub(crate) fn feature_in_use(name: &str, users: &[(&str, &'static str)]) -> Refusal {
    let refusal = Refusal::new(
        ErrorReason::FeatureInUse,
        "platforms or work profiles use the feature; change them first, or define another",
    );
    let refusal = refusal.resource("feature", name);
    users.iter().take(MAX_NAMED_USERS).fold(refusal, |refusal, (id, what)| refusal.metadata(*id, *what))
}

/// Without the account's id, which is personal data.
pub(crate) fn account_not_found(platform: &str) -> Refusal {
    Refusal::new(ErrorReason::AccountNotFound, "the platform has no such account link")
        .field("account", "names nothing")
        .resource("platform", platform)
}

pub(crate) fn import_not_found(id: &str) -> Refusal {
    Refusal::new(ErrorReason::ImportNotFound, "no import has this id, or it is forgotten")
        .field("import_id", "names nothing")
        .resource("import", id)
}

pub(crate) fn import_in_progress(id: &str) -> Refusal {
    Refusal::new(ErrorReason::ImportInProgress, "another stream is sending this import")
        .field("import_id", "is being sent by another stream")
        .resource("import", id)
}

pub(crate) fn import_not_resumable(id: &str) -> Refusal {
    Refusal::new(
        ErrorReason::ImportNotResumable,
        "the import is finished, not known, or under a directory key that is no longer the current one; send it from the start",
    )
    .field("resume_after_line", "names no import that can go on")
    .resource("import", id)
}

/// Without saying whose they are.
pub(crate) fn identity_shared(platform: &str, accounts: usize) -> Refusal {
    Refusal::new(
        ErrorReason::IdentityShared,
        format!(
            "{accounts} accounts of platform {platform} hold all of it and may be several people's; \
             give more account information, or say with match which are meant"
        ),
    )
    .field("customer.identities", "are shared by several accounts of one platform")
    .resource("platform", platform)
}

/// With `failing_since`, since when a platform's adapter has not answered, in milliseconds since 1970.
pub(crate) fn no_selection(
    refused: NoSelection<'_>,
    source: &str,
    target: &str,
    failing_since: impl Fn(&str) -> Option<i64>,
) -> Refusal {
    let target_refused = |reason, message: &str, violation: &str| {
        Refusal::new(reason, message).field("target_platform", violation).resource("platform", target)
    };
    match refused {
        NoSelection::SourceUnknown => platform_not_found("source_platform", source),
        NoSelection::TargetUnknown => platform_not_found("target_platform", target),
        NoSelection::TargetIsSource => target_refused(
            ErrorReason::TargetIsSource,
            "the source platform can't be the target",
            "is the source platform",
        ),
        NoSelection::TargetDisabled => {
            target_refused(ErrorReason::PlatformDisabled, "the target platform is disabled", "is disabled")
        }
        NoSelection::TargetNotServed => target_refused(
            ErrorReason::AgentNotOnTarget,
            "the agent does not serve the target platform",
            "is not one of allowed_platforms",
        ),
        NoSelection::FaceNotUsable => Refusal::new(
            ErrorReason::FaceNotUsable,
            "no code face, or not every face asked for, works on both platforms",
        )
        .field("faces", "must be delivered by the source and accepted by the target"),
        NoSelection::NoneEligible(candidates) => none_eligible(&candidates, failing_since),
    }
}

pub(crate) fn approver_is_proposer(platform: &str) -> Refusal {
    Refusal::new(ErrorReason::ApproverIsProposer, "who proposed a change can't approve of it")
        .field("platform", "has a change that another subject has to approve of")
        .resource("platform", platform)
}

pub(crate) fn adapter_change_not_proposed(platform: &str) -> Refusal {
    let message = "no such change of the platform's adapter waits for approval";
    Refusal::new(ErrorReason::AdapterChangeNotProposed, message)
        .field("adapter_uri", "must be that of the platform's proposed_adapter_change")
        .resource("platform", platform)
}

fn none_eligible(candidates: &[Candidate<'_>], failing_since: impl Fn(&str) -> Option<i64>) -> Refusal {
    let told = candidates.iter().filter_map(|candidate| why_not(candidate, &failing_since));
    let told: Vec<String> = told.take(MAX_TOLD_PLATFORMS).collect();
    let mut message = "no platform can take the remaining work".to_owned();
    if !told.is_empty() {
        message += &format!(": {}", told.join("; "));
    }
    let refusal = Refusal::new(ErrorReason::NoEligiblePlatform, message);
    let named = candidates.iter().take(MAX_NAMED_PLATFORMS).filter_map(|candidate| {
        Some((candidate.platform.id.as_str(), reason_name(candidate.reasons.first()?)))
    });
    let refusal = named.fold(refusal, |refusal, (id, reason)| refusal.metadata(id, reason));
    match candidates.len().saturating_sub(MAX_NAMED_PLATFORMS) {
        0 => refusal,
        more => refusal.metadata(MORE_PLATFORMS, more.to_string()),
    }
}

/// The first reason in words; none for the source, where the customer is.
fn why_not(candidate: &Candidate<'_>, failing_since: impl Fn(&str) -> Option<i64>) -> Option<String> {
    let id = &candidate.platform.id;
    let since = failing_since(id).and_then(timestamp);
    match (candidate.reasons.first()?, since) {
        (Reason::IsSource, _) => None,
        (Reason::AdapterDown, Some(since)) => {
            let since = Timestamp { nanos: 0, ..since };
            Some(format!("{id}: its adapter has not answered since {since}"))
        }
        (reason, _) => Some(format!("{id}: {}", clause(reason, Language::En))),
    }
}
