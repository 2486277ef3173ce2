//! How much is measured: enough to tell, or only enough to see that it works.

use std::time::Duration;

use segue_testkit::Storage;

use crate::callers::Times;

/// The sizes of a run.
pub struct Plan {
    /// How often each figure is measured; the median is shown.
    pub rounds: usize,
    /// How long one measurement takes, and how long the callers call before it.
    pub times: Times,
    /// Callers at a time, where nothing else is said.
    pub callers: usize,
    /// Callers of whole handoffs.
    pub handoff_callers: &'static [usize],
    /// Contacts in line.
    pub waiting: &'static [usize],
    /// How long it may take to submit them, or to import the accounts.
    pub fill: Duration,
    /// Platforms to choose from.
    pub platforms: &'static [usize],
    /// Accounts in the directory.
    pub accounts: usize,
    /// How long codes are created for each measurement of redemptions, and how many at most.
    pub create: Duration,
    pub codes: usize,
    /// Agents of contacts and handoffs: a prime number, see `system::people`.
    pub agents: usize,
    /// Agents, when there are many.
    pub many_agents: usize,
    /// Handoffs that a desk is watched for.
    pub handoffs_seen: usize,
    /// Customers of the demo.
    pub customers: usize,
    /// Redemptions that pgbench repeats.
    pub replayed: usize,
}

/// Engines, and replicas of each service.
pub const SYSTEMS: [(Storage, usize); 3] =
    [(Storage::SqliteFile, 1), (Storage::Postgres, 1), (Storage::Postgres, 3)];

pub const FULL: Plan = Plan {
    rounds: 3,
    times: Times { warm_up: Duration::from_millis(700), window: Duration::from_millis(2_500) },
    callers: 64,
    handoff_callers: &[1, 16, 64, 256],
    waiting: &[0, 1_000, 10_000, 100_000],
    fill: Duration::from_secs(75),
    platforms: &[10, 100, 1_000],
    accounts: 1_000_000,
    create: Duration::from_secs(3),
    codes: 4_000,
    agents: 499,
    many_agents: 10_000,
    handoffs_seen: 200,
    customers: 2_000,
    replayed: 2_000,
};

pub const QUICK: Plan = Plan {
    rounds: 1,
    times: Times { warm_up: Duration::from_millis(200), window: Duration::from_millis(500) },
    callers: 8,
    handoff_callers: &[1, 8],
    waiting: &[0, 100],
    fill: Duration::from_secs(30),
    platforms: &[10, 30],
    accounts: 500,
    create: Duration::from_millis(500),
    codes: 50,
    agents: 41,
    many_agents: 200,
    handoffs_seen: 5,
    customers: 60,
    replayed: 20,
};
