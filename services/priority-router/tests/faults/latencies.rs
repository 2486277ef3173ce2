//! Customers who come at regular intervals, and how long each of them waits for an answer.

use std::{future::Future, time::Duration};

use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior},
};

use crate::world::{Client, submission, submit, until_answered};

/// For how long a customer tries.
const LIMIT: Duration = Duration::from_secs(60);

/// How long calls took, the shortest first.
#[derive(Debug, Default)]
pub struct Latencies(Vec<Duration>);

impl Latencies {
    pub fn of(mut took: Vec<Duration>) -> Self {
        took.sort_unstable();
        assert!(!took.is_empty(), "nothing was measured");
        Self(took)
    }

    pub fn percentile(&self, percent: usize) -> Duration {
        let last = self.0.len() - 1;
        self.0[(self.0.len() * percent / 100).min(last)]
    }

    pub fn worst(&self) -> Duration {
        self.percentile(100)
    }

    pub fn print(&self, what: &str) {
        println!(
            "{what}: {} calls, median {:?}, p99 {:?}, worst {:?}",
            self.0.len(),
            self.percentile(50),
            self.percentile(99),
            self.worst()
        );
    }
}

/// While something goes on, a customer comes at each interval, whether or not those before have their answer: a service that
/// stands still for a second keeps all those waiting who come in that second. They ask each client in turn, for a platform that
/// nobody serves.
pub async fn submit_meanwhile<T>(
    clients: &[Client],
    interval: Duration,
    work: impl Future<Output = T>,
) -> (Latencies, T) {
    let mut customers = JoinSet::new();
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::pin!(work);
    let mut turn = 0;
    let done = loop {
        tokio::select! {
            done = &mut work => break done,
            _ = ticks.tick() => {
                customers.spawn(submit_one(clients[turn % clients.len()].clone()));
                turn += 1;
            }
        }
    };
    (Latencies::of(customers.join_all().await), done)
}

async fn submit_one(client: Client) -> Duration {
    let (started, request) = (Instant::now(), submission("unserved"));
    until_answered(LIMIT, || submit(&client, request.clone())).await;
    started.elapsed()
}
