//! What holds after every command, whatever the commands were; checked on the model, which the router equals.

use segue_proto::router::v1::Presence;

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
    for entry in model.entries.values() {
        if entry.state != EntryState::Live && entry.held > 0 {
            return Err("units are held for a handoff that is over (I6)".to_owned());
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
        let waits = |model: &Model| {
            model.agents[id].presence != Presence::Offline && !model.own_handoffs(id).is_empty()
        };
        if !waits(before) || !waits(after) {
            continue;
        }
        for (index, contact) in after.contacts.iter().enumerate() {
            let is_new =
                before.contacts.get(index).is_none_or(|old| !old.has_agent() || old.agent != Some(id));
            let is_own = contact.handoff.as_ref().is_some_and(|handoff| handoff.named == id);
            if contact.has_agent() && contact.agent == Some(id) && is_new && !is_own {
                return Err(format!("a{id} was given c{index} while its own handoff waits (I5)"));
            }
        }
    }
    Ok(())
}
