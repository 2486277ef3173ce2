//! Callers, each with one call under way at a time.

use std::{
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::task::JoinSet;
use tonic::Status;

/// The most of what is done that may fail: more is no measurement.
const MOST_FAILED: f64 = 0.01;

/// A window goes on, for a while, until each caller has had so many in the mean: what takes longer than the window comes in bursts.
const LEAST: usize = 2;
const PATIENCE: Duration = Duration::from_secs(20);

/// What was done.
#[derive(Default)]
pub struct Counted {
    pub time: Duration,
    /// How long each took, in milliseconds, sorted.
    pub took: Vec<f64>,
    failed: usize,
    failure: Option<Status>,
}

impl Counted {
    /// What somebody else has counted.
    pub fn of(time: Duration, mut took: Vec<f64>) -> Self {
        took.sort_by(f64::total_cmp);
        Self { time, took, ..Self::default() }
    }

    pub fn done(&self) -> f64 {
        self.took.len() as f64
    }

    pub fn per_second(&self) -> f64 {
        self.done() / self.time.as_secs_f64()
    }

    fn record(&mut self, began: Instant, outcome: Result<(), Status>) {
        match outcome {
            Ok(()) => self.took.push(began.elapsed().as_secs_f64() * 1_000.0),
            Err(status) => {
                self.failed += 1;
                self.failure.get_or_insert(status);
            }
        }
    }

    fn add(&mut self, other: Self) {
        self.took.extend(other.took);
        self.failed += other.failed;
        self.failure = self.failure.take().or(other.failure);
    }

    fn checked(mut self, time: Duration) -> Self {
        self.time = time;
        self.took.sort_by(f64::total_cmp);
        let few = self.failed as f64 <= self.done() * MOST_FAILED;
        assert!(few, "{} failed beside {} done: {:?}", self.failed, self.done(), self.failure);
        self
    }
}

/// How long callers call: what they finish in the window counts, and they go on before and after it, so that it has neither a
/// beginning nor an end of theirs.
#[derive(Clone, Copy)]
pub struct Times {
    pub warm_up: Duration,
    pub window: Duration,
}

/// So many at a time, each the next as soon as one is done. The work is told which caller it is for. Something is observed at both ends
/// of the window.
pub async fn measure<F, O>(
    callers: usize,
    times: Times,
    observe: impl AsyncFn() -> O,
    work: impl Fn(usize) -> F + Clone + Send + 'static,
) -> (O, O, Counted)
where
    F: Future<Output = Result<(), Status>> + Send + 'static,
{
    let stage = Arc::new(AtomicU8::new(BEFORE));
    let (warm, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut running = JoinSet::new();
    for caller in 0..callers {
        running.spawn(call_again_and_again(
            caller,
            stage.clone(),
            [&warm, &done].map(Arc::clone),
            work.clone(),
        ));
    }
    let begun = Instant::now();
    tokio::time::sleep(times.warm_up).await;
    // The first of a process takes much longer than those that come: each caller has had one.
    while warm.load(Ordering::Relaxed) < callers && begun.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (before, start) = (observe().await, Instant::now());
    stage.store(WITHIN, Ordering::Relaxed);
    tokio::time::sleep(times.window).await;
    while done.load(Ordering::Relaxed) < LEAST * callers && start.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let time = start.elapsed();
    stage.store(AFTER, Ordering::Relaxed);
    let after = observe().await;
    let mut all = Counted::default();
    while let Some(counted) = running.join_next().await {
        all.add(counted.unwrap());
    }
    (before, after, all.checked(time))
}

const BEFORE: u8 = 0;
const WITHIN: u8 = 1;
const AFTER: u8 = 2;

async fn call_again_and_again<F>(
    caller: usize,
    stage: Arc<AtomicU8>,
    [warm, done]: [Arc<AtomicUsize>; 2],
    work: impl Fn(usize) -> F,
) -> Counted
where
    F: Future<Output = Result<(), Status>>,
{
    let mut counted = Counted::default();
    let mut is_first = true;
    while stage.load(Ordering::Relaxed) != AFTER {
        let began = Instant::now();
        let outcome = work(caller).await;
        if std::mem::take(&mut is_first) {
            warm.fetch_add(1, Ordering::Relaxed);
        }
        if stage.load(Ordering::Relaxed) == WITHIN {
            done.fetch_add(1, Ordering::Relaxed);
            counted.record(began, outcome);
        }
    }
    counted
}

/// Each of some things, so many at a time.
pub async fn over<T, F>(
    callers: usize,
    things: Vec<T>,
    work: impl Fn(T) -> F + Clone + Send + 'static,
) -> Counted
where
    T: Send + 'static,
    F: Future<Output = Result<(), Status>> + Send,
{
    let start = Instant::now();
    let things = Arc::new(Mutex::new(things));
    each(callers, move |_| {
        let (work, things) = (work.clone(), things.clone());
        async move {
            let mut counted = Counted::default();
            loop {
                let Some(thing) = things.lock().unwrap().pop() else { return counted };
                let began = Instant::now();
                counted.record(began, work(thing).await);
            }
        }
    })
    .await
    .checked(start.elapsed())
}

async fn each<F>(callers: usize, caller: impl Fn(usize) -> F) -> Counted
where
    F: Future<Output = Counted> + Send + 'static,
{
    let mut running: JoinSet<Counted> = (0..callers).map(caller).collect();
    let mut all = Counted::default();
    while let Some(counted) = running.join_next().await {
        all.add(counted.unwrap());
    }
    all
}
