use std::time::Duration;

use tokio::time::{Instant, sleep};
use tonic::{Code, Response, Status};

use crate::dice::Dice;

/// How long somebody asks again when there is no answer.
#[derive(Debug, Clone, Copy)]
pub struct Patience(pub Duration);

/// Makes a call again, by the same request id, while it is unknown what has become of it.
pub async fn patiently<T, F>(dice: &Dice, patience: Patience, call: impl Fn() -> F) -> Result<T, Status>
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    let until = Instant::now() + patience.0;
    loop {
        match call().await {
            Ok(answer) => return Ok(answer.into_inner()),
            Err(status) if is_unknown(&status) && Instant::now() < until => {}
            Err(status) => return Err(status),
        }
        sleep(Duration::from_millis(dice.between(200, 1500).into())).await;
    }
}

/// Whether the call may have been made, or may be when it is made again.
pub fn is_unknown(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable
            | Code::DeadlineExceeded
            | Code::Cancelled
            | Code::ResourceExhausted
            | Code::Aborted
    ) && segue_runtime::reason_of(status) != Some(segue_proto::common::v1::ErrorReason::TooManyAttempts)
}
