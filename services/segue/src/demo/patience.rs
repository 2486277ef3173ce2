//! What a client of Segue does when a service restarts: it asks again, with the same request id, for a while.

use std::time::Duration;

use anyhow::Context as _;
use segue_runtime::peer::is_unsettled;
use tonic::Status;

/// How long a service may be away.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(100);

/// Whether asking again may help.
pub(super) trait Transient {
    fn is_transient(&self) -> bool;
}

impl Transient for Status {
    fn is_transient(&self) -> bool {
        is_unsettled(self)
    }
}

/// A refusal, or a service that may come back.
#[derive(Debug)]
pub(super) enum PageError {
    Refused(anyhow::Error),
    Away(anyhow::Error),
}

impl Transient for PageError {
    fn is_transient(&self) -> bool {
        matches!(self, Self::Away(_))
    }
}

impl From<PageError> for anyhow::Error {
    fn from(error: PageError) -> Self {
        match error {
            PageError::Refused(error) | PageError::Away(error) => error,
        }
    }
}

impl From<reqwest::Error> for PageError {
    fn from(error: reqwest::Error) -> Self {
        Self::Away(error.into())
    }
}

/// Tries until it works or is refused.
pub(super) async fn patiently<T, E, F>(mut attempt: impl FnMut() -> F) -> anyhow::Result<T>
where
    E: Transient + Into<anyhow::Error>,
    F: Future<Output = Result<T, E>>,
{
    let patience = tokio::time::sleep(PATIENCE);
    tokio::pin!(patience);
    loop {
        let failed = match attempt().await {
            Ok(done) => return Ok(done),
            Err(error) if error.is_transient() => error,
            Err(error) => return Err(error.into()),
        };
        tokio::select! {
            () = &mut patience => return Err(failed.into()).context("asked again and again"),
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}
