//! What a caller is told when a call is refused: one documented reason, and the details that help.

use std::time::Duration;

use segue_proto::common::v1::ErrorReason;
use segue_store::StoreError;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// The `domain` of every `google.rpc.ErrorInfo` that Segue sends.
pub const ERROR_DOMAIN: &str = "segue";

/// A refused call. The message and the details are public: no code, no personal data, no internals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(Box<Content>);

/// Boxed, since most results are not refusals and should be small.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Content {
    reason: ErrorReason,
    message: String,
    violations: Vec<(String, String)>,
    resource: Option<(&'static str, String)>,
    metadata: Vec<(String, String)>,
    retry_after: Option<Duration>,
}

impl Refusal {
    /// A refusal in a lower-case sentence without a full stop.
    pub fn new(reason: ErrorReason, message: impl Into<String>) -> Self {
        Self(Box::new(Content {
            reason,
            message: message.into(),
            violations: vec![],
            resource: None,
            metadata: vec![],
            retry_after: None,
        }))
    }

    /// Names the offending field and what is wrong with it.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>, description: impl Into<String>) -> Self {
        self.0.violations.push((field.into(), description.into()));
        self
    }

    /// Names the thing that it is about, as `google.rpc.ResourceInfo` does. Not for codes or personal data.
    #[must_use]
    pub fn resource(mut self, kind: &'static str, name: impl Into<String>) -> Self {
        self.0.resource = Some((kind, name.into()));
        self
    }

    /// Adds an entry to the metadata of the `ErrorInfo`.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.metadata.push((key.into(), value.into()));
        self
    }

    /// Says when to try again, where the reason alone doesn't.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.0.retry_after = Some(delay);
        self
    }

    /// Why.
    pub fn reason(&self) -> ErrorReason {
        self.0.reason
    }

    /// A thing that isn't there: the field that names it, and its id.
    pub fn not_found(reason: ErrorReason, kind: &'static str, field: &str, id: &str) -> Self {
        Self::new(reason, format!("no {kind} has this id")).field(field, "names nothing").resource(kind, id)
    }

    /// The `request_id` was used before with other content.
    pub fn request_id_reused() -> Self {
        Self::new(ErrorReason::RequestIdReused, "the request id was used before with other content")
            .field("request_id", "must be new for a new request")
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable | StoreError::Contended => {
                Self::new(ErrorReason::StoreUnavailable, "the store does not answer")
            }
            StoreError::Failed
            | StoreError::Url
            | StoreError::Migration
            | StoreError::SchemaBehind
            | StoreError::SchemaAhead
            | StoreError::OnlyMigrated => {
                Self::new(ErrorReason::Internal, "the service failed; its logs tell more")
            }
        }
    }
}

impl From<Refusal> for Status {
    fn from(Refusal(refusal): Refusal) -> Self {
        let mut details = ErrorDetails::with_error_info(
            short_name(refusal.reason),
            ERROR_DOMAIN,
            refusal.metadata.into_iter().collect::<std::collections::HashMap<_, _>>(),
        );
        for (field, description) in refusal.violations {
            details.add_bad_request_violation(field, description);
        }
        if let Some((kind, name)) = refusal.resource {
            details.set_resource_info(kind, name, "", "");
        }
        if let Some(delay) = refusal.retry_after.or_else(|| retry_delay(refusal.reason)) {
            details.set_retry_info(Some(delay));
        }
        Self::with_error_details(code_of(refusal.reason), refusal.message, details)
    }
}

/// The reason in a status of ours.
pub fn reason_of(status: &Status) -> Option<ErrorReason> {
    let info = status.get_error_details().error_info().cloned()?;
    if info.domain != ERROR_DOMAIN {
        return None;
    }
    ErrorReason::from_str_name(&format!("ERROR_REASON_{}", info.reason))
}

/// `ErrorInfo.reason` is the enum's name without its prefix, in the form AIP-193 asks for.
pub(crate) fn short_name(reason: ErrorReason) -> &'static str {
    let name = reason.as_str_name();
    name.strip_prefix("ERROR_REASON_").unwrap_or(name)
}

/// The status code of each reason.
pub fn code_of(reason: ErrorReason) -> Code {
    use ErrorReason as R;
    match reason {
        R::Unspecified | R::Internal => Code::Internal,
        R::InvalidField
        | R::InvalidPageToken
        | R::InvalidResumeToken
        | R::TargetIsSource
        | R::CodeMalformed
        | R::FaceNotUsable => Code::InvalidArgument,
        R::PlatformNotFound
        | R::WorkProfileNotFound
        | R::AccountNotFound
        | R::AgentNotFound
        | R::HandoffNotFound
        | R::CodeNotAccepted
        | R::ContactNotFound
        | R::ServiceListEntryNotFound
        | R::SessionNotFound
        | R::FeatureNotFound
        | R::ImportNotFound => Code::NotFound,
        R::PlatformExists | R::RequestIdReused | R::HandoffInProgress => Code::AlreadyExists,
        R::EtagMismatch | R::ImportInProgress => Code::Aborted,
        R::PlatformDisabled
        | R::AgentNotOnTarget
        | R::NoEligiblePlatform
        | R::AgentOffline
        | R::HandoffState
        | R::AdmissionFailed
        | R::ContactState
        | R::ServiceListEntryClosed
        | R::FaceTooWeak
        | R::RevokeTooLate
        | R::ContactIsHandoff
        | R::AgentMustChoose
        | R::FeatureInUse
        | R::IdentityShared
        | R::ImportNotResumable
        | R::AdapterChangeNotProposed
        | R::CodeReplaced
        | R::CodeAlreadyUsed
        | R::CodeExpired
        | R::CodeCancelled
        | R::CodeRetired
        | R::OfferWithdrawn
        | R::AgentInUse
        | R::AgentUnavailable => Code::FailedPrecondition,
        R::ContactNotYours
        | R::SessionNotOfAgent
        | R::CallerNotAllowed
        | R::CallerNotOwner
        | R::ApproverIsProposer => Code::PermissionDenied,
        R::CallerUnknown => Code::Unauthenticated,
        R::AdmissionPending | R::DependencyUnavailable | R::StoreUnavailable => Code::Unavailable,
        R::Overloaded | R::TooManyAttempts => Code::ResourceExhausted,
        R::DeadlineExceeded => Code::DeadlineExceeded,
    }
}

fn retry_delay(reason: ErrorReason) -> Option<Duration> {
    match reason {
        ErrorReason::AdmissionPending => Some(Duration::from_millis(500)),
        ErrorReason::StoreUnavailable
        | ErrorReason::DependencyUnavailable
        | ErrorReason::Overloaded
        | ErrorReason::DeadlineExceeded => Some(Duration::from_secs(1)),
        _ => None,
    }
}
