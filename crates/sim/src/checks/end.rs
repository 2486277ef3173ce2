use std::{collections::BTreeMap, sync::Arc};

use super::pairs;
use crate::{actors::Facts, plan::Plan, world::World};

/// Wrong codes from an address that are looked up in ten minutes: the default of `guesses-per-address`.
const GUESSES: u32 = 20;

/// What has not come to its end, if anything.
pub fn unsettled(world: &World) -> Vec<String> {
    let mut open = vec![];
    let router = &world.hosts["router-db"];
    let issuer = &world.hosts["issuer-db"];
    for (id, state) in
        router.read(|conn| pairs::<String, i64>(conn, "SELECT id, state FROM contacts WHERE closed_at = 0"))
    {
        open.push(format!("contact {id} is open, in state {state}"));
    }
    for (id, units) in router.read(|conn| {
        pairs::<String, i64>(conn, "SELECT handoff_id, hold_units FROM service_list WHERE state = 1")
    }) {
        open.push(format!("I6: the entry of {id} is live and holds {units} units"));
    }
    for (contact, agent) in router.read(|conn| {
        pairs::<String, String>(conn, "SELECT contact_id, agent FROM back_offs WHERE contact_id IN (SELECT id FROM contacts WHERE closed_at > 0)")
    }) {
        open.push(format!("a back-off of {agent} from {contact}, which is over"));
    }
    for (contact, agent) in
        router.read(|conn| pairs::<String, String>(conn, "SELECT contact_id, agent FROM wrap_ups"))
    {
        open.push(format!("{agent} wraps up {contact}"));
    }
    for (id, state) in issuer.read(|conn| {
        pairs::<String, String>(
            conn,
            "SELECT id, state FROM handoffs WHERE state IN ('ISSUED', 'REDEEMED', 'ADMITTED')",
        )
    }) {
        open.push(format!("handoff {id} is {state}"));
    }
    for (kind, subject) in
        issuer.read(|conn| pairs::<String, String>(conn, "SELECT kind, subject FROM outbox"))
    {
        open.push(format!("{kind} is owed for {subject}"));
    }
    for (platform, live) in issuer
        .read(|conn| pairs::<String, i64>(conn, "SELECT platform, live FROM live_codes WHERE live <> 0"))
    {
        open.push(format!("{live} codes count as live on {platform}"));
    }
    open
}

/// What is wrong when all is over.
pub fn at_the_end(world: &Arc<World>, facts: &Facts, plan: &Plan) -> Vec<String> {
    let mut found = vec![];
    handoffs(world, facts, &mut found);
    answers(world, facts, &mut found);
    repetitions(world, facts, &mut found);
    for visit in &plan.visits {
        let ends = facts.ends.get(&visit.number).map_or(0, Vec::len);
        if ends != 1 {
            found.push(format!("customer {} has {ends} ends", visit.number));
        }
    }
    for (address, guesses) in &facts.guesses {
        // A step of a clock may end a window early.
        if *guesses > 2 * GUESSES {
            found.push(format!("{address} had {guesses} codes looked up"));
        }
    }
    found
}

/// I1, I2, I3 and I6.
fn handoffs(world: &World, facts: &Facts, found: &mut Vec<String>) {
    let admissions: BTreeMap<String, String> = world.hosts["router-db"]
        .read(|conn| pairs(conn, "SELECT handoff_id, id FROM contacts WHERE handoff_id <> ''"))
        .into_iter()
        .collect();
    let sources: BTreeMap<String, String> = world.hosts["issuer-db"]
        .read(|conn| pairs(conn, "SELECT id, source_session FROM handoffs"))
        .into_iter()
        .collect();
    for (id, state) in
        world.hosts["issuer-db"].read(|conn| pairs::<String, String>(conn, "SELECT id, state FROM handoffs"))
    {
        let closed = facts.closed.contains_key(&format!("{id} {}", sources[&id]));
        let admitted = admissions.contains_key(&id);
        match state.as_str() {
            "SWITCHED" if !admitted => found.push(format!("I2: {id} is switched and was not admitted")),
            "SWITCHED" if !closed => found.push(format!("I2: {id} is switched and its old session is open")),
            "FAILED" if closed => found.push(format!("I2: {id} has failed and its old session was closed")),
            "EXPIRED" | "CANCELLED" | "FAILED" if admitted => {
                found.push(format!("I3: {id} is {state} and was admitted"));
            }
            "EXPIRED" | "CANCELLED" if closed => {
                found.push(format!("I2: {id} is {state} and its session was closed"))
            }
            // The router knows each handoff before its code can be entered there, and releases none that was.
            "FAILED" => {
                found.push(format!("I4: the code of {id} was taken, and the router refused the customer"))
            }
            _ => {}
        }
    }
}

/// I1 and I4: what was answered is so.
fn answers(world: &World, facts: &Facts, found: &mut Vec<String>) {
    let states: BTreeMap<String, i64> = world.hosts["router-db"]
        .read(|conn| pairs(conn, "SELECT id, state FROM contacts"))
        .into_iter()
        .collect();
    for contact in facts.submitted.keys().filter(|contact| !states.contains_key(*contact)) {
        found.push(format!("I4: {contact} was taken and is lost"));
    }
    for (contact, state) in &facts.ended {
        if states.get(contact) != Some(state) {
            found.push(format!("I4: {contact} was answered as {state} and is {:?}", states.get(contact)));
        }
    }
    let redeemed: BTreeMap<String, String> = world.hosts["issuer-db"]
        .read(|conn| pairs(conn, "SELECT id, redeem_session FROM handoffs"))
        .into_iter()
        .collect();
    let handoffs: BTreeMap<String, String> = world.hosts["issuer-db"]
        .read(|conn| pairs(conn, "SELECT id, state FROM handoffs"))
        .into_iter()
        .collect();
    for answer in &facts.redeemed {
        match redeemed.get(&answer.handoff) {
            Some(session) if *session == answer.session => {}
            session => found.push(format!(
                "I1: {} was redeemed by {}, and by {session:?}",
                answer.handoff, answer.session
            )),
        }
        let state = handoffs.get(&answer.handoff).map_or("lost", String::as_str);
        if !matches!(state, "SWITCHED" | "REVOKED") {
            found.push(format!("I4: the redemption of {} was answered, and it is {state}", answer.handoff));
        }
        if !answer.contact.is_empty() && !states.contains_key(&answer.contact) {
            found.push(format!("I4: {} was admitted and is lost", answer.contact));
        }
    }
    for id in facts.issued.keys().filter(|id| !handoffs.contains_key(*id)) {
        found.push(format!("I4: {id} was issued and is lost"));
    }
    for id in facts.cancelled.iter().filter(|id| handoffs.get(*id).is_none_or(|state| state != "CANCELLED")) {
        found.push(format!("I4: {id} was cancelled, and is {:?}", handoffs.get(id)));
    }
    for id in facts.revoked.iter().filter(|id| handoffs.get(*id).is_none_or(|state| state != "REVOKED")) {
        found.push(format!("I4: {id} was revoked, and is {:?}", handoffs.get(id)));
    }
}

/// A request that is made again is answered as it was, and done once.
fn repetitions(world: &World, facts: &Facts, found: &mut Vec<String>) {
    let router = &world.hosts["router-db"];
    let completed = router
        .read(|conn| pairs::<String, String>(conn, "SELECT id, agent FROM contacts WHERE ended_as = 4"));
    for (contact, agent) in facts.not_completed.iter().filter(|refused| completed.contains(refused)) {
        found.push(format!("repetition: {agent} was refused to complete {contact}, and has completed it"));
    }
    let redeemed = world.hosts["issuer-db"].read(|conn| {
        pairs::<String, String>(
            conn,
            "SELECT redeem_request_id, state FROM handoffs WHERE redeem_request_id <> ''",
        )
    });
    for (request, state) in redeemed {
        let id = request.rsplit('/').next().unwrap_or_default();
        if !matches!(state.as_str(), "FAILED" | "REVOKED")
            && facts.not_redeemed.iter().any(|refused| refused == id)
        {
            found.push(format!("repetition: the redemption {id} was refused, and has won"));
        }
    }
    let twice = "SELECT platform || ' ' || session, COUNT(*) FROM contacts GROUP BY platform, session HAVING COUNT(*) > 1";
    for (session, count) in router.read(|conn| pairs::<String, i64>(conn, twice)) {
        found.push(format!("repetition: {session} has {count} contacts"));
    }
}
