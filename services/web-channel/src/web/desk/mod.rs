//! The agent's desk: the server behind the agent (R1). It asks nobody who they are; [`super::guard::desk`] keeps it to
//! browsers on this machine.

mod actions;
mod assignments;
mod events;
mod handoff;

use axum::{
    Router,
    routing::{get, post},
};
use segue_proto::{
    common::v1::ErrorReason,
    router::v1::{Contact, ContactState},
};

use super::{Shared, Web, problem::Problem};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/agent/events", get(events::events))
        .route("/api/agent/presence", post(actions::presence))
        .route("/api/agent/accept", post(actions::accept))
        .route("/api/agent/decline", post(actions::decline))
        .route("/api/agent/complete", post(actions::complete))
        .route("/api/agent/message", post(actions::message))
        .route("/api/agent/handoff", post(handoff::create))
        .route("/api/agent/upload/{session}/{id}", get(actions::file))
}

/// The contact, if it is with this agent now: the router knows, and the page may be behind.
async fn own_contact(web: &Web, agent: &str, id: &str) -> Result<Contact, Problem> {
    let contact = web.clients.contact(id).await?.ok_or_else(|| Problem::of(ErrorReason::ContactNotFound))?;
    if contact.agent != agent {
        return Err(Problem::of(ErrorReason::ContactNotYours));
    }
    if contact.state() != ContactState::Assigned {
        return Err(Problem::of(ErrorReason::ContactState));
    }
    Ok(contact)
}
