//! What administrative acts have changed, for the audit log.

use segue_runtime::audit::object;
use segue_store::audit::Change;

use super::{Command, answer_view::AnswerView};
use crate::domain::{self, AgentView, Contact, State};

/// What was, as the log tells it.
pub(super) struct Before(String);

/// What the act is about, before it is done; none for what is not recorded.
pub(super) fn before(state: &State, command: &Command) -> Option<Before> {
    if !command.is_administrative {
        return None;
    }
    let of_contact = |id: &domain::ContactId, tell: fn(&Contact) -> String| {
        state.contact(*id).map_or_else(String::new, |view| tell(&view.contact))
    };
    let of_agent = |name: &str, tell: fn(&AgentView) -> String| {
        state.agent(name).map_or_else(String::new, |view| tell(&view))
    };
    Some(Before(match &command.what {
        domain::Command::PutAgent { agent, .. } | domain::Command::DeleteAgent { agent } => {
            of_agent(agent, abilities)
        }
        domain::Command::SetPresence { agent, .. } => of_agent(agent, presence),
        domain::Command::SetPriority { contact, .. } => of_contact(contact, priority),
        domain::Command::Abandon { contact } => of_contact(contact, standing),
        domain::Command::Transfer { contact, .. } => of_contact(contact, holder),
        _ => return None,
    }))
}

/// What the act has changed.
pub(super) fn change(before: Before, state: &State, command: &Command, view: &AnswerView) -> Option<Change> {
    let agent = |name: &str, tell: fn(&AgentView) -> String| {
        let after = state.agent(name).map_or_else(String::new, |view| tell(&view));
        (format!("agent/{name}"), after)
    };
    let contact = |id: &domain::ContactId, tell: fn(&Contact) -> String| {
        let after = match view {
            AnswerView::Open(_, view) => tell(&view.contact),
            AnswerView::Over(_, contact) => tell(contact),
            _ => String::new(),
        };
        (format!("contact/{id}"), after)
    };
    let (resource, new_value) = match &command.what {
        domain::Command::PutAgent { agent: name, .. } | domain::Command::DeleteAgent { agent: name } => {
            agent(name, abilities)
        }
        domain::Command::SetPresence { agent: name, .. } => agent(name, presence),
        domain::Command::SetPriority { contact: id, .. } => contact(id, priority),
        domain::Command::Abandon { contact: id } => contact(id, standing),
        domain::Command::Transfer { contact: id, .. } => contact(id, holder),
        _ => return None,
    };
    Some(Change { resource, old_value: before.0, new_value })
}

fn abilities(view: &AgentView) -> String {
    let abilities = &view.agent.abilities;
    let platforms =
        abilities.platforms.iter().map(|(platform, how)| format!("{platform}={}", how.cost_units));
    let skills: Vec<&str> = abilities.skills.iter().map(|skill| &**skill).collect();
    object(&[
        ("display_name", &abilities.display_name),
        ("capacity_units", &abilities.capacity_units.to_string()),
        ("skills", &skills.join(",")),
        ("platforms", &platforms.collect::<Vec<_>>().join(",")),
    ])
}

fn presence(view: &AgentView) -> String {
    object(&[("presence", view.agent.presence.name())])
}

fn priority(contact: &Contact) -> String {
    object(&[("priority", contact.class.name())])
}

fn standing(contact: &Contact) -> String {
    object(&[("state", contact.state().name())])
}

/// With whom it is or for whom it waits, its class, and the skills that it asks for.
fn holder(contact: &Contact) -> String {
    let skills: Vec<&str> = contact.queue.skills.iter().map(|skill| &**skill).collect();
    let waits_for = contact.named.as_ref().map(|named| &*named.agent);
    let agent = contact.stage.holder().map(|(agent, _)| &**agent).or(waits_for).unwrap_or_default();
    object(&[("agent", agent), ("priority", contact.class.name()), ("skills", &skills.join(","))])
}
