//! What a failed call means to whoever made it.

use segue_proto::common::v1::ErrorReason;
use tonic::Status;
use tonic_types::StatusExt as _;

use crate::Refusal;

/// Whether one of our own services refused the call for good. A proxy between may answer with any code, but not with one
/// of our reasons.
pub fn is_refusal(status: &Status) -> bool {
    crate::reason_of(status).is_some() && !is_unsettled(status)
}

/// Whether a failed call may have been made, or may work later: anything but a clear refusal by the receiver.
pub fn is_unsettled(status: &Status) -> bool {
    use tonic::Code;
    is_about_us(status)
        || !matches!(
            status.code(),
            Code::InvalidArgument
                | Code::NotFound
                | Code::AlreadyExists
                | Code::PermissionDenied
                | Code::FailedPrecondition
                | Code::OutOfRange
                | Code::Unimplemented
                | Code::Unauthenticated
        )
}

/// Whether we were refused for who we are. That is a mistake of whoever set the services up, and says nothing about the call.
fn is_about_us(status: &Status) -> bool {
    use ErrorReason as R;
    matches!(crate::reason_of(status), Some(R::CallerUnknown | R::CallerNotAllowed | R::CallerNotOwner))
}

/// Hands a service's own refusal on, its fields renamed to ours, and that it has too much to do; anything else means that it
/// doesn't answer.
pub fn relay(status: Status, service: &'static str, renamed_fields: &[(&str, &str)]) -> Status {
    if crate::reason_of(&status) == Some(ErrorReason::Overloaded) {
        return status;
    }
    if is_about_us(&status) {
        tracing::error!(service, code = ?status.code(), "this service is not known there, or not as what it is");
    }
    if !is_refusal(&status) {
        tracing::warn!(service, code = ?status.code(), "a service that is needed does not answer");
        return unavailable(service).into();
    }
    let mut details = status.get_error_details();
    let violations = details.bad_request().map(|bad| bad.field_violations.clone()).unwrap_or_default();
    if !violations.is_empty() {
        details.set_bad_request(Vec::new());
        for violation in violations {
            let renamed = renamed_fields.iter().find(|(theirs, _)| *theirs == violation.field);
            let field = renamed.map_or(violation.field, |(_, ours)| (*ours).to_owned());
            details.add_bad_request_violation(field, violation.description);
        }
    }
    Status::with_error_details(status.code(), status.message(), details)
}

/// What a caller of ours is told when a service that we need doesn't answer.
pub fn unavailable(service: &'static str) -> Refusal {
    Refusal::new(ErrorReason::DependencyUnavailable, format!("{service} does not answer"))
        .metadata("service", service)
}
