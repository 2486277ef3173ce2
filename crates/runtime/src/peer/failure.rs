//! What became of one attempt.

use std::error::Error;

use http::{HeaderMap, Response};
use tonic::{Code, Status, TimeoutExpired, body::Body};

use super::dial::Unreachable;
use crate::network::CallFailed;

/// An attempt without an answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// It was never sent.
    Unsent,
    /// The connection broke, or somebody between said that nobody is there. It may have been made.
    Broken(Status),
    /// The deadline is over.
    Late,
}

impl From<CallFailed> for Failure {
    fn from(failed: CallFailed) -> Self {
        match failed {
            CallFailed::Unreachable => Self::Unsent,
            CallFailed::Broken => Self::Broken(Status::unavailable(failed.to_string())),
        }
    }
}

impl Failure {
    pub(super) fn of(error: impl Error + Send + Sync + 'static) -> Self {
        let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
        while let Some(this) = cause {
            if this.is::<Unreachable>() {
                return Self::Unsent;
            }
            if this.is::<TimeoutExpired>() {
                return Self::Late;
            }
            cause = this.source();
        }
        Self::Broken(Status::from_error(Box::new(error)))
    }

    /// An answer's headers or trailers in which nobody of ours has answered: UNAVAILABLE without one of our reasons comes
    /// from a proxy, or from a server that is not quite there. With a reason it is an answer, and its receiver's to judge.
    pub(super) fn in_status(headers: &HeaderMap) -> Option<Self> {
        let status = Status::from_header_map(headers)?;
        let nobody = status.code() == Code::Unavailable && crate::reason_of(&status).is_none();
        nobody.then_some(Self::Broken(status))
    }

    pub(super) fn tells_lateness(response: &Response<Body>) -> bool {
        Status::from_header_map(response.headers())
            .is_some_and(|status| matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled))
    }

    pub(super) fn in_headers(response: &Response<Body>) -> Option<Self> {
        Self::in_status(response.headers())
    }
}
