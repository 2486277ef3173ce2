//! Calls of callers who don't give up.

use std::{
    future::Future,
    sync::{
        Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use segue::Addresses;
use segue_proto::common::v1::ErrorReason;
use segue_runtime::reason_of;
use tokio::time::{Instant, sleep, timeout};
use tonic::{Code, Response, Status};

use crate::Clients;

/// How long a caller waits for an answer before asking again.
const ATTEMPT: Duration = Duration::from_secs(5);
/// Before a call that failed is made again.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a call is made again before its caller gives up, and with it the test.
const PATIENCE: Duration = Duration::from_secs(150);

/// Clients of all replicas, called in turn, and what became of the calls.
pub(super) struct Calls {
    replicas: Vec<Clients>,
    turn: AtomicUsize,
    made: AtomicU64,
    failed: AtomicU64,
    faults: Mutex<Vec<String>>,
}

impl Calls {
    pub(super) fn to(replicas: &[Addresses]) -> Self {
        Self {
            replicas: replicas.iter().map(Clients::of).collect(),
            turn: AtomicUsize::new(0),
            made: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            faults: Mutex::default(),
        }
    }

    /// Makes a call again, the same to the letter, at one replica after the other, until it is answered. A refusal that the same call
    /// would meet again is an answer.
    pub(super) async fn insist<T, F>(&self, call: impl Fn(Clients) -> F) -> Result<T, Status>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed);
            let clients = self.replicas[turn % self.replicas.len()].clone();
            self.made.fetch_add(1, Ordering::Relaxed);
            let status = match timeout(ATTEMPT, call(clients)).await {
                Ok(Ok(answer)) => return Ok(answer.into_inner()),
                Ok(Err(status)) => status,
                Err(_) => Status::deadline_exceeded("no answer"),
            };
            if !passes(&status) {
                return Err(status);
            }
            self.failed.fetch_add(1, Ordering::Relaxed);
            self.note_fault(&status);
            assert!(Instant::now() < deadline, "no answer but: {status:?}");
            sleep(PAUSE).await;
        }
    }

    /// Calls that were made, and how many of them were not answered and made again.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.made.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }

    /// Answers that a service calls a fault of its own.
    pub(super) fn faults(&self) -> Vec<String> {
        self.faults.lock().unwrap().clone()
    }

    fn note_fault(&self, status: &Status) {
        if reason_of(status) == Some(ErrorReason::Internal) {
            self.faults.lock().unwrap().push(format!("{status:?}"));
        }
    }
}

/// Whether the same call may be answered later.
fn passes(status: &Status) -> bool {
    let reason = reason_of(status);
    if reason == Some(ErrorReason::TooManyAttempts) {
        return false;
    }
    matches!(
        status.code(),
        Code::Unavailable
            | Code::Cancelled
            | Code::Unknown
            | Code::Internal
            | Code::DeadlineExceeded
            | Code::ResourceExhausted
    )
}
