use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use rusqlite::Connection;

use super::pairs;
use crate::{
    actors::Facts,
    plan::{Fault, Plan},
    world::World,
};

/// What a while lasts longer at most when something was wrong just before: replicas and desks find each other again.
const SLACK_MS: i64 = 20_000;
/// Offers are taken back after 6 s.
const OFFER_MS: i64 = 6_000;
/// A desk may come back within its lease of 5 s and the grace of 15 s.
const LOST_MS: i64 = 20_000;
/// A desk that looks on is told at once; its stream may have died without a word, which takes 15 s to be noticed.
const TOLD_MS: i64 = 20_000;

const OFFERED: &str = "SELECT id, agent FROM contacts WHERE closed_at = 0 AND state = 2";
const ASSIGNED: &str = "SELECT id, agent FROM contacts WHERE closed_at = 0 AND state = 3";
/// With an agent who is signed out.
const ABSENT: &str = "SELECT c.id, a.id FROM contacts c JOIN agents a ON a.id = c.agent AND a.presence = 1
    WHERE c.closed_at = 0 AND c.state = 3";
/// A contact that anybody may take, and an agent who has nothing to do and nothing held.
const IDLE: &str = "SELECT c.id, a.id FROM contacts c JOIN agents a ON a.presence = 2 AND a.lost_at = 0
    WHERE c.closed_at = 0 AND c.state = 1 AND c.open_to_all = 1
      AND NOT EXISTS (SELECT 1 FROM back_offs b WHERE b.contact_id = c.id AND b.agent = a.id)
      AND NOT EXISTS (SELECT 1 FROM contacts o WHERE o.closed_at = 0 AND o.state IN (2, 3) AND o.agent = a.id)
      AND NOT EXISTS (SELECT 1 FROM contacts w WHERE w.closed_at = 0 AND w.state = 1 AND w.named_agent = a.id)
      AND NOT EXISTS (SELECT 1 FROM wrap_ups u WHERE u.agent = a.id)
      AND NOT EXISTS (SELECT 1 FROM service_list s WHERE s.state = 1 AND s.hold_units > 0 AND s.agent = a.id)";

/// Looks every second at what may not last once nothing is wrong any more. Where clocks are wrong, nobody can say how long it may.
pub async fn watch_times(world: Arc<World>, facts: Arc<Mutex<Facts>>, plan: Plan) {
    let has_wrong_clocks = plan.faults.iter().any(|planned| {
        matches!(
            planned.fault,
            Fault::StepService { .. } | Fault::DriftService { .. } | Fault::StepDatabase { .. }
        )
    });
    if has_wrong_clocks {
        return;
    }
    let calm = i64::try_from(plan.calm_at_ms()).unwrap_or(i64::MAX);
    let (mut since, mut told) = (BTreeMap::new(), BTreeSet::new());
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = world.clock.elapsed_ms();
        let lasting = world.hosts["router-db"].read(|conn| lasting(conn, &facts.lock()));
        since.retain(|what, _| lasting.contains_key(what));
        for (what, most_ms) in lasting {
            let began: i64 = *since.entry(what.clone()).or_insert(now);
            if now - began.max(calm) > most_ms + SLACK_MS && told.insert(what.clone()) {
                world.log.note("check", || what.clone());
                facts.lock().violations.push(format!("time: {what} for {} s", (now - began) / 1000));
            }
        }
    }
}

/// What may last for so many milliseconds.
fn lasting(conn: &Connection, facts: &Facts) -> BTreeMap<String, i64> {
    let mut found = BTreeMap::new();
    for (contact, agent) in pairs::<String, String>(conn, OFFERED) {
        found.insert(format!("{contact} is offered to {agent}"), OFFER_MS);
    }
    for (contact, agent) in pairs::<String, String>(conn, ASSIGNED) {
        let has = (agent.clone(), contact.clone());
        if facts.desks.contains(&agent) && !facts.told.contains(&has) {
            found.insert(format!("{contact} is with {agent}, whose desk is not told"), TOLD_MS);
        }
    }
    for (contact, agent) in pairs::<String, String>(conn, ABSENT) {
        if facts.left_behind.contains(&(agent.clone(), contact.clone())) {
            found.insert(format!("{contact} is with {agent}, whose desk is gone"), LOST_MS);
        }
    }
    for (contact, agent) in pairs::<String, String>(conn, IDLE) {
        found.insert(format!("{contact} waits while {agent} has nothing to do"), 0);
    }
    found
}
