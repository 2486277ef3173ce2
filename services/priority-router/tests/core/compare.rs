//! Whether all that can be seen of the core equals the model.

use priority_router::domain::{ContactId, ContactState, Stage};

use crate::{
    harness::{Core, number},
    reference::{Contact, Model},
};

/// What differs.
pub fn differs(model: &Model, core: &Core) -> Result<(), String> {
    for id in 0..model.agents.len() {
        agent(model, core, id)?;
    }
    if model.contacts.len() != core.logs.len() {
        return Err(format!("{} contacts, not {}", core.logs.len(), model.contacts.len()));
    }
    for (index, expected) in model.contacts.iter().enumerate() {
        contact(model, core, index, expected)?;
        if expected.log != core.logs[index] {
            return Err(format!("c{index}: expected {:?}\n found {:?}", expected.log, core.logs[index]));
        }
    }
    let served: std::collections::BTreeMap<_, _> = model
        .served
        .iter()
        .filter(|(_, counts)| **counts != [0; 3])
        .map(|(key, counts)| (*key, *counts))
        .collect();
    same(&("statistics", 0, ""), &served, &core.served)
}

fn agent(model: &Model, core: &Core, id: usize) -> Result<(), String> {
    let expected = &model.agents[id];
    let found = core.state.agent(&core.agent_name(id));
    if !expected.exists || found.is_none() {
        return same(&("a", id, "exists"), &expected.exists, &found.is_some());
    }
    let Some(found) = found else { return Ok(()) };
    let is = |what: &'static str| ("a", id, what);
    same(&is("presence"), &expected.presence, &found.agent.presence)?;
    same(&is("reason"), &expected.reason, &found.agent.presence_reason)?;
    same(&is("used"), &model.used(id), &found.used_units)?;
    same(&is("held"), &model.held(id), &found.held_units)?;
    same(&is("wrap-up"), &model.wrap_up(id), &found.wrap_up_units)?;
    same(&is("connected"), &expected.connected, &found.is_connected())?;
    same(&is("missed"), &expected.missed, &found.agent.missed_offers)?;
    let kept = found.agent.kept_for.map(|queue| {
        (number(&queue.platform), queue.skills.iter().map(|skill| skill_number(skill)).collect())
    });
    same(&is("kept for"), &expected.kept_for, &kept)?;
    let gone = found.agent.gone.map(|gone| gone.since);
    same(&is("gone since"), &expected.lost_at, &gone)
}

fn contact(model: &Model, core: &Core, index: usize, expected: &Contact) -> Result<(), String> {
    let id = ContactId(index as u128 + 1);
    let is = |what: &'static str| ("c", index, what);
    let Some(found) = core.state.contact(id) else {
        let ended = core.ended(id).ok_or_else(|| format!("c{index} is lost"))?;
        return same(&is("ended"), &(expected.state, expected.agent), &ended);
    };
    let row = &found.contact;
    let (state, with, units) = match &row.stage {
        Stage::Waiting => (ContactState::Queued, row.named.as_ref().map(|named| number(&named.agent)), None),
        Stage::Offered { agent, units, .. } => (ContactState::Offered, Some(number(agent)), Some(*units)),
        Stage::Assigned { agent, units } => (ContactState::Assigned, Some(number(agent)), Some(*units)),
        Stage::Over { .. } => return Err(format!("c{index} is open and over")),
    };
    same(&is("state"), &expected.state, &state)?;
    same(&is("agent"), &expected.agent, &with)?;
    same(&is("units"), &expected.has_agent().then_some(expected.units), &units)?;
    same(&is("class"), &expected.priority, &row.class)?;
    same(&is("session"), &expected.session, &number(&row.session))?;
    same(&is("position"), &(model.position(index) as usize), &found.position)?;
    same(&is("waits for"), &model.waits_for(index), &found.waits_for)?;
    let overflow_at = expected.named.as_ref().and_then(|named| named.overflow_at);
    let overflow_at = overflow_at.filter(|_| expected.is_waiting() && !expected.open);
    same(&is("overflow"), &overflow_at, &found.overflow_at)?;
    let skills: std::collections::BTreeSet<usize> =
        row.queue.skills.iter().map(|skill| skill_number(skill)).collect();
    same(&is("skills"), &expected.skills, &skills)
}

fn skill_number(skill: &str) -> usize {
    if skill == "own" { usize::MAX } else { number(skill) }
}

/// Named by what it is of, its number, and what of it.
type What = (&'static str, usize, &'static str);

fn same<T: PartialEq + std::fmt::Debug>(what: &What, expected: &T, found: &T) -> Result<(), String> {
    if expected == found {
        return Ok(());
    }
    let (of, number, what) = what;
    Err(format!("{of}{number} {what}: expected {expected:?}, found {found:?}"))
}
