//! What callers are told when the issuer refuses.

use std::time::Duration;

use segue_proto::{
    common::v1::ErrorReason,
    selector::v1::{Candidate, SelectPlatformResponse, SelectionReasonCode},
};
use segue_runtime::{Refusal, timestamp};

use crate::domain::{code::DeadCode, faces::FaceKind, handoff::State, strength::Strength};

/// Platforms that an agent is told to choose from: an error's details travel in a header, of which clients read 16 KiB.
const MAX_NAMED_PLATFORMS: usize = 64;

pub(crate) fn handoff_not_found(id: &str) -> Refusal {
    Refusal::not_found(ErrorReason::HandoffNotFound, "handoff", "id", id)
}

pub(crate) fn agent_not_found(id: &str) -> Refusal {
    Refusal::not_found(ErrorReason::AgentNotFound, "agent", "agent", id)
}

pub(crate) fn agent_offline(id: &str) -> Refusal {
    Refusal::new(ErrorReason::AgentOffline, "the agent is not signed in")
        .field("agent", "must be signed in")
        .resource("agent", id)
}

pub(crate) fn agent_serves_no_platform() -> Refusal {
    Refusal::new(ErrorReason::NoEligiblePlatform, "the agent serves no platform")
        .field("agent", "must serve a platform")
}

/// With the platforms to choose from: those that can go on without an account that the customer doesn't have.
pub(crate) fn agent_must_choose(selection: &SelectPlatformResponse) -> Refusal {
    let needs_account = |candidate: &Candidate| {
        candidate.reasons.iter().any(|reason| reason.code() == SelectionReasonCode::AccountRequired)
    };
    let open = selection.candidates.iter().filter(|one| one.eligible && !needs_account(one));
    let open: Vec<&str> = open.map(|one| one.platform.as_str()).take(MAX_NAMED_PLATFORMS).collect();
    Refusal::new(ErrorReason::AgentMustChoose, "the customer has no account anywhere; choose the platform")
        .field("target_platform", "must be given, as the fallback policy leaves the choice to the agent")
        .metadata("candidates", open.join(" "))
}

/// The message tells nothing of the conversation, as whoever asks may have guessed its id.
pub(crate) fn session_not_of_agent(why: &str) -> Refusal {
    Refusal::new(ErrorReason::SessionNotOfAgent, "the agent can't hand off this session")
        .field("source.session", why)
}

pub(crate) fn in_progress(session: &str) -> Refusal {
    Refusal::new(
        ErrorReason::HandoffInProgress,
        "the session has a live handoff; cancel it or reissue its code",
    )
    .field("source.session", "has a live handoff")
    .resource("session", session)
}

pub(crate) fn no_free_code() -> Refusal {
    Refusal::new(ErrorReason::Overloaded, "no free code was found; too many are live")
}

pub(crate) fn entry_link_too_long(why: &dyn std::error::Error) -> Refusal {
    Refusal::new(ErrorReason::FaceNotUsable, why.to_string()).field("faces", "QR needs a shorter entry link")
}

pub(crate) fn face_not_usable(source: &str, target: &str, why: &str) -> Refusal {
    Refusal::new(ErrorReason::FaceNotUsable, format!("no code can be made: {why}"))
        .field("faces", why)
        .metadata("source", source)
        .metadata("target", target)
}

pub(crate) fn face_too_weak(strength: &Strength) -> Refusal {
    let names: Vec<&str> = strength.too_weak.iter().copied().map(FaceKind::name).collect();
    let message = format!(
        "too easy to guess among the codes that are live now, however long they are made: {}",
        names.join(", ")
    );
    Refusal::new(ErrorReason::FaceTooWeak, message)
        .field("faces", "too weak; leave them out, or bind the code to the customer's account on the target")
        .metadata("needed_bits", format!("{:.1}", strength.needed_bits))
}

pub(crate) fn not_issued(id: &str, state: State) -> Refusal {
    Refusal::new(ErrorReason::HandoffState, "the handoff's code can't be entered any more")
        .field("id", "must name a handoff that is ISSUED")
        .resource("handoff", id)
        .metadata("state", state.name())
}

pub(crate) fn not_revocable(id: &str, state: State) -> Refusal {
    Refusal::new(ErrorReason::HandoffState, "the handoff has no admission to be taken back")
        .field("id", "must name a handoff that is ADMITTED or SWITCHED")
        .resource("handoff", id)
        .metadata("state", state.name())
}

pub(crate) fn revoke_too_late(id: &str, grace: Duration) -> Refusal {
    Refusal::new(ErrorReason::RevokeTooLate, "the time in which the handoff could be revoked is over")
        .field("id", "must name a handoff whose code was entered a short time ago")
        .resource("handoff", id)
        .metadata("grace_seconds", grace.as_secs().to_string())
}

pub(crate) fn code_malformed() -> Refusal {
    Refusal::new(ErrorReason::CodeMalformed, "this can't be an access code; please check it")
        .field("code", "has a wrong length, symbol or check symbol")
}

/// What the account that a code was bound to is told of it.
pub(crate) fn code_dead(handoff: &str, code: DeadCode) -> Refusal {
    let (reason, message, field) = match code {
        DeadCode::Replaced => (
            ErrorReason::CodeReplaced,
            "the agent has issued a newer code for this; enter that one",
            "was replaced by a newer code",
        ),
        DeadCode::AlreadyUsed => (
            ErrorReason::CodeAlreadyUsed,
            "the code was entered already, in another conversation; ask the agent if that wasn't you",
            "was used already",
        ),
        DeadCode::Cancelled => (
            ErrorReason::CodeCancelled,
            "the agent has cancelled the code or sent a newer one; enter that, or ask for one",
            "was cancelled",
        ),
        DeadCode::Retired => (
            ErrorReason::CodeRetired,
            "too many wrong codes were tried under this account; ask the agent for a new code, or sign in and enter it again",
            "is not safe any more",
        ),
        DeadCode::Expired => {
            (ErrorReason::CodeExpired, "the code's time is over; ask the agent for a new one", "is too old")
        }
    };
    Refusal::new(reason, message).field("code", field).resource("handoff", handoff)
}

/// One answer for unknown codes and those of other accounts and platforms, living or dead: a guesser learns nothing.
pub(crate) fn code_not_accepted() -> Refusal {
    Refusal::new(ErrorReason::CodeNotAccepted, "the code is not accepted here; ask the agent for a new one")
        .field("code", "is unknown, over, or meant for another platform or account")
}

/// The same whether the code would have been right: it was not looked up.
pub(crate) fn too_many_attempts(wait: Duration, now_ms: i64) -> Refusal {
    let wait_ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
    let end = timestamp(now_ms.saturating_add(wait_ms)).map(|end| end.to_string()).unwrap_or_default();
    let message = format!(
        "too many wrong codes; the next can be tried at {end}. A code that ends before is replaced by the agent, which also \
         lets the customer try again, once a day"
    );
    Refusal::new(ErrorReason::TooManyAttempts, message)
        .field("code", "can be tried again after the delay")
        .metadata("lockout_end_time", end)
        .retry_after(wait)
}

pub(crate) fn admission_failed(handoff: &str) -> Refusal {
    Refusal::new(ErrorReason::AdmissionFailed, "the customer could not be admitted")
        .resource("handoff", handoff)
}

pub(crate) fn admission_pending(handoff: &str) -> Refusal {
    let message = "the code is accepted, the admission is on its way; ask again with the same request id";
    Refusal::new(ErrorReason::AdmissionPending, message).resource("handoff", handoff)
}
