//! What a customer does in a conversation.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
};
use segue_proto::{common::v1::ErrorReason, router::v1::AbandonContactRequest};
use segue_runtime::Fields;
use serde::Deserialize;

use super::{
    Shared,
    body::Body,
    customer::{OnPlatform, open_session},
    problem::Problem,
};
use crate::{
    commands::{
        entries::{Appended, NewEntry, append},
        sessions::close,
    },
    domain::{Author, Content},
};

/// Characters in one message.
pub(super) const MAX_TEXT: usize = 2000;

/// A customer's message.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Write {
    platform: String,
    /// UUID; the same again writes nothing.
    message_id: String,
    text: String,
}

pub(super) async fn write(
    State(web): State<Shared>,
    headers: HeaderMap,
    Body(form): Body<Write>,
) -> Result<StatusCode, Problem> {
    let mut fields = Fields::new();
    let id = message_id(&mut fields, &form.message_id);
    let text = fields.text("text", form.text.trim(), 1..=MAX_TEXT);
    fields.finish()?;
    let session = open_session(&web, &headers, &form.platform).await?;
    let content = Content::Text { text };
    let entry =
        NewEntry { session: &session.id, id: &id, author: Author::Customer, agent: "", content: &content };
    written(append(&web.store, &entry).await?)
}

/// The customer goes: the contact is given up, and the conversation is over.
pub(super) async fn leave(
    State(web): State<Shared>,
    headers: HeaderMap,
    Body(on): Body<OnPlatform>,
) -> Result<StatusCode, Problem> {
    let session = open_session(&web, &headers, &on.platform).await?;
    if !session.contact_id.is_empty() {
        let request_id = web.store.keys().request_id(&["leave", &session.id, &session.contact_id]);
        let request = AbandonContactRequest { request_id, id: session.contact_id.clone() };
        if let Err(status) = web.clients.abandon_contact(request).await {
            // A contact that is over already needs no giving up.
            let over = [Some(ErrorReason::ContactState), Some(ErrorReason::ContactNotFound)];
            if !over.contains(&segue_runtime::reason_of(&status)) {
                return Err(status.into());
            }
        }
    }
    close(&web.store, &session.platform, &session.id, "The customer has left.").await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A page's id of a message, in the one spelling it is stored in.
pub(super) fn message_id(fields: &mut Fields, text: &str) -> String {
    let parsed = uuid::Uuid::try_parse(text).ok();
    fields.require(parsed.is_some(), "message_id", "must be a UUID, new for each message");
    parsed.map(|id| id.hyphenated().to_string()).unwrap_or_default()
}

/// The answer to a written entry.
pub(super) fn written(appended: Appended) -> Result<StatusCode, Problem> {
    match appended {
        Appended::Done => Ok(StatusCode::NO_CONTENT),
        Appended::Closed => Err(Problem::session_over()),
        Appended::Missing => Err(Problem::of(ErrorReason::SessionNotFound)),
        Appended::Reused => Err(Problem::of(ErrorReason::RequestIdReused)),
    }
}
