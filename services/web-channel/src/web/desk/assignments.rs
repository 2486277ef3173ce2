//! An agent's assignments from the router, for as long as a page wants them.

use std::time::Duration;

use segue_proto::{
    common::v1::ErrorReason,
    router::v1::{Assignment, Presence, PresenceReason, WatchAssignmentsRequest},
};
use segue_runtime::reason_of;
use tokio::sync::mpsc;
use tonic::Status;

use crate::web::Shared;

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// News for the page.
pub(super) enum News {
    Assignment(Box<Assignment>),
    /// The agent's presence, and whether the router set it by itself.
    Presence(Presence, PresenceReason),
    /// Whether the router is being heard.
    Connected(bool),
    /// The router refuses to tell of this agent.
    Refused(Status),
}

/// Passes on what the router says, and opens the stream again where it broke, until nobody listens.
pub(super) async fn watch(web: Shared, agent: String, news: mpsc::Sender<News>) {
    let mut resume_token = String::new();
    let mut pause = FIRST_PAUSE;
    while !news.is_closed() {
        let request = WatchAssignmentsRequest {
            agent: agent.clone(),
            resume_token: resume_token.clone(),
            ..Default::default()
        };
        let opened = tokio::select! {
            opened = web.clients.watch_assignments(request) => opened,
            () = news.closed() => return,
        };
        let ended = match opened {
            Ok(stream) => {
                pause = FIRST_PAUSE;
                if news.send(News::Connected(true)).await.is_err() {
                    return;
                }
                pass_on(stream, &mut resume_token, &news).await
            }
            Err(status) => Some(status),
        };
        match ended.as_ref().and_then(reason_of) {
            Some(ErrorReason::InvalidResumeToken) => resume_token.clear(),
            Some(ErrorReason::AgentNotFound | ErrorReason::InvalidField) => {
                if let Some(status) = ended {
                    drop(news.send(News::Refused(status)).await);
                }
                return;
            }
            _ => {}
        }
        if news.send(News::Connected(false)).await.is_err() {
            return;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Until the stream ends; gives the status it ended with.
async fn pass_on(
    mut stream: tonic::Streaming<segue_proto::router::v1::WatchAssignmentsResponse>,
    resume_token: &mut String,
    news: &mpsc::Sender<News>,
) -> Option<Status> {
    let mut told = None;
    loop {
        let message = tokio::select! {
            message = stream.message() => message,
            () = news.closed() => return None,
        };
        match message {
            Ok(Some(message)) => {
                let presence = (message.presence(), message.presence_reason());
                if told.replace(presence) != Some(presence)
                    && news.send(News::Presence(presence.0, presence.1)).await.is_err()
                {
                    return None;
                }
                if let Some(assignment) = message.assignment
                    && news.send(News::Assignment(Box::new(assignment))).await.is_err()
                {
                    return None;
                }
                // Only once it is passed on: what is lost on the way comes again.
                *resume_token = message.resume_token;
            }
            Ok(None) => return None,
            Err(status) => return Some(status),
        }
    }
}
