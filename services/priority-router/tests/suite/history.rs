//! What is over is kept for thirty days, as the settings' default says, and then forgotten with all that belongs to it.

use segue_proto::{
    common::v1::ErrorReason,
    router::v1::{ContactState as State, GetContactRequest, ListContactsRequest, ListServiceListRequest},
};
use segue_testkit::{Storage, refused, wait_for};
use tokio::task::JoinSet;

use crate::world::{World, request};

segue_testkit::on_every_engine!(crate::engines::on =>
    what_is_over_is_forgotten_in_time,
    a_backlog_is_forgotten_bit_by_bit,
);

const DAY: u64 = 24 * 60 * 60;
/// More than are forgotten in one turn.
const BACKLOG: usize = 120;

async fn what_is_over_is_forgotten_in_time(world: World) {
    world.agent("a1", &[], &[("chat", 10), ("video", 10)]).await;
    let completed = world.assigned(request("chat", "completed")).await.id;
    world.complete(&completed, "a1").await;
    let abandoned = world.submit(request("chat", "abandoned")).await.id;
    world.abandon(&abandoned).await;
    let handed_off = world.assigned(request("chat", "source")).await.id;
    let with_cost = |handoff_id: &str, session: &str| {
        let mut entry = world.entry(handoff_id, "a1", session);
        entry.cost_units = 10;
        entry
    };
    world.put_entry(with_cost("admitted", "source")).await;
    let open = world.admit("admitted").await.id;
    world.put_entry(with_cost("released", "unknown")).await;
    world.release("released").await;
    world.release("tombstone").await;
    world.put_entry(with_cost("live", "unknown")).await;
    world.advance(2 * DAY);
    let younger = world.assigned(request("chat", "younger")).await.id;
    world.complete(&younger, "a1").await;
    world.release("younger").await;

    world.advance(28 * DAY + 1);
    let over = [completed, abandoned, handed_off];
    wait_for("what is over to be forgotten", || async { !is_any_known(&world, &over).await }).await;
    // In the same turn younger ones, live entries and open contacts were passed over.
    assert_eq!(world.contact(&younger).await.state(), State::Completed);
    assert_eq!(world.contact(&open).await.state(), State::Assigned);
    assert_eq!(handoffs(&world).await, ["younger", "live"]);
    assert_eq!(refused(world.try_admit("admitted").await).reason, ErrorReason::ServiceListEntryNotFound);
    assert_eq!(world.get_agent("a1").await.used_units, 10);
    only_these_are_left(&world, &[("contacts", 2), ("service_list", 2), ("service_list_codes", 1)]).await;

    world.complete(&open, "a1").await;
    world.release("live").await;
    world.advance(31 * DAY);
    wait_for("the rest to be forgotten", || async {
        !is_any_known(&world, &[younger.clone(), open.clone()]).await
    })
    .await;
    only_these_are_left(&world, &[("contacts", 0), ("service_list", 0), ("service_list_codes", 0)]).await;
    only_these_are_left(&world, &[("contact_events", 0), ("requests", 0), ("back_offs", 0)]).await;
}

async fn a_backlog_is_forgotten_bit_by_bit(world: World) {
    let mut customers = JoinSet::new();
    for number in 0..BACKLOG {
        let world = world.clone();
        customers.spawn(async move {
            let contact = world.submit(request("chat", &format!("s{number}"))).await;
            world.abandon(&contact.id).await;
            world.release(&format!("h{number}")).await;
        });
    }
    customers.join_all().await;
    world.advance(31 * DAY);
    wait_for("all to be forgotten", || async {
        let contacts = world.rpc().list_contacts(ListContactsRequest::default()).await.unwrap().into_inner();
        contacts.contacts.is_empty() && handoffs(&world).await.is_empty()
    })
    .await;
}

async fn is_any_known(world: &World, ids: &[String]) -> bool {
    let mut is_known = false;
    for id in ids {
        let found = world.rpc().get_contact(GetContactRequest { id: id.clone() }).await;
        is_known |= found.is_ok();
    }
    is_known
}

/// The handoffs in the service list, newest first.
async fn handoffs(world: &World) -> Vec<String> {
    let listed = world.rpc().list_service_list(ListServiceListRequest::default()).await.unwrap();
    listed.into_inner().entries.into_iter().map(|entry| entry.handoff_id).collect()
}

/// Counts rows, where the database can be opened besides the service.
async fn only_these_are_left(world: &World, tables: &[(&'static str, i64)]) {
    if world.storage == Storage::SqliteMemory {
        return;
    }
    sqlx::any::install_default_drivers();
    let mut conn = <sqlx::AnyConnection as sqlx::Connection>::connect(&world.url).await.unwrap();
    for (table, expected) in tables {
        let count = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
        let rows: i64 = sqlx::query_scalar(count).fetch_one(&mut conn).await.unwrap();
        assert_eq!(rows, *expected, "{table}");
    }
}
