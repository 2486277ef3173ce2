//! A router's database that was filled before migration 0012 goes on after it and after 0013: who waits, waits; who is promised, is
//! served. The rows are written as the router before those migrations wrote them.

use std::path::Path;

use priority_router::Rules;
use segue_proto::router::v1::{
    ContactEventKind as Kind, ContactState as State, ListAgentsRequest, ListContactEventsRequest,
    ListServiceListRequest, Presence, Priority,
};
use segue_store::{Conn, Engine};
use segue_testkit::{Databases, Storage, wait_for};
use sqlx::{Connection as _, Executor as _, migrate::Migrator};

use crate::world::{START_MS, World, code};

const NEVER: i64 = i64::MAX;
const LAST_BEFORE: i64 = 11;

segue_testkit::on_durable_engines!(a_filled_database_goes_on);

async fn a_filled_database_goes_on(storage: Storage) {
    let databases = Databases::start(storage);
    let url = databases.create();
    fill(&url).await;
    let world = World::start(storage, &url, Rules { sweep_ms: 20, ..Rules::default() }).await;
    entries_know_where_they_started(&url).await;
    agents_and_contacts_are_as_they_were(&world).await;
    their_log_reads_in_order(&world).await;
    the_promise_holds(&world).await;
    the_line_moves(&world).await;
    skills_are_found_in_their_new_form(&world).await;
    world.stop().await;
}

async fn entries_know_where_they_started(url: &str) {
    let mut conn = Conn::connect(url).await.unwrap();
    let select = "SELECT source_contact FROM service_list WHERE handoff_id = 'h1'";
    let source: String = sqlx::query_scalar(select).fetch_one(&mut conn).await.unwrap();
    assert_eq!(source, "contact_00000000000000000000000000000001");
    conn.close().await.unwrap();
}

async fn agents_and_contacts_are_as_they_were(world: &World) {
    let agent = world.get_agent("a1").await;
    assert_eq!((agent.presence(), agent.used_units, agent.held_units), (Presence::Available, 33, 67));
    assert_eq!(world.get_agent("a3").await.presence(), Presence::Offline);
    let expected = [
        ("contact_00000000000000000000000000000001", State::Assigned, "a1", 0),
        ("contact_00000000000000000000000000000002", State::Completed, "a1", 0),
        ("contact_00000000000000000000000000000003", State::Queued, "", 1),
        ("contact_00000000000000000000000000000004", State::Abandoned, "", 0),
        ("contact_00000000000000000000000000000005", State::Queued, "a1", 1),
    ];
    for (id, state, agent, position) in expected {
        let contact = world.contact(id).await;
        assert_eq!(
            (contact.state(), contact.agent.as_str(), contact.position),
            (state, agent, position),
            "{id}"
        );
    }
    let waiting = world.contact("contact_00000000000000000000000000000005").await;
    assert_eq!((waiting.named_agent.as_str(), waiting.priority()), ("a1", Priority::Handoff));
    let list = world.rpc().list_service_list(ListServiceListRequest::default()).await.unwrap().into_inner();
    let entries: Vec<_> = list.entries.iter().map(|entry| entry.handoff_id.as_str()).collect();
    assert_eq!(entries.len(), 2, "{entries:?}");
}

async fn their_log_reads_in_order(world: &World) {
    let log = async |id: &str| {
        let request = ListContactEventsRequest { id: id.to_owned(), ..Default::default() };
        let events = world.rpc().list_contact_events(request).await.unwrap().into_inner().events;
        let numbers: Vec<i32> = events.iter().map(|event| event.sequence).collect();
        assert_eq!(numbers, (1..=i32::try_from(events.len()).unwrap()).collect::<Vec<_>>(), "{id}");
        events.iter().map(|event| event.kind()).collect::<Vec<_>>()
    };
    assert_eq!(
        log("contact_00000000000000000000000000000002").await,
        [Kind::Queued, Kind::Offered, Kind::Assigned, Kind::Completed]
    );
    assert_eq!(
        log("contact_00000000000000000000000000000001").await,
        [Kind::Queued, Kind::Offered, Kind::Assigned]
    );
    assert_eq!(log("contact_00000000000000000000000000000003").await, [Kind::Queued]);
}

/// The code that was issued before the upgrade brings its customer to the same agent, behind the handoff that already
/// waits for that agent.
async fn the_promise_holds(world: &World) {
    let admitted = world.admit("h1").await;
    assert_eq!((admitted.priority(), admitted.named_agent.as_str()), (Priority::Handoff, "a1"));
    assert_eq!(world.contact("contact_00000000000000000000000000000001").await.state(), State::HandedOff);
    world.wait_until("contact_00000000000000000000000000000005", State::Assigned, "a1").await;
    assert_eq!(world.contact(&admitted.id).await.state(), State::Queued);
    world.complete("contact_00000000000000000000000000000005", "a1").await;
    world.wait_until(&admitted.id, State::Assigned, "a1").await;
    world.complete(&admitted.id, "a1").await;
    assert_eq!(world.get_agent("a1").await.used_units, 0);
}

/// Who waited for an agent with a skill gets the first one who has it.
async fn the_line_moves(world: &World) {
    world.agent("a4", &["gold"], &[("video", 100)]).await;
    world.wait_until("contact_00000000000000000000000000000003", State::Offered, "a4").await;
    world.accept("contact_00000000000000000000000000000003", "a4").await;
}

/// As it was stored, nobody would ask for it any more.
async fn skills_are_found_in_their_new_form(world: &World) {
    let skilled = || ListAgentsRequest { skill: "r\u{e9}clamations".to_owned(), ..Default::default() };
    wait_for("the skill's new form", async || {
        world.rpc().list_agents(skilled()).await.unwrap().into_inner().agents.len() == 1
    })
    .await;
    assert_eq!(world.get_agent("a3").await.skills, ["r\u{e9}clamations"], "once");
}

async fn fill(url: &str) {
    let folder = if Engine::of_url(url).unwrap() == Engine::Postgres { "postgres" } else { "sqlite" };
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut migrations = vec![];
    for owner in [package.join("../../crates/store"), package.to_owned()] {
        let all = Migrator::new(owner.join("migrations").join(folder)).await.unwrap();
        // The floor came after 0012, and is applied late here as in a database that has been upgraded.
        migrations.extend(all.iter().filter(|m| m.version <= LAST_BEFORE && m.version != 2).cloned());
    }
    sqlx::any::install_default_drivers();
    let mut conn = Conn::connect(url).await.unwrap();
    Migrator::with_migrations(migrations).run_direct(None, &mut conn, false).await.unwrap();
    for statement in ROWS {
        conn.execute(*statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
    for contact in CONTACTS {
        contact.insert(&mut conn).await;
    }
    insert_entry(&mut conn, "h1", 1, "", 67).await;
    insert_entry(&mut conn, "h2", 2, "contact_00000000000000000000000000000005", 0).await;
    conn.close().await.unwrap();
}

const ROWS: &[&str] = &[
    "UPDATE routing_lock SET turns = 9",
    "INSERT INTO agents (id, display_name, capacity_units, presence, presence_at, idle_turn, used_units,
                         open_contacts, last_seq)
     VALUES ('a1', 'One', 100, 2, 1, 5, 33, 1, 5), ('a2', 'Two', 100, 2, 1, 2, 0, 0, 0),
            ('a3', 'Three', 100, 1, 1, 3, 0, 0, 0)",
    "INSERT INTO agent_skills (agent, skill) VALUES ('a1', 'claims'), ('a2', 'claims'), ('a3', 'RE\u{301}CLAMATIONS ')",
    "INSERT INTO agent_platforms (agent, platform, cost_units)
     VALUES ('a1', 'chat', 33), ('a1', 'video', 100), ('a2', 'chat', 33), ('a3', 'video', 100)",
    "INSERT INTO queues (id, platform) VALUES ('chat\n', 'chat'), ('video\n', 'video'), ('video\ngold', 'video')",
    "INSERT INTO queue_skills (queue, skill) VALUES ('video\ngold', 'gold')",
    // Change 1 offered, 2 assigned, 4 ended.
    "INSERT INTO agent_events (agent, seq, contact_id, change, state, at)
     VALUES ('a1', 1, 'contact_00000000000000000000000000000002', 1, 2, 1699999900001), ('a1', 2, 'contact_00000000000000000000000000000002', 2, 3, 1699999900002),
            ('a1', 3, 'contact_00000000000000000000000000000002', 4, 4, 1699999900003), ('a1', 4, 'contact_00000000000000000000000000000001', 1, 2, 1699999900004),
            ('a1', 5, 'contact_00000000000000000000000000000001', 2, 3, 1699999900005)",
];

struct Row {
    id: &'static str,
    state: i64,
    priority: i64,
    platform: &'static str,
    agent: &'static str,
    skills: &'static str,
    units: i64,
    overflow_at: i64,
    handoff_id: &'static str,
}

const ORDINARY: Row = Row {
    id: "",
    state: 1,
    priority: 2,
    platform: "chat",
    agent: "",
    skills: "",
    units: 0,
    overflow_at: NEVER,
    handoff_id: "",
};

const CONTACTS: &[Row] = &[
    Row { id: "contact_00000000000000000000000000000001", state: 3, agent: "a1", units: 33, ..ORDINARY },
    Row { id: "contact_00000000000000000000000000000002", state: 4, agent: "a1", ..ORDINARY },
    Row { id: "contact_00000000000000000000000000000003", platform: "video", skills: "gold", ..ORDINARY },
    Row { id: "contact_00000000000000000000000000000004", state: 5, ..ORDINARY },
    Row {
        id: "contact_00000000000000000000000000000005",
        priority: 5,
        platform: "video",
        agent: "a1",
        units: 100,
        overflow_at: START_MS + 40_000,
        handoff_id: "h2",
        ..ORDINARY
    },
];

impl Row {
    async fn insert(&self, conn: &mut Conn) {
        let waits = self.state == 1;
        sqlx::query(
            "INSERT INTO contacts (id, state, priority, platform, session, agent, queue, line_rank, order_key,
                                   arrival, units, due_at, overflow_at, work_order, handoff_id, source_platform,
                                   source_session, skills, subject, attributes, remaining_work, created_at,
                                   updated_at, waited_until)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10, $11, $11, '', $12, '', '', $13, '', $14, $14, $9,
                     $9, $15)",
        )
        .bind(self.id)
        .bind(self.state)
        .bind(self.priority)
        .bind(self.platform)
        .bind(format!("s-{}", self.id))
        .bind(self.agent)
        .bind(format!("{}\n{}", self.platform, self.skills))
        .bind(i64::from(self.priority != 5))
        .bind(START_MS - 100_000)
        .bind(self.units)
        .bind(self.overflow_at)
        .bind(self.handoff_id)
        .bind(self.skills)
        .bind(Vec::<u8>::new())
        .bind(if waits { 0 } else { START_MS - 95_000 })
        .execute(conn)
        .await
        .unwrap();
    }
}

async fn insert_entry(conn: &mut Conn, handoff_id: &str, state: i64, contact_id: &str, hold_units: i64) {
    sqlx::query(
        "INSERT INTO service_list (handoff_id, generation, state, work_order, agent, source_platform,
                                   source_session, target_platform, cost_units, hold_units, hold_until,
                                   remaining_work, same_agent_only, expires_at, contact_id, created_at)
         VALUES ($1, 1, $2, 'WO-1', 'a1', 'chat', 's-contact_00000000000000000000000000000001', 'video', 100, $3, $4, $5, 0, $6, $7, $8)",
    )
    .bind(handoff_id)
    .bind(state)
    .bind(hold_units)
    .bind(START_MS + 180_000)
    .bind(Vec::<u8>::new())
    .bind(START_MS + 600_000)
    .bind(contact_id)
    .bind(START_MS - 50_000)
    .execute(&mut *conn)
    .await
    .unwrap();
    sqlx::query("INSERT INTO service_list_codes (code_hash, handoff_id) VALUES ($1, $2)")
        .bind(code(handoff_id))
        .bind(handoff_id)
        .execute(conn)
        .await
        .unwrap();
}
