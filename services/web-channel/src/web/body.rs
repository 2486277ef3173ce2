use axum::{
    Json,
    extract::{FromRequest, Request},
    http::StatusCode,
};
use segue_proto::common::v1::ErrorReason;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// A JSON body. The library's own refusals quote what was sent; ours don't.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(rejection) => {
                let status = rejection.status();
                // A body of JSON that is not the one expected is a bad request like any other.
                let shown =
                    if status == StatusCode::UNPROCESSABLE_ENTITY { StatusCode::BAD_REQUEST } else { status };
                let problem = match status {
                    StatusCode::PAYLOAD_TOO_LARGE => Problem::field("body", "is too large"),
                    StatusCode::INTERNAL_SERVER_ERROR => Problem::of(ErrorReason::Internal),
                    _ => Problem::field("body", "must be JSON with the documented fields"),
                };
                Err(problem.with_status(shown))
            }
        }
    }
}
