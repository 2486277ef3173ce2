//! The router can't write while handoffs are made, so that their entries of the service list are owed. Then it can, and codes are entered
//! while the entries are being made up for: each customer is admitted.

use std::{process::Command, time::Duration};

use segue::demo_data;
use segue_proto::common::v1::ErrorReason;
use segue_runtime::reason_of;
use segue_testkit::{Postgres, Process};
use segue_tests::{Fixture, Processes, load::SETTINGS};
use tokio::{task::JoinSet, time::sleep};

use crate::world::databases;

/// Each is another customer's.
const HANDOFFS: usize = 100;
/// Enough to have so many among them who have an account at the target.
const CUSTOMERS: usize = 3 * HANDOFFS;
/// For how long the router's turns wait; a desk is answered before, when its call to the router is given up.
const LOCKED_SECONDS: u64 = 14;

#[tokio::test(flavor = "multi_thread")]
async fn codes_are_entered_while_their_entries_are_made_up_for() {
    let postgres = Postgres::start();
    let system = Processes::start_at(databases(postgres.port(), postgres.port(), ""), &SETTINGS).await;
    let fixture = Fixture::load(&system.addresses).await;
    let targets = system.addresses.demo_data_targets(CUSTOMERS).unwrap();
    demo_data::load(&targets, &|_| {}).await.unwrap();
    let _lock = lock(&postgres, system.databases.directory());
    sleep(Duration::from_millis(500)).await;

    let mut customers = JoinSet::new();
    for number in 0..HANDOFFS {
        let clients = fixture.clients.clone();
        customers.spawn(async move {
            let request = Fixture::handoff_of(number, &format!("call-{number}"));
            let issued = clients.issuer.clone().create_handoff(request).await.unwrap().into_inner();
            // The entries are made up for within some seconds after the lock is gone.
            sleep(Duration::from_millis(3_000 + 40 * number as u64)).await;
            let request = segue_proto::issuer::v1::RedeemCodeRequest {
                account: Fixture::account_of(number),
                ..Fixture::redemption(&Fixture::digits(&issued), &format!("app-{number}"))
            };
            loop {
                match clients.issuer.clone().redeem_code(request.clone()).await {
                    Ok(_) => return None,
                    Err(status) if reason_of(&status) == Some(ErrorReason::AdmissionPending) => {
                        sleep(Duration::from_millis(100)).await;
                    }
                    Err(status) => return Some(format!("{:?}", reason_of(&status))),
                }
            }
        });
    }
    let refused: Vec<String> = customers.join_all().await.into_iter().flatten().collect();
    assert_eq!(refused, [""; 0], "of {HANDOFFS}");
}

/// Holds the row that every turn of the router locks.
fn lock(postgres: &Postgres, folder: &std::path::Path) -> Process {
    let statements =
        format!("BEGIN; SELECT * FROM routing_lock FOR UPDATE; SELECT pg_sleep({LOCKED_SECONDS}); COMMIT");
    let mut command = Command::new(Postgres::program("psql"));
    command.args(["-h", "127.0.0.1", "-U", "segue", "-d", "router", "-c", &statements, "-p"]);
    command.arg(postgres.port().to_string());
    Process::start(command, folder, "lock")
}
