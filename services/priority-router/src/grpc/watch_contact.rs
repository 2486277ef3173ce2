//! A customer's view of the line.

use std::time::Duration;

use segue_proto::router::v1::{WatchContactRequest, WatchContactResponse};
use segue_runtime::{Fields, Refusal, StreamEnd};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::{Service, news::Topic, parse, wire};
use crate::{
    domain::{Contact, State},
    error::contact_not_found,
    routing::Router,
    store::{contacts, stats},
};

/// A reader that is behind needs the newest state only, but gets each that was sent.
const AHEAD: usize = 4;
/// The line moves with every decision; how often a stream looks at it depends on how near its contact is to the front.
const POLL_IN_FRONT: Duration = Duration::from_millis(500);
const POLL_FAR_BACK: Duration = Duration::from_secs(5);
const IN_FRONT: i64 = 10;
/// What the estimate goes by.
const WINDOW_MINUTES: i64 = 60;

type Sender = mpsc::Sender<Result<WatchContactResponse, Status>>;

pub(super) async fn open(
    service: &Service,
    request: WatchContactRequest,
) -> Result<ReceiverStream<Result<WatchContactResponse, Status>>, Refusal> {
    let mut fields = Fields::new();
    let id = parse::contact_id(&mut fields, "id", &request.id);
    fields.finish()?;
    let router = service.router.clone();
    let mut news = service.news.listen(Topic::Contact(id.clone()));
    let first = read(&router, &id).await?;
    let (messages, stream) = mpsc::channel(AHEAD);
    let stream_end = service.stream_end.clone();
    tokio::spawn(async move {
        tokio::select! {
            ended = follow(&router, &mut news, &messages, first) => if let Err(refusal) = ended {
                drop(messages.send(Err(refusal.into())).await);
            },
            status = stream_end.due() => StreamEnd::tell(&messages, status).await,
            () = messages.closed() => {}
        }
    });
    Ok(ReceiverStream::new(stream))
}

/// Sends the contact now and after each change, until it has ended or nobody reads.
async fn follow(
    router: &Router,
    news: &mut super::news::Listener,
    messages: &Sender,
    first: Contact,
) -> Result<(), Refusal> {
    let mut contact = first;
    loop {
        let (id, ends) = (contact.id.clone(), contact.state.is_final());
        let message = message(router, contact.clone()).await?;
        if messages.send(Ok(message)).await.is_err() || ends {
            return Ok(());
        }
        let shown = contact;
        contact = loop {
            let is_far_back = shown.state != State::Queued || shown.position > IN_FRONT;
            news.wait(if is_far_back { POLL_FAR_BACK } else { POLL_IN_FRONT }).await;
            let now = read(router, &id).await?;
            if now != shown {
                break now;
            }
        };
    }
}

async fn read(router: &Router, id: &str) -> Result<Contact, Refusal> {
    let mut conn = router.database.read().await?;
    contacts::get(&mut conn, id).await?.ok_or_else(|| contact_not_found(id))
}

async fn message(router: &Router, contact: Contact) -> Result<WatchContactResponse, Refusal> {
    let now_ms = router.clock.now_ms();
    let estimated_wait = estimate_ms(router, &contact, now_ms).await?.map(wire::duration);
    let wait = wire::duration(contact.wait_ms(now_ms));
    Ok(WatchContactResponse { contact: Some(wire::contact(contact)), wait: Some(wait), estimated_wait })
}

/// The line moves on once each time one of its agents finishes a contact, that is, every handling time divided by the
/// number of agents; a handoff that waits for one agent has one, but no longer than until it may go to others.
async fn estimate_ms(router: &Router, contact: &Contact, now_ms: i64) -> Result<Option<i64>, Refusal> {
    if contact.state != State::Queued {
        return Ok(None);
    }
    let mut conn = router.database.read().await?;
    let since = now_ms / stats::MINUTE_MS - WINDOW_MINUTES;
    let served = stats::served(&mut conn, &contact.platform, since).await?;
    let (handled, handled_ms) = served.iter().fold((0, 0), |(handled, ms), served| {
        (handled + served.counted.handled, ms + served.counted.handled_ms)
    });
    if handled == 0 {
        return Ok(None);
    }
    if !contact.open_to_all {
        let bound = contact.overflow_at.saturating_sub(now_ms).max(0);
        return Ok(Some((handled_ms / handled).min(bound)));
    }
    let agents = stats::serving(&mut conn, &contact.queue(), &contact.platform).await?;
    Ok((agents > 0).then(|| contact.position.max(1) * handled_ms / handled / agents))
}
