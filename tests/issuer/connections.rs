//! Many creations at a time on few database connections.

use std::{
    io::Write as _,
    process::{Child, Command, Stdio},
    time::Duration,
};

use segue_testkit::{Databases, Storage, wait_for};
use segue_tests::Fixture;

use crate::replicas::Replicas;

const CONNECTIONS: usize = 2;
const CREATIONS: usize = 8;
/// After 500 ms a creation that still waits looks for its request among those that were made before.
const ALL_LOOK: Duration = Duration::from_secs(1);

/// A session that holds a table until it is told otherwise.
struct Holder(Child);

impl Holder {
    fn of(url: &str, table: &str) -> Self {
        let psql =
            Command::new("psql").args(["-q", "-d", url]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
        let mut holder = Self(psql.unwrap());
        holder.say(&format!("BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE;"));
        holder
    }

    fn say(&mut self, statements: &str) {
        writeln!(self.0.stdin.as_mut().unwrap(), "{statements}").unwrap();
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // Its input ends, and it ends with that.
        drop(self.0.stdin.take());
        drop(self.0.wait());
    }
}

/// Each creation holds a connection, on which it waits for the table, when it looks for its request on another one. If it didn't go on
/// with the first meanwhile, all would wait for each other.
#[tokio::test(flavor = "multi_thread")]
async fn creations_that_wait_for_connections_do_not_wait_for_each_other() {
    let databases = Databases::alone(Storage::Postgres);
    let connections = CONNECTIONS.to_string();
    let system = Replicas::start_in(databases, &[("SEGUE_DATABASE_CONNECTIONS", &connections)]).await;
    let sessions = |condition: &str| {
        let count = format!("SELECT count(*) FROM pg_stat_activity a WHERE {condition}");
        system.databases.sql(&count).unwrap().parse::<usize>().unwrap()
    };
    let mut holder = Holder::of(&system.url, "guess_totals");
    wait_for("the table to be held", async || {
        sessions(
            "state = 'idle in transaction' AND EXISTS (SELECT 1 FROM pg_locks l
                  WHERE l.pid = a.pid AND l.mode = 'AccessExclusiveLock' AND l.granted)",
        ) == 1
    })
    .await;
    let creating: Vec<_> = (0..CREATIONS)
        .map(|number| {
            let mut issuer = system.first();
            let request = Fixture::handoff_of(number, &format!("call-{number}"));
            tokio::spawn(async move { issuer.create_handoff(request).await })
        })
        .collect();
    let waiting = "wait_event_type = 'Lock' AND query LIKE '%guess_totals%'";
    wait_for("all connections to be taken", async || sessions(waiting) == CONNECTIONS).await;
    // There is nothing to be seen of one that has not got its connection.
    tokio::time::sleep(ALL_LOOK).await;
    holder.say("COMMIT;");
    for created in creating {
        created.await.unwrap().unwrap();
    }
    drop(holder);
    system.stop().await;
}
