//! Refusals as pages get them: the documented reason, and plain words for people.

use std::time::Duration;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use segue_proto::common::v1::ErrorReason;
use segue_runtime::{Refusal, code_of, millis_of, reason_of, shares::Full};
use segue_store::StoreError;
use serde::Serialize;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::words::words;

/// When to come again for what others hold for a while.
const HELD_RETRY: Duration = Duration::from_secs(5);

/// A refused request.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    /// Boxed, since most results are no problems and should be small.
    content: Box<Content>,
}

#[derive(Debug, Serialize)]
struct Content {
    /// The `ErrorReason` without its prefix.
    reason: String,
    message: String,
    message_zh: String,
    fields: Vec<Field>,
    /// Until when no code can be entered, for TOO_MANY_ATTEMPTS.
    #[serde(skip_serializing_if = "Option::is_none")]
    lockout_end_time_ms: Option<i64>,
    /// When to come again, as the header `Retry-After` says too.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_seconds: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Field {
    field: String,
    description: String,
}

impl Problem {
    /// A reason in the words of the table.
    pub(super) fn of(reason: ErrorReason) -> Self {
        let (message, message_zh) = words(reason);
        let content = Content {
            reason: reason.as_str_name().trim_start_matches("ERROR_REASON_").to_owned(),
            message: message.to_owned(),
            message_zh: message_zh.to_owned(),
            fields: vec![],
            lockout_end_time_ms: None,
            retry_after_seconds: None,
        };
        Self { status: http_status(code_of(reason)), content: Box::new(content) }
    }

    /// Something that browsers must not do here.
    pub(super) fn forbidden(message: &str) -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            content: Box::new(Content { reason: "FORBIDDEN".to_owned(), ..told(message) }),
        }
    }

    /// No cookie, or one of a conversation that is gone.
    pub(super) fn no_session() -> Self {
        Self { status: StatusCode::UNAUTHORIZED, ..Self::of(ErrorReason::SessionNotFound) }
    }

    /// The conversation takes nothing more.
    pub(super) fn session_over() -> Self {
        let content = Content { reason: "SESSION_OVER".to_owned(), ..told("This conversation is over.") };
        Self {
            status: StatusCode::CONFLICT,
            content: Box::new(Content { message_zh: "该会话已结束。".to_owned(), ..content }),
        }
    }

    /// A visitor has its share of something that is held, or all of it is taken.
    pub(super) fn full(full: Full) -> Self {
        let problem = Self::come_again(HELD_RETRY);
        match full {
            Full::Share => problem,
            Full::All => problem.with_status(StatusCode::SERVICE_UNAVAILABLE),
        }
    }

    /// A visitor has used up what it may do in a time.
    pub(super) fn come_again(after: Duration) -> Self {
        let mut problem = Self::of(ErrorReason::Overloaded);
        problem.content.retry_after_seconds = Some(whole_seconds(after));
        problem
    }

    /// A field that is wrong.
    pub(super) fn field(field: &str, description: &str) -> Self {
        Refusal::new(ErrorReason::InvalidField, "").field(field, description).into()
    }

    /// What the page is told.
    pub(super) fn content(&self) -> &impl Serialize {
        &self.content
    }

    /// With another status, where HTTP has a more telling one.
    pub(super) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }
}

fn told(message: &str) -> Content {
    Content {
        reason: String::new(),
        message: message.to_owned(),
        message_zh: message.to_owned(),
        fields: vec![],
        lockout_end_time_ms: None,
        retry_after_seconds: None,
    }
}

impl From<Status> for Problem {
    fn from(status: Status) -> Self {
        // A service that is away, or something between, gives no reason.
        let fallback = match status.code() {
            Code::Unavailable | Code::Cancelled | Code::Unknown => ErrorReason::DependencyUnavailable,
            Code::DeadlineExceeded => ErrorReason::DeadlineExceeded,
            _ => ErrorReason::Internal,
        };
        let mut problem = Self::of(reason_of(&status).unwrap_or(fallback));
        let details = status.get_error_details();
        problem.content.lockout_end_time_ms = details
            .error_info()
            .and_then(|info| info.metadata.get("lockout_end_time")?.parse().ok())
            .map(|end: prost_types::Timestamp| millis_of(Some(&end)));
        let retry = details.retry_info().and_then(|info| info.retry_delay);
        problem.content.retry_after_seconds = retry.map(whole_seconds);
        let violations = details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default();
        problem.content.fields = violations
            .iter()
            .map(|one| Field { field: one.field.clone(), description: one.description.clone() })
            .collect();
        problem
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Status::from(refusal).into()
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Refusal::from(error).into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let retry_after = self.content.retry_after_seconds;
        let mut response = (self.status, Json(self.content)).into_response();
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// At least one, so that nobody comes again at once.
fn whole_seconds(time: Duration) -> u64 {
    time.as_millis().div_ceil(1000).max(1).try_into().unwrap_or(u64::MAX)
}

fn http_status(code: Code) -> StatusCode {
    match code {
        Code::InvalidArgument | Code::OutOfRange => StatusCode::BAD_REQUEST,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::FailedPrecondition | Code::Aborted => StatusCode::CONFLICT,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
