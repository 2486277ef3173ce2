//! Ending in order.

use std::time::Duration;

use segue_core::Random;
use tokio::{sync::mpsc::Sender, time::timeout};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::Refusal;

/// Told once when the process or a service is to end.
#[derive(Debug, Clone, Default)]
pub struct Stop(CancellationToken);

impl Stop {
    /// Not told yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells everyone.
    pub fn now(&self) {
        self.0.cancel();
    }

    /// Waits to be told.
    pub async fn told(&self) {
        self.0.cancelled().await;
    }

    /// Whether everyone was told.
    pub fn is_told(&self) -> bool {
        self.0.is_cancelled()
    }

    /// The token, for those who take one.
    pub fn token(&self) -> CancellationToken {
        self.0.clone()
    }

    /// Tells everyone on SIGINT or SIGTERM.
    pub fn on_signals(&self) -> std::io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut interrupt, mut terminate) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let this = self.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            this.now();
        });
        Ok(())
    }
}

const LAST_WORD_LIMIT: Duration = Duration::from_secs(5);
const STREAM_AGE: Duration = Duration::from_secs(30 * 60);
const STREAM_JITTER_SECONDS: u32 = 5 * 60;

/// Ends long streams: when the service stops, and at a jittered age, so that replicas share them evenly again after one
/// was away. The server library can't end connections at an age.
#[derive(Debug, Clone)]
pub struct StreamEnd {
    stop: Stop,
    random: Random,
}

impl StreamEnd {
    /// Ends streams when `stop` is told.
    pub fn new(stop: Stop, random: Random) -> Self {
        Self { stop, random }
    }

    /// Says the last word on a stream. A reader that reads nothing any more doesn't hear it, and keeps nothing open by that.
    pub async fn tell<T>(sender: &Sender<Result<T, Status>>, status: Status) {
        drop(timeout(LAST_WORD_LIMIT, sender.send(Err(status))).await);
    }

    /// Waits until the stream has to end, and gives the status to end it with. Start it when the stream starts.
    pub async fn due(&self) -> Status {
        let age = STREAM_AGE + Duration::from_secs(self.random.below(STREAM_JITTER_SECONDS).into());
        // No more than a wait: a stream that is told late ends late, and nothing depends on it.
        tokio::select! {
            () = self.stop.told() => {}
            () = tokio::time::sleep(age) => {}
        }
        Refusal::new(
            segue_proto::common::v1::ErrorReason::DependencyUnavailable,
            "the stream has ended; open it again and go on where it was",
        )
        .into()
    }
}
