//! A customer's view of the line.

use std::time::Duration;

use segue_proto::router::v1::{WatchContactRequest, WatchContactResponse};
use segue_runtime::{Fields, Refusal, StreamEnd};
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::{Service, parse};
use crate::{
    convert,
    decider::{Listener, Router, ShownContact, Topic},
    domain::{ContactId, Others, Stage},
    errors::contact_not_found,
    store::{contacts, stats},
};

/// A reader that is behind needs the newest state only, but gets each that was sent.
const AHEAD: usize = 4;
/// The line moves with every decision; how often a stream looks at it depends on how near its contact is to the front.
const POLL_IN_FRONT: Duration = Duration::from_millis(500);
const POLL_FAR_BACK: Duration = Duration::from_secs(5);
const IN_FRONT: usize = 10;
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
    let id = id.ok_or_else(|| contact_not_found(&request.id))?;
    let router = service.router.clone();
    let mut news = router.notifier.listen(Topic::Contact(id));
    let first = router.contact(id).await?.ok_or_else(|| contact_not_found(&request.id))?;
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
    news: &mut Listener,
    messages: &Sender,
    first: ShownContact,
) -> Result<(), Refusal> {
    let mut contact = first;
    loop {
        let ends = !contact.stored.is_open();
        let message = message(router, contact.clone()).await?;
        if messages.send(Ok(message)).await.is_err() || ends {
            return Ok(());
        }
        let shown = contact;
        contact = loop {
            let is_far_back = shown.position == 0 || shown.position > IN_FRONT;
            let poll = if is_far_back { POLL_FAR_BACK } else { POLL_IN_FRONT };
            // Neither the end of the wait nor what the news say matters: the contact is looked at in any case.
            drop(timeout(poll, news.next()).await);
            let now = look(router, &shown).await?;
            if now != shown {
                break now;
            }
        };
    }
}

/// The contact now. While it is open, the open state tells all of it that changes.
async fn look(router: &Router, shown: &ShownContact) -> Result<ShownContact, Refusal> {
    let id: ContactId = shown.stored.id;
    if let Some(view) = router.peek(move |state| state.contact(id)).await? {
        // What becomes a handoff's has other texts from then on.
        if view.contact.handoff == shown.stored.contact.handoff {
            return Ok(ShownContact::of_view(view, shown.stored.clone()));
        }
    }
    let row = router.database.read(async |conn| contacts::get(conn, id).await).await?;
    let row = row.ok_or_else(|| contact_not_found(&id.to_string()))?;
    router.show(vec![row]).await?.pop().ok_or_else(|| contact_not_found(&id.to_string()))
}

async fn message(router: &Router, shown: ShownContact) -> Result<WatchContactResponse, Refusal> {
    let now_ms = router.now_ms();
    let estimated_wait = estimate_ms(router, &shown, now_ms).await?.map(convert::duration);
    let wait = convert::duration(shown.wait_ms(now_ms));
    Ok(WatchContactResponse { contact: Some(convert::contact(shown)), wait: Some(wait), estimated_wait })
}

/// The line moves on once each time one of its agents finishes a contact, that is, every handling time divided by the
/// number of agents; one that waits for its agent has one, but no longer than until it may go to others.
async fn estimate_ms(router: &Router, shown: &ShownContact, now_ms: i64) -> Result<Option<i64>, Refusal> {
    let contact = &shown.stored.contact;
    if contact.stage != Stage::Waiting {
        return Ok(None);
    }
    let since = now_ms / stats::MINUTE_MS - WINDOW_MINUTES;
    let platform = &contact.queue.platform;
    let served = router.database.read(async |conn| stats::served(conn, platform, since).await).await?;
    let (handled, handled_ms) = served.iter().fold((0, 0), |(handled, ms), served| {
        (handled + served.counted.handled, ms + served.counted.handled_ms)
    });
    if handled == 0 {
        return Ok(None);
    }
    if !contact.is_open() {
        let bound = match contact.named.as_ref().map(|named| named.others) {
            Some(Others::From(at)) => at.saturating_sub(now_ms).max(0),
            _ => i64::MAX,
        };
        return Ok(Some((handled_ms / handled).min(bound)));
    }
    let id = shown.stored.id;
    let agents = router.peek(move |state| state.serving(id)).await?;
    let (agents, position) = (whole(agents), whole(shown.position.max(1)));
    Ok((agents > 0).then(|| position * handled_ms / handled / agents))
}

fn whole(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
