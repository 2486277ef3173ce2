//! What happens on an agent's desk, live: contacts from the router, conversations from the database.
//!
//! A page that comes back is told everything again, and knows contacts by their id and entries by session and number.
//! Keeping a place in two sources for each page was rejected: it saves a few hundred entries and costs a table.

use std::collections::BTreeMap;

use axum::{
    Extension,
    extract::{Query, State},
    response::Response,
};
use segue_proto::router::v1::{Assignment, ContactState};
use segue_runtime::Fields;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc;
use tonic::Status;

use super::assignments::{News, watch};
use crate::{
    commands::{
        entries::{NewEntry, append},
        sessions::joined_id,
    },
    domain::{Author, Content},
    web::{
        Shared,
        client::Client,
        events::{POLL, Sender, channel, event},
        problem::Problem,
        view::{ContactView, EntryView, PresenceView, SessionView},
    },
};

/// How many of the agent's earlier contacts a page starts with.
const EARLIER_CONTACTS: i32 = 20;
const BUFFER: usize = 64;

#[derive(Deserialize)]
pub(super) struct OfAgent {
    agent: String,
}

/// The page is gone.
struct Gone;

struct Desk {
    web: Shared,
    agent: String,
    sender: Sender,
    /// Conversations shown, by session.
    shown: BTreeMap<String, Shown>,
}

#[derive(Default)]
struct Shown {
    after_seq: i64,
    session: Option<SessionView>,
}

pub(super) async fn events(
    State(web): State<Shared>,
    Query(of): Query<OfAgent>,
    Extension(client): Extension<Client>,
) -> Result<Response, Problem> {
    let mut fields = Fields::new();
    let agent = fields.number("agent", &of.agent);
    fields.finish()?;
    let place = web.shares.stream(&format!("desk of {agent}"), &client)?;
    let (sender, response) = channel();
    tokio::spawn(async move {
        let due = web.end.due();
        let desk = Desk { web: web.clone(), agent, sender: sender.clone(), shown: BTreeMap::new() };
        tokio::select! {
            _ = desk.run() => {}
            _ = due => {}
            () = sender.closed() => {}
        }
        drop(place);
    });
    Ok(response)
}

impl Desk {
    async fn run(mut self) -> Result<(), Gone> {
        let (sender, mut news) = mpsc::channel(BUFFER);
        tokio::spawn(watch(self.web.clone(), self.agent.clone(), sender));
        let mut changes = self.web.store.changes();
        self.earlier_contacts().await?;
        loop {
            self.conversations().await?;
            tokio::select! {
                one = news.recv() => match one {
                    Some(News::Assignment(assignment)) => self.assignment(*assignment).await?,
                    Some(News::Presence(presence, reason)) => {
                        self.send("presence", &PresenceView::of(presence, reason)).await?;
                    }
                    Some(News::Connected(connected)) => {
                        self.send("router", &json!({ "connected": connected })).await?;
                    }
                    Some(News::Refused(status)) => return self.refused(status).await,
                    None => return Ok(()),
                },
                () = changes.wait(POLL) => {}
            }
        }
    }

    /// Contacts that are over are not in the router's stream; a page shows them as such.
    async fn earlier_contacts(&mut self) -> Result<(), Gone> {
        // Without an answer the page starts with less; the stream brings what is open.
        let earlier = self.web.clients.contacts_of(&self.agent, EARLIER_CONTACTS).await;
        let Ok(contacts) = earlier else { return Ok(()) };
        for contact in contacts.into_iter().rev() {
            self.show(&contact.platform, &contact.session);
            self.send("contact", &ContactView::of_contact(contact)).await?;
        }
        Ok(())
    }

    async fn assignment(&mut self, assignment: Assignment) -> Result<(), Gone> {
        if let Some(contact) = &assignment.contact {
            self.show(&contact.platform, &contact.session);
            if contact.state() == ContactState::Assigned {
                self.announce(&contact.id, &contact.session, &assignment.work_order).await;
            }
        }
        if let Some(source) = &assignment.source {
            self.show(&source.platform, &source.session);
        }
        match ContactView::of_assignment(assignment) {
            Some(view) => self.send("contact", &view).await,
            None => Ok(()),
        }
    }

    /// Tells the customer who is there. Its id makes it one entry, however often the router or another page says so.
    async fn announce(&self, contact: &str, session: &str, work_order: &str) {
        let content =
            Content::Joined { agent: self.agent.clone(), work_order: work_order.to_owned(), waiting: false };
        let id = joined_id(contact, &self.agent);
        let entry = NewEntry { session, id: &id, author: Author::System, agent: "", content: &content };
        if let Err(error) = append(&self.web.store, &entry).await {
            tracing::warn!(%error, "could not announce an agent");
        }
    }

    fn show(&mut self, platform: &str, session: &str) {
        if self.web.platform(platform).is_some() {
            self.shown.entry(session.to_owned()).or_default();
        }
    }

    async fn conversations(&mut self) -> Result<(), Gone> {
        let sessions: Vec<String> = self.shown.keys().cloned().collect();
        for session in sessions {
            self.conversation(&session).await?;
        }
        Ok(())
    }

    async fn conversation(&mut self, id: &str) -> Result<(), Gone> {
        // A store that is away is asked again at the next poll.
        let Ok(Some(session)) = self.web.store.session_by_id(id).await else { return Ok(()) };
        let view = SessionView::of(&session);
        let shown = self.shown.entry(id.to_owned()).or_default();
        let mut after = shown.after_seq;
        if shown.session.as_ref() != Some(&view) {
            shown.session = Some(view.clone());
            self.send("session", &view).await?;
        }
        while let Ok(entries) = self.web.store.entries(id, after).await
            && !entries.is_empty()
        {
            for entry in entries {
                after = entry.seq;
                // The code is the customer's: the desk is told of a card, not what is on it.
                self.send("entry", &EntryView::of(id, entry, None)).await?;
            }
        }
        self.shown.entry(id.to_owned()).or_default().after_seq = after;
        Ok(())
    }

    async fn refused(&self, status: Status) -> Result<(), Gone> {
        self.send("refused", Problem::from(status).content()).await
    }

    async fn send(&self, kind: &str, data: &impl serde::Serialize) -> Result<(), Gone> {
        self.sender.send(Ok(event(kind, None, data))).await.map_err(|_| Gone)
    }
}
