use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use http::Response;
use parking_lot::{Mutex, MutexGuard};
use segue_core::CallerId;
use segue_proto::common::v1::ErrorReason;
use segue_store::audit::Entry;
use tonic::{Status, body::Body};
use tonic_types::StatusExt as _;

use crate::{methods::Method, reason_of, refusal::short_name};

/// Kinds of refusals that are told apart at a time. The rest is one kind: nobody is to fill the log.
const MAX_KINDS: usize = 64;
/// Things that are told apart in refusals of one kind.
const MAX_RESOURCES: usize = 8;
/// The first refusal of a kind is written at once, those that follow once in this time.
const BETWEEN_RECORDS_MS: i64 = 60_000;

/// Counts refused calls until they are written. What a process that dies had counted is lost: nothing had happened.
#[derive(Clone, Default)]
pub(crate) struct Refusals(Arc<Mutex<BTreeMap<Kind, Counted>>>);

#[derive(Default)]
struct Counted {
    by_resource: BTreeMap<String, i64>,
    /// When the kind is written again.
    due_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    subject: String,
    method: Cow<'static, str>,
    reason: Cow<'static, str>,
}

impl Refusals {
    /// Counts the call if it was refused, and for a reason that an auditor would ask for.
    pub(crate) fn look(&self, caller: &CallerId, method: Option<Method>, response: &Response<Body>) {
        // A refusal is told in the headers; other answers have no status there.
        let Some(status) = Status::from_header_map(response.headers()) else { return };
        let Some(reason) = reason_of(&status).filter(|reason| is_recorded(method, *reason)) else { return };
        let resource = status.get_error_details().resource_info().cloned();
        // A conversation's id is its platform's own text, and may be a person's.
        let resource = resource
            .filter(|about| about.resource_type != "session")
            .map(|about| format!("{}/{}", about.resource_type.replace(' ', "_"), about.resource_name));
        // Who proves nothing is one kind, whatever is called.
        let is_nobody = caller.subject().is_empty();
        let method = method.filter(|_| !is_nobody).map_or("", |method| method.name);
        let kind = Kind {
            subject: caller.subject().to_owned(),
            method: method.into(),
            reason: short_name(reason).into(),
        };
        self.count(kind, resource.unwrap_or_default());
    }

    fn count(&self, kind: Kind, resource: String) {
        let mut counts = self.lock();
        let is_full = counts.len() >= MAX_KINDS && !counts.contains_key(&kind);
        let kind = if is_full { Kind { subject: String::new(), method: "".into(), ..kind } } else { kind };
        let resources = &mut counts.entry(kind).or_default().by_resource;
        let is_full = resources.len() >= MAX_RESOURCES && !resources.contains_key(&resource);
        *resources.entry(if is_full { String::new() } else { resource }).or_default() += 1;
    }

    /// Counts again what could not be written.
    pub(super) fn give_back(&self, entries: Vec<Entry>) {
        let mut counts = self.lock();
        for entry in entries {
            let kind =
                Kind { subject: entry.subject, method: entry.method.into(), reason: entry.outcome.into() };
            let counted = counts.entry(kind).or_default();
            counted.due_ms = 0;
            *counted.by_resource.entry(entry.resource).or_default() += entry.occurrences;
        }
    }

    /// What was counted and is to be written now; at the end all of it.
    pub(super) fn take(&self, now_ms: i64, is_end: bool) -> Vec<Entry> {
        let mut entries = vec![];
        self.lock().retain(|kind, counted| {
            if !is_end && counted.due_ms > now_ms {
                return true;
            }
            let taken = std::mem::take(&mut counted.by_resource);
            counted.due_ms = now_ms.saturating_add(BETWEEN_RECORDS_MS);
            let is_heard_of = !taken.is_empty();
            entries.extend(
                taken.into_iter().map(|(resource, occurrences)| kind.entry(resource, occurrences, now_ms)),
            );
            is_heard_of
        });
        entries
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Kind, Counted>> {
        self.0.lock()
    }
}

impl Kind {
    fn entry(&self, resource: String, occurrences: i64, now_ms: i64) -> Entry {
        Entry {
            at_ms: now_ms,
            subject: self.subject.clone(),
            method: self.method.clone().into_owned(),
            resource,
            outcome: self.reason.clone().into_owned(),
            occurrences,
            ..Entry::default()
        }
    }
}

/// Whoever is not allowed is recorded for all methods; for those that are audited also what else was refused, but for typing
/// errors and what passes.
fn is_recorded(method: Option<Method>, reason: ErrorReason) -> bool {
    use ErrorReason as R;
    match reason {
        R::CallerUnknown
        | R::CallerNotAllowed
        | R::CallerNotOwner
        | R::ContactNotYours
        | R::SessionNotOfAgent
        | R::ApproverIsProposer => true,
        R::Unspecified
        | R::Internal
        | R::CodeMalformed
        | R::StoreUnavailable
        | R::DependencyUnavailable
        | R::Overloaded
        | R::DeadlineExceeded
        | R::AdmissionPending => false,
        _ => method.is_some_and(|method| method.is_audited),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Refusal, methods};

    fn update() -> Option<Method> {
        methods::of_path("/segue.selector.v1.PlatformSelectorService/UpdatePlatform")
    }

    fn get() -> Option<Method> {
        methods::of_path("/segue.selector.v1.PlatformSelectorService/GetPlatform")
    }

    fn refused(reason: ErrorReason, platform: &str) -> Response<Body> {
        Status::from(Refusal::new(reason, "no").resource("platform", platform)).into_http()
    }

    #[test]
    fn refusals_of_a_kind_are_one_record_and_kinds_are_bounded() {
        let (refusals, mallory) = (Refusals::default(), CallerId::of_subject("mallory"));
        for number in 0..100 {
            refusals.look(&mallory, update(), &refused(ErrorReason::EtagMismatch, &format!("p{number}")));
        }
        refusals.look(&mallory, get(), &refused(ErrorReason::CallerNotAllowed, "app"));
        // Neither for an auditor: a reader's mistake, and what passes.
        refusals.look(&mallory, get(), &refused(ErrorReason::PlatformNotFound, "app"));
        refusals.look(&mallory, update(), &refused(ErrorReason::StoreUnavailable, "app"));
        refusals.look(&mallory, update(), &Response::new(Body::empty()));
        let entries = refusals.take(7, false);
        let of = |reason: &str| -> Vec<&Entry> { entries.iter().filter(|e| e.outcome == reason).collect() };
        let mismatches = of("ETAG_MISMATCH");
        assert_eq!(mismatches.len(), MAX_RESOURCES + 1);
        assert_eq!(mismatches.iter().map(|entry| entry.occurrences).sum::<i64>(), 100);
        assert!(mismatches.iter().all(|entry| entry.subject == "mallory" && entry.at_ms == 7));
        let not_allowed = of("CALLER_NOT_ALLOWED");
        assert_eq!((not_allowed.len(), not_allowed[0].resource.as_str()), (1, "platform/app"));
        assert_eq!(entries.len(), MAX_RESOURCES + 2);
        refusals.look(&mallory, update(), &refused(ErrorReason::EtagMismatch, "app"));
        assert!(refusals.take(8, false).is_empty(), "the next of the kind waits for a minute");
        assert_eq!(refusals.take(7 + BETWEEN_RECORDS_MS, false).len(), 1);
        assert!(refusals.take(7 + 2 * BETWEEN_RECORDS_MS, false).is_empty());
        assert!(refusals.lock().is_empty(), "and is forgotten when nothing more comes");
        refusals.look(&mallory, update(), &refused(ErrorReason::EtagMismatch, "app"));
        let taken = refusals.take(0, false);
        refusals.give_back(taken.clone());
        assert_eq!(refusals.take(1, false).len(), taken.len());
        refusals.look(&mallory, update(), &refused(ErrorReason::EtagMismatch, "app"));
        assert_eq!(refusals.take(2, true).len(), 1, "at the end nothing is left");
    }

    #[test]
    fn who_proves_nothing_is_one_kind_and_conversations_are_not_named() {
        let (refusals, nobody) = (Refusals::default(), CallerId::unauthenticated());
        for method in [update(), get()] {
            refusals.look(
                &nobody,
                method,
                &Status::from(Refusal::new(ErrorReason::CallerUnknown, "no")).into_http(),
            );
        }
        let desk = CallerId::of_subject("desk");
        let session =
            Refusal::new(ErrorReason::SessionNotOfAgent, "no").resource("session", "+8613800138000");
        refusals.look(&desk, get(), &Status::from(session).into_http());
        let entries = refusals.take(0, false);
        assert_eq!((entries.len(), entries[0].occurrences, entries[0].method.as_str()), (2, 2, ""));
        assert_eq!((entries[1].subject.as_str(), entries[1].resource.as_str()), ("desk", ""));
    }

    #[test]
    fn many_callers_fill_no_log() {
        let refusals = Refusals::default();
        for number in 0..10_000 {
            let caller = CallerId::of_subject(&format!("caller-{number}"));
            refusals.look(&caller, get(), &refused(ErrorReason::CallerNotAllowed, "app"));
        }
        let entries = refusals.take(0, false);
        assert!(entries.len() <= MAX_KINDS + MAX_RESOURCES + 1, "{}", entries.len());
        assert_eq!(entries.iter().map(|entry| entry.occurrences).sum::<i64>(), 10_000);
    }
}
