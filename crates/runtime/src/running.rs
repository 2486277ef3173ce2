//! A service while it runs: everything that it is made of ends together, within the grace.

use std::{net::SocketAddr, time::Duration};

use segue_store::Database;
use tokio::{
    task::{JoinError, JoinHandle, JoinSet},
    time::{Instant, timeout_at},
};
use tokio_util::task::TaskTracker;

use crate::{Stop, audit::Keeper, protocol::Followed};

/// A tenth of the grace is kept back from the calls, to close the database in.
const CLOSING_SHARE: u32 = 10;

/// Why a service ended other than by being told to. The rest of it, and whatever shares its [`Stop`], is then told to
/// end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServeError {
    /// The server gave up.
    #[error("serving failed: {0}")]
    Serving(String),
    /// A part of it ended though nobody had told it to.
    #[error("a part of the service ended before it was told to")]
    EndedEarly,
    /// A fault of the program; where it was is in the logs.
    #[error("a part of the service panicked")]
    Panicked,
}

/// A service that runs.
#[derive(Debug)]
pub struct Running {
    /// Where it serves.
    pub address: SocketAddr,
    secure: bool,
    /// For the operations port.
    pub(crate) health: Followed,
    task: JoinHandle<Result<(), ServeError>>,
}

impl Running {
    /// The URI for clients.
    pub fn uri(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Waits until it has stopped, and tells whether it was asked to.
    pub async fn stopped(self) -> Result<(), ServeError> {
        self.task.await.unwrap_or_else(|error| Err(broken(&error)))
    }
}

/// The parts of a service: the server and its work beside the calls.
pub(crate) struct Whole {
    pub(crate) address: SocketAddr,
    /// Whether it speaks TLS.
    pub(crate) secure: bool,
    pub(crate) health: Followed,
    pub(crate) parts: JoinSet<Result<(), ServeError>>,
    /// Calls whose callers may be gone already.
    pub(crate) calls: TaskTracker,
    pub(crate) database: Database,
    pub(crate) audit: Keeper,
    pub(crate) stop: Stop,
    pub(crate) grace: Duration,
}

impl Whole {
    pub(crate) fn start(self) -> Running {
        let (address, secure, health) = (self.address, self.secure, self.health.clone());
        Running { address, secure, health, task: tokio::spawn(self.run()) }
    }

    async fn run(mut self) -> Result<(), ServeError> {
        let outcome = self.until_stop().await;
        if let Err(error) = &outcome {
            tracing::error!(address = %self.address, %error, "stopping everything");
            self.stop.now();
        }
        let deadline = Instant::now() + self.grace;
        // One bound for all: the server library waits for open connections as long as they stay.
        let ended = timeout_at(deadline - self.grace / CLOSING_SHARE, self.ended()).await;
        let outcome = outcome.and(ended.unwrap_or_else(|_| {
            tracing::warn!("what was still open was cut off; owed calls are made at the next start");
            Ok(())
        }));
        self.parts.abort_all();
        if timeout_at(deadline, self.audit.clone().end()).await.is_err() {
            tracing::warn!("what is left of the audit log is linked at the next start");
        }
        if timeout_at(deadline, self.database.close()).await.is_err() {
            tracing::warn!("database connections were cut off");
        }
        tracing::info!(address = %self.address, "stopped");
        outcome
    }

    /// Waits for the stop. A part that ends before is a failure.
    async fn until_stop(&mut self) -> Result<(), ServeError> {
        tokio::select! {
            // Looked at first, as the parts end when they see it too.
            biased;
            () = self.stop.told() => Ok(()),
            ended = self.parts.join_next() => match ended {
                Some(Ok(ended)) => ended.and(Err(ServeError::EndedEarly)),
                Some(Err(error)) => Err(broken(&error)),
                None => Err(ServeError::EndedEarly),
            },
        }
    }

    /// Waits for all parts, and for the calls that go on without their callers.
    async fn ended(&mut self) -> Result<(), ServeError> {
        let mut outcome = Ok(());
        while let Some(ended) = self.parts.join_next().await {
            let ended = ended.unwrap_or_else(|error| Err(broken(&error)));
            if let Err(error) = &ended {
                tracing::error!(address = %self.address, %error, "did not stop in order");
            }
            outcome = outcome.and(ended);
        }
        self.calls.close();
        self.calls.wait().await;
        outcome
    }
}

/// Nothing of a running service is cancelled from outside, except when the whole process ends.
fn broken(error: &JoinError) -> ServeError {
    if error.is_panic() { ServeError::Panicked } else { ServeError::EndedEarly }
}
