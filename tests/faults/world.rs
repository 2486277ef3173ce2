//! All services with two replicas of those that decide, on a PostgreSQL server of the test's own behind a proxy, under load.

use std::time::Duration;

use segue::DatabaseUrls;
use segue_testkit::{Postgres, Proxy};
use segue_tests::{
    Processes,
    load::{Back, Load, Plan, SETTINGS},
};
use tokio::time::Instant;

/// Within which each desk goes on after a fault, on a slow machine too.
pub const BACK_WITHIN: Duration = Duration::from_secs(30);
/// What decides: the services that have more than one replica here.
pub const DECIDING: [&str; 2] = ["priority-router", "code-issuer"];
/// So many handoffs are over between two faults.
pub const BETWEEN: usize = 60;

pub struct World {
    pub postgres: Postgres,
    pub proxy: Proxy,
    pub system: Processes,
    pub load: Load,
}

impl World {
    pub async fn start(plan: Plan, postgres: &[&str], settings: &[(&str, &str)]) -> Self {
        let postgres = Postgres::start_with(postgres);
        let proxy = Proxy::start(postgres.port()).await;
        let urls = databases(postgres.port(), proxy.port(), "");
        let (system, mut load) = start(urls, plan, settings).await;
        load.goes_on(BETWEEN).await;
        Self { postgres, proxy, system, load }
    }

    /// Prints how soon the load went on after a fault was over, judges it, and lets it go on for a while.
    pub async fn is_back(&mut self, fault: &str, over: Instant) {
        is_back(&mut self.load, fault, over).await;
    }

    /// Ends the load, and checks the books.
    pub async fn end(self) {
        end(self.load).await;
    }
}

/// The services and a load on databases that are there.
pub async fn start(urls: DatabaseUrls, plan: Plan, settings: &[(&str, &str)]) -> (Processes, Load) {
    let settings = [&SETTINGS, settings].concat();
    let mut system = Processes::start_at(urls, &settings, vec![]).await;
    let replicas = [system.addresses.clone(), system.add_replicas(&DECIDING).await];
    let load = Load::start(&replicas, plan).await;
    (system, load)
}

/// The role that the services have on the server. It is no superuser, as in production.
pub const ROLE: &str = "services";

/// Makes a database for each service on the server at a port. They are reached by another one, with parameters of the URL.
pub fn databases(server: u16, port: u16, parameters: &str) -> DatabaseUrls {
    Postgres::sql_at(server, &format!("CREATE ROLE {ROLE} LOGIN"));
    let create = |name: &str| {
        Postgres::sql_at(server, &format!("CREATE DATABASE {name} OWNER {ROLE}"));
        format!("postgres://{ROLE}@127.0.0.1:{port}/{name}{parameters}")
    };
    DatabaseUrls {
        selector: create("selector"),
        issuer: create("issuer"),
        router: create("router"),
        channel: create("channel"),
    }
}

pub async fn is_back(load: &mut Load, fault: &str, over: Instant) {
    let Back { first, all } = load.back_after(over).await;
    println!("{fault}: the first handoff after {first:.1?}, each desk after {all:.1?}");
    assert!(all < BACK_WITHIN, "{fault}: {all:?}");
    load.goes_on(BETWEEN).await;
}

pub async fn end(load: Load) {
    let books = load.end().await;
    let (calls, failed) = books.calls();
    let handoffs = books.stories.len();
    books.check().await;
    println!("{handoffs} handoffs, none lost and none twice; {failed} of {calls} calls were made again");
}
