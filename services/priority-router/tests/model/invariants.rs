//! What holds after every command, whatever the commands were; checked on the model, which the router equals.

use std::collections::BTreeSet;

use priority_router::domain::Presence;

use crate::reference::{EntryState, Model};

pub fn check(model: &Model) -> Result<(), String> {
    for (index, contact) in model.contacts.iter().enumerate() {
        if contact.has_agent() && contact.agent.is_none() {
            return Err(format!("c{index} is with nobody (I7)"));
        }
    }
    for id in 0..model.agents.len() {
        let offered = model.contacts.iter().any(|contact| contact.is_offered() && contact.agent == Some(id));
        if offered && model.agents[id].presence == Presence::Offline {
            return Err(format!("a{id} is offered something and signed out"));
        }
    }
    check_core(model)?;
    for entry in model.entries.values() {
        if entry.state != EntryState::Live && entry.held > 0 {
            return Err("units are held for a handoff that is over (I6)".to_owned());
        }
    }
    Ok(())
}

/// A conversation has one open contact, and an agent is not asked more at a time than it may be.
fn check_core(model: &Model) -> Result<(), String> {
    let mut conversations = BTreeSet::new();
    for contact in model.contacts.iter().filter(|contact| !contact.is_over()) {
        if !conversations.insert((contact.platform, contact.session)) {
            return Err(format!("two open contacts in session {} of {}", contact.session, contact.platform));
        }
    }
    for id in 0..model.agents.len() {
        let offers = model.offers_to(id).len() as i64;
        if offers > model.rules.most_ringing_offers {
            return Err(format!("{offers} offers ring at a{id}"));
        }
    }
    Ok(())
}

/// A command never gives an agent more than it has room for, and nothing but its own handoff while one waits (I5).
pub fn check_step(before: &Model, after: &Model) -> Result<(), String> {
    for id in 0..after.agents.len() {
        let (had, has) = (before.used(id), after.used(id));
        if has > had && has > after.agents[id].capacity {
            return Err(format!("a{id} went from {had} to {has} units"));
        }
        let waits =
            |model: &Model| model.agents[id].presence != Presence::Offline && !model.own(id).is_empty();
        if !waits(before) || !waits(after) {
            continue;
        }
        for (index, contact) in after.contacts.iter().enumerate() {
            let is_new =
                before.contacts.get(index).is_none_or(|old| !old.has_agent() || old.agent != Some(id));
            let is_own = contact.is_named_for(id);
            if contact.has_agent() && contact.agent == Some(id) && is_new && !is_own {
                return Err(format!("a{id} was given c{index} while its own handoff waits (I5)"));
            }
        }
    }
    Ok(())
}
