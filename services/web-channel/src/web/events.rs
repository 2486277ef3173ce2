//! What happens in a customer's conversation, live. The database is the truth: an event's id is its entry's number, and
//! a page that comes back goes on after the last it saw.

use std::{convert::Infallible, time::Duration};

use axum::{
    Extension,
    extract::{Query, State},
    http::HeaderMap,
    response::{
        IntoResponse as _, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::{
    Shared, Web,
    client::Client,
    customer::{OnPlatform, find},
    problem::Problem,
    view::EntryView,
};
use crate::domain::{Content, Entry};

/// How long another replica's entry may go unnoticed.
pub(super) const POLL: Duration = Duration::from_secs(1);
const BUFFER: usize = 32;

/// Where events go; sending fails when the page is gone.
pub(super) type Sender = mpsc::Sender<Result<Event, Infallible>>;

pub(super) async fn events(
    State(web): State<Shared>,
    Query(on): Query<OnPlatform>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let session = find(&web, &headers, &on.platform).await?.ok_or_else(Problem::no_session)?;
    let after = headers.get("last-event-id").and_then(|id| id.to_str().ok()).and_then(|id| id.parse().ok());
    let place = web.shares.stream(&session.id, &client)?;
    let (sender, response) = channel();
    tokio::spawn(async move {
        let due = web.end.due();
        tokio::select! {
            () = follow(&web, &session.id, after.unwrap_or(0), &sender) => {}
            _ = due => {}
            () = sender.closed() => {}
        }
        drop(place);
    });
    Ok(response)
}

/// A stream of events and where to put them.
pub(super) fn channel() -> (Sender, Response) {
    let (sender, receiver) = mpsc::channel(BUFFER);
    let sse = Sse::new(ReceiverStream::new(receiver)).keep_alive(KeepAlive::default());
    (sender, sse.into_response())
}

/// An event with JSON in it.
pub(super) fn event(kind: &str, id: Option<i64>, data: &impl Serialize) -> Event {
    let text = serde_json::to_string(data).unwrap_or_default();
    let event = Event::default().event(kind).data(text);
    match id {
        Some(id) => event.id(id.to_string()),
        None => event,
    }
}

async fn follow(web: &Web, session: &str, mut after: i64, sender: &Sender) {
    let mut changes = web.store.changes();
    loop {
        // A store that is away is asked again at the next poll.
        while let Ok(entries) = web.store.entries(session, after).await {
            if entries.is_empty() {
                break;
            }
            for entry in entries {
                after = entry.seq;
                let over = matches!(entry.content, Content::Closed { .. });
                let view = customer_view(web, session, entry).await;
                if sender.send(Ok(event("entry", Some(after), &view))).await.is_err() || over {
                    return;
                }
            }
        }
        changes.wait(POLL).await;
    }
}

async fn customer_view(web: &Web, session: &str, entry: Entry) -> EntryView {
    let card = match &entry.content {
        Content::Card { handoff_id, generation, .. } => {
            web.store.card(session, handoff_id, *generation).await.ok().flatten()
        }
        _ => None,
    };
    EntryView::of(session, entry, card)
}
