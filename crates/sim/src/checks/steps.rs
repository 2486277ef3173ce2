use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use parking_lot::Mutex;
use rusqlite::Connection;

use super::pairs;
use crate::{actors::Facts, disk::Host, world::World};

/// Capacity: what is with an agent never costs more than the agent has.
const OVER_CAPACITY: &str = "SELECT a.id, c.used + COALESCE((SELECT SUM(w.units) FROM wrap_ups w WHERE w.agent = a.id), 0)
    FROM agents a JOIN (SELECT agent, SUM(units) AS used FROM contacts WHERE closed_at = 0 AND state IN (2, 3) GROUP BY agent) c
    ON c.agent = a.id
    WHERE c.used + COALESCE((SELECT SUM(w.units) FROM wrap_ups w WHERE w.agent = a.id), 0) > a.capacity_units";
/// I5: a handoff doesn't wait for its own agent, who is there and has room for it, unless another one waits for that agent before it.
const KEPT_WAITING: &str = "SELECT c.id, c.named_agent FROM contacts c
    JOIN agents a ON a.id = c.named_agent
    JOIN agent_platforms p ON p.agent = a.id AND p.platform = c.platform
    WHERE c.closed_at = 0 AND c.state = 1 AND c.handoff_id <> '' AND c.asked = 1 AND a.presence IN (2, 3) AND a.lost_at = 0
      AND NOT EXISTS (SELECT 1 FROM back_offs b WHERE b.contact_id = c.id AND b.agent = a.id)
      AND NOT EXISTS (SELECT 1 FROM contacts e WHERE e.closed_at = 0 AND e.state = 1 AND e.named_agent = a.id AND e.arrival < c.arrival)
      AND p.cost_units + COALESCE((SELECT SUM(o.units) FROM contacts o WHERE o.closed_at = 0 AND o.state IN (2, 3) AND o.agent = a.id), 0)
          + COALESCE((SELECT SUM(w.units) FROM wrap_ups w WHERE w.agent = a.id), 0) <= a.capacity_units";
/// I2: one admission for each handoff.
const TWICE_ADMITTED: &str = "SELECT handoff_id, COUNT(*) FROM contacts WHERE handoff_id <> '' GROUP BY handoff_id HAVING COUNT(*) > 1";
const LIVE: &str = "SELECT handoff_id, hold_units FROM service_list WHERE state = 1";
/// Handoffs that are over, and of which the router will not be told any more.
const FORGOTTEN: &str = "SELECT id, state FROM handoffs h WHERE state IN ('EXPIRED', 'CANCELLED', 'FAILED')
    AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.subject = h.id)";
const ADMITTED: &str = "SELECT handoff_id, id FROM contacts WHERE handoff_id <> ''";
/// I6: the hold of a handoff ends with its entry.
const HELD_FOR_NOTHING: &str =
    "SELECT handoff_id, hold_units FROM service_list WHERE state <> 1 AND hold_units > 0";
const QUEUED: &str = "SELECT id, platform || ' ' || priority || ' ' || skills || ' ' || named_agent FROM contacts WHERE closed_at = 0 AND state = 1";
/// Codes for whoever has them are counted as they live. A wrong count heals within a minute, so the end of a simulation shows none.
const MISCOUNTED: &str =
    "SELECT platform, live FROM live_codes WHERE live <> (SELECT COUNT(*) FROM handoffs h
    WHERE h.state = 'ISSUED' AND h.target_account = '' AND h.target_platform = live_codes.platform)";
/// Handoffs that wait and that anybody may take, with what an agent needs for them.
const OPEN_HANDOFFS: &str = "SELECT id, platform || ' ' || skills FROM contacts WHERE closed_at = 0 AND state = 1 AND handoff_id <> '' AND open_to_all = 1";
const NEEDS: &str = "SELECT id, platform || ' ' || skills FROM contacts WHERE closed_at = 0";
const GIVEN: &str = "SELECT id, agent FROM contacts WHERE closed_at = 0 AND state IN (2, 3) AND priority < 5";

/// Looks after each commit of the router.
pub fn watch(world: &Arc<World>, facts: &Arc<Mutex<Facts>>) {
    let issuer = world.hosts["issuer-db"].clone();
    let (log, facts) = (world.log.clone(), facts.clone());
    let line = Mutex::new(Line::default());
    let told = Mutex::new(BTreeSet::new());
    world.hosts["router-db"].after_commits(move |conn| {
        let mut found = invariants(conn, &issuer);
        found.extend(line.lock().look(conn));
        for violation in found {
            if told.lock().insert(violation.clone()) {
                log.note("check", || violation.clone());
                facts.lock().violations.push(violation);
            }
        }
    });
}

fn invariants(conn: &Connection, issuer: &Host) -> Vec<String> {
    let mut found = vec![];
    for (agent, used) in pairs::<String, i64>(conn, OVER_CAPACITY) {
        found.push(format!("capacity: {agent} has {used} units"));
    }
    for (contact, agent) in pairs::<String, String>(conn, KEPT_WAITING) {
        found.push(format!("I5: {contact} waits for {agent}, who is there and has room"));
    }
    for (handoff, count) in pairs::<String, i64>(conn, TWICE_ADMITTED) {
        found.push(format!("I2: {handoff} has {count} admissions"));
    }
    for (handoff, units) in pairs::<String, i64>(conn, HELD_FOR_NOTHING) {
        found.push(format!("I6: {units} units are held for {handoff}, whose entry is closed"));
    }
    for (platform, live) in issuer.read(|conn| pairs::<String, i64>(conn, MISCOUNTED)) {
        found.push(format!("count: {live} codes count as live on {platform}, and others do"));
    }
    let live = pairs::<String, i64>(conn, LIVE);
    if !live.is_empty() {
        let over: BTreeMap<String, String> = issuer.read(|conn| pairs(conn, FORGOTTEN)).into_iter().collect();
        for (handoff, units) in live {
            if let Some(state) = over.get(&handoff) {
                found
                    .push(format!("I6: {handoff} is {state}, and has a live entry that holds {units} units"));
            }
        }
    }
    let admitted = pairs::<String, String>(conn, ADMITTED);
    if !admitted.is_empty() {
        let states: BTreeMap<String, String> =
            issuer.read(|conn| pairs(conn, "SELECT id, state FROM handoffs")).into_iter().collect();
        for (handoff, contact) in admitted {
            let state = states.get(&handoff).map_or("unknown", String::as_str);
            if matches!(state, "unknown" | "ISSUED" | "EXPIRED" | "CANCELLED") {
                found.push(format!("I3: {contact} is admitted for {handoff}, which is {state}"));
            }
        }
    }
    found
}

/// First come, first served: within a platform, a class and the same skills. Handoffs go before all others.
#[derive(Default)]
struct Line {
    /// The waiting, with their lines, in the order of their arrival.
    queued: BTreeMap<String, String>,
    /// Handoffs that wait and that anybody may take.
    handoffs: BTreeMap<String, String>,
}

impl Line {
    fn look(&mut self, conn: &Connection) -> Vec<String> {
        let queued: BTreeMap<String, String> = pairs(conn, QUEUED).into_iter().collect();
        let handoffs: BTreeMap<String, String> = pairs(conn, OPEN_HANDOFFS).into_iter().collect();
        let needs: BTreeMap<String, String> =
            if handoffs.is_empty() { BTreeMap::new() } else { pairs(conn, NEEDS).into_iter().collect() };
        let mut found = vec![];
        for (contact, agent) in pairs::<String, String>(conn, GIVEN) {
            let Some(line) = self.queued.get(&contact) else { continue };
            // Ids sort by age.
            let older = queued
                .iter()
                .filter(|(other, of)| *other < &contact && *of == line && self.queued.contains_key(*other));
            for (other, _) in older {
                if !is_backed_off(conn, other, &agent) {
                    found.push(format!("FIFO: {agent} got {contact}, and {other} waits before it"));
                }
            }
            let waiting = handoffs.iter().filter(|(handoff, of)| {
                needs.get(&contact) == Some(*of) && self.handoffs.contains_key(*handoff)
            });
            for (handoff, _) in waiting {
                if !is_backed_off(conn, handoff, &agent) {
                    found.push(format!("class: {agent} got {contact}, and the handoff {handoff} waits"));
                }
            }
        }
        self.queued = queued;
        self.handoffs = handoffs;
        found
    }
}

fn is_backed_off(conn: &Connection, contact: &str, agent: &str) -> bool {
    let mut statement =
        conn.prepare_cached("SELECT 1 FROM back_offs WHERE contact_id = ? AND agent = ?").unwrap();
    statement.exists([contact, agent]).unwrap()
}
