use segue_proto::common::v1::ErrorReason;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// What a caller can read from a refusal.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    /// The status code.
    pub code: Code,
    /// The documented reason.
    pub reason: ErrorReason,
    /// The offending fields.
    pub fields: Vec<String>,
}

/// Reads a refusal; panics when the call succeeded or the status carries no reason.
pub fn refused<T>(answer: Result<T, Status>) -> Refused {
    let Err(status) = answer else { panic!("the call was not refused") };
    let reason = segue_runtime::reason_of(&status).unwrap_or_else(|| panic!("no reason in {status:?}"));
    let details = status.get_error_details();
    let violations = details.bad_request().map(|bad| bad.field_violations.clone()).unwrap_or_default();
    Refused {
        code: status.code(),
        reason,
        fields: violations.into_iter().map(|violation| violation.field).collect(),
    }
}
