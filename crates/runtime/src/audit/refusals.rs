use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use http::Response;
use segue_core::CallerId;
use segue_proto::common::v1::ErrorReason;
use segue_store::audit::Entry;
use tonic::{Status, body::Body};
use tonic_types::StatusExt as _;

use crate::{methods, reason_of, refusal::short_name};

/// Kinds of refusals that are told apart between two writes. The rest is one kind: nobody is to fill the log.
const MAX_KINDS: usize = 256;
/// Things that are told apart in refusals of one kind.
const MAX_RESOURCES: usize = 8;

/// Counts refused calls until they are written. What a process that dies had counted is lost: nothing had happened.
#[derive(Clone, Default)]
pub(crate) struct Refusals(Arc<Mutex<Counts>>);

type Counts = BTreeMap<Kind, BTreeMap<String, i64>>;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    subject: String,
    method: Cow<'static, str>,
    reason: Cow<'static, str>,
}

impl Refusals {
    /// Counts the call if it was refused, and for a reason that an auditor would ask for.
    pub(crate) fn look(&self, caller: &CallerId, path: &str, response: &Response<Body>) {
        // A refusal is told in the headers; other answers have no status there.
        let Some(status) = Status::from_header_map(response.headers()) else { return };
        let Some(reason) = reason_of(&status).filter(|reason| is_recorded(path, *reason)) else { return };
        let resource = status.get_error_details().resource_info().cloned();
        let resource = resource.map(|about| format!("{}/{}", about.resource_type, about.resource_name));
        let method = methods::of_path(path).map_or("", |method| method.name);
        let kind = Kind {
            subject: caller.subject().to_owned(),
            method: method.into(),
            reason: short_name(reason).into(),
        };
        self.count(kind, resource.unwrap_or_default());
    }

    fn count(&self, kind: Kind, resource: String) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = counts.len() >= MAX_KINDS && !counts.contains_key(&kind);
        let kind = if is_full { Kind { subject: String::new(), method: "".into(), ..kind } } else { kind };
        let resources = counts.entry(kind).or_default();
        let is_full = resources.len() >= MAX_RESOURCES && !resources.contains_key(&resource);
        *resources.entry(if is_full { String::new() } else { resource }).or_default() += 1;
    }

    /// Counts again what could not be written.
    pub(super) fn give_back(&self, entries: Vec<Entry>) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in entries.into_iter().take(MAX_KINDS) {
            let kind =
                Kind { subject: entry.subject, method: entry.method.into(), reason: entry.outcome.into() };
            *counts.entry(kind).or_default().entry(entry.resource).or_default() += entry.occurrences;
        }
    }

    /// What was counted since the last time.
    pub(super) fn take(&self, now_ms: i64) -> Vec<Entry> {
        let counts = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let entries = counts.into_iter().flat_map(|(kind, resources)| {
            resources.into_iter().map(move |(resource, occurrences)| Entry {
                at_ms: now_ms,
                subject: kind.subject.clone(),
                method: kind.method.clone().into_owned(),
                resource,
                outcome: kind.reason.clone().into_owned(),
                occurrences,
                ..Entry::default()
            })
        });
        entries.collect()
    }
}

/// Whoever is not allowed is recorded for all methods; for those that are audited also what else was refused, but for typing
/// errors and what passes.
fn is_recorded(path: &str, reason: ErrorReason) -> bool {
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
        _ => methods::of_path(path).is_some_and(|method| method.is_audited),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Refusal;

    const UPDATE: &str = "/segue.selector.v1.PlatformSelectorService/UpdatePlatform";
    const GET: &str = "/segue.selector.v1.PlatformSelectorService/GetPlatform";

    fn refused(reason: ErrorReason, platform: &str) -> Response<Body> {
        Status::from(Refusal::new(reason, "no").resource("platform", platform)).into_http()
    }

    #[test]
    fn refusals_of_a_kind_are_one_record_and_kinds_are_bounded() {
        let (refusals, mallory) = (Refusals::default(), CallerId::of_subject("mallory"));
        for number in 0..100 {
            refusals.look(&mallory, UPDATE, &refused(ErrorReason::EtagMismatch, &format!("p{number}")));
        }
        refusals.look(&mallory, GET, &refused(ErrorReason::CallerNotAllowed, "app"));
        // Neither for an auditor: a reader's mistake, and what passes.
        refusals.look(&mallory, GET, &refused(ErrorReason::PlatformNotFound, "app"));
        refusals.look(&mallory, UPDATE, &refused(ErrorReason::StoreUnavailable, "app"));
        refusals.look(&mallory, UPDATE, &Response::new(Body::empty()));
        let entries = refusals.take(7);
        let of = |reason: &str| -> Vec<&Entry> { entries.iter().filter(|e| e.outcome == reason).collect() };
        let mismatches = of("ETAG_MISMATCH");
        assert_eq!(mismatches.len(), MAX_RESOURCES + 1);
        assert_eq!(mismatches.iter().map(|entry| entry.occurrences).sum::<i64>(), 100);
        assert!(mismatches.iter().all(|entry| entry.subject == "mallory" && entry.at_ms == 7));
        let not_allowed = of("CALLER_NOT_ALLOWED");
        assert_eq!((not_allowed.len(), not_allowed[0].resource.as_str()), (1, "platform/app"));
        assert_eq!(entries.len(), MAX_RESOURCES + 2);
        assert!(refusals.take(8).is_empty());
    }

    #[test]
    fn many_callers_fill_no_log() {
        let refusals = Refusals::default();
        for number in 0..10_000 {
            let caller = CallerId::of_subject(&format!("caller-{number}"));
            refusals.look(&caller, GET, &refused(ErrorReason::CallerNotAllowed, "app"));
        }
        let entries = refusals.take(0);
        assert!(entries.len() <= MAX_KINDS + MAX_RESOURCES + 1, "{}", entries.len());
        assert_eq!(entries.iter().map(|entry| entry.occurrences).sum::<i64>(), 10_000);
    }
}
