//! A customer's view of the line.

use std::time::Duration;

use segue_proto::router::v1::{WatchContactRequest, WatchContactResponse};
use segue_runtime::{Fields, Refusal};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::{Service, parse, wire};
use crate::{domain::Contact, error::contact_not_found, routing::Router, store::contacts};

/// A reader that is behind needs the newest state only, but gets each that was sent.
const AHEAD: usize = 4;
/// The line moves with every decision, so the stream looks at it now and then instead of at each.
const POLL: Duration = Duration::from_millis(500);

type Sender = mpsc::Sender<Result<WatchContactResponse, Status>>;

pub(super) async fn open(
    service: &Service,
    request: WatchContactRequest,
) -> Result<ReceiverStream<Result<WatchContactResponse, Status>>, Refusal> {
    let mut fields = Fields::new();
    let id = parse::contact_id(&mut fields, "id", &request.id);
    fields.finish()?;
    let router = service.router.clone();
    let first = read(&router, &id).await?;
    let (messages, stream) = mpsc::channel(AHEAD);
    let stream_end = service.stream_end.clone();
    tokio::spawn(async move {
        tokio::select! {
            ended = follow(&router, &messages, first) => if let Err(refusal) = ended {
                drop(messages.send(Err(refusal.into())).await);
            },
            status = stream_end.due() => drop(messages.send(Err(status)).await),
            () = messages.closed() => {}
        }
    });
    Ok(ReceiverStream::new(stream))
}

/// Sends the contact now and after each change, until it has ended or nobody reads.
async fn follow(router: &Router, messages: &Sender, first: Contact) -> Result<(), Refusal> {
    let mut changes = router.database.changes();
    let mut contact = first;
    loop {
        let (id, ends) = (contact.id.clone(), contact.state.is_final());
        if messages.send(Ok(message(contact.clone(), router.clock.now_ms()))).await.is_err() || ends {
            return Ok(());
        }
        let shown = contact;
        contact = loop {
            changes.wait(POLL).await;
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

fn message(contact: Contact, now_ms: i64) -> WatchContactResponse {
    let wait = Duration::from_millis(u64::try_from(contact.wait_ms(now_ms)).unwrap_or_default());
    WatchContactResponse {
        contact: Some(wire::contact(contact)),
        wait: prost_types::Duration::try_from(wait).ok(),
    }
}
