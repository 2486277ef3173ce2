use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use segue_proto::router::v1::{
    AcceptContactRequest, CompleteContactRequest, DeclineContactRequest, Presence, SetPresenceRequest,
};
use segue_runtime::Fields;
use serde::{Deserialize, Serialize};

use super::own_contact;
use crate::{
    commands::{
        entries::{NewEntry, append},
        sessions::close,
    },
    domain::{Author, Content},
    web::{
        Shared,
        body::Body,
        chat::{MAX_TEXT, message_id, written},
        problem::Problem,
        upload::download,
    },
};

/// An agent signs in or out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SetTo {
    request_id: String,
    agent: String,
    presence: Wanted,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum Wanted {
    Available,
    Away,
    Offline,
}

/// What an agent does with a contact.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OnContact {
    request_id: String,
    agent: String,
    contact_id: String,
}

/// What an agent says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Say {
    message_id: String,
    agent: String,
    contact_id: String,
    text: String,
}

/// The agent as the router knows them.
#[derive(Serialize)]
pub(super) struct AgentView {
    agent: String,
    display_name: String,
    platforms: Vec<String>,
}

pub(super) async fn presence(
    State(web): State<Shared>,
    Body(form): Body<SetTo>,
) -> Result<Json<AgentView>, Problem> {
    let presence = match form.presence {
        Wanted::Available => Presence::Available,
        Wanted::Away => Presence::Away,
        Wanted::Offline => Presence::Offline,
    };
    let request = SetPresenceRequest {
        request_id: form.request_id,
        agent: form.agent,
        presence: presence.into(),
        ..Default::default()
    };
    let agent = web.clients.set_presence(request).await?;
    let platforms = agent.platforms.into_iter().map(|platform| platform.platform).collect();
    Ok(Json(AgentView { agent: agent.id, display_name: agent.display_name, platforms }))
}

pub(super) async fn accept(
    State(web): State<Shared>,
    Body(form): Body<OnContact>,
) -> Result<StatusCode, Problem> {
    let OnContact { request_id, agent, contact_id: id } = form;
    web.clients.accept_contact(AcceptContactRequest { request_id, id, agent }).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn decline(
    State(web): State<Shared>,
    Body(form): Body<OnContact>,
) -> Result<StatusCode, Problem> {
    let OnContact { request_id, agent, contact_id: id } = form;
    web.clients.decline_contact(DeclineContactRequest { request_id, id, agent }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Finishes a contact, and with it the conversation.
pub(super) async fn complete(
    State(web): State<Shared>,
    Body(form): Body<OnContact>,
) -> Result<StatusCode, Problem> {
    let OnContact { request_id, agent, contact_id: id } = form;
    let contact = web.clients.complete_contact(CompleteContactRequest { request_id, id, agent }).await?;
    close(&web.store, &contact.platform, &contact.session, "The agent has finished. Thank you.").await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn message(State(web): State<Shared>, Body(form): Body<Say>) -> Result<StatusCode, Problem> {
    let mut fields = Fields::new();
    let id = message_id(&mut fields, &form.message_id);
    fields.number("agent", &form.agent);
    let text = fields.text("text", form.text.trim(), 1..=MAX_TEXT);
    fields.finish()?;
    let contact = own_contact(&web, &form.agent, &form.contact_id).await?;
    let content = Content::Text { text };
    let entry = NewEntry {
        session: &contact.session,
        id: &id,
        author: Author::Agent,
        agent: &form.agent,
        content: &content,
    };
    written(append(&web.store, &entry).await?)
}

pub(super) async fn file(
    State(web): State<Shared>,
    Path((session, id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    download(web.store.file(&session, &id).await?)
}
