use std::{pin::Pin, sync::Arc, time::Duration};

use segue_proto::issuer::v1::{Handoff, WatchHandoffResponse};
use segue_runtime::StreamEnd;
use tokio::sync::mpsc;
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::Status;

use crate::{
    commands::{Issuer, View},
    convert,
};

const POLL: Duration = Duration::from_millis(500);
const BUFFER: usize = 8;

type Sent = Result<WatchHandoffResponse, Status>;

/// A stream of the handoff now and after every change, until its final state.
pub(super) fn stream(
    issuer: Arc<Issuer>,
    view: View,
    first: Handoff,
    end: StreamEnd,
) -> Pin<Box<dyn Stream<Item = Sent> + Send>> {
    let (sender, receiver) = mpsc::channel(BUFFER);
    tokio::spawn(async move {
        tokio::select! {
            () = watch(issuer, view, first, &sender) => {}
            () = sender.closed() => {}
            status = end.due() => StreamEnd::tell(&sender, status).await,
        }
    });
    Box::pin(ReceiverStream::new(receiver))
}

async fn watch(issuer: Arc<Issuer>, view: View, first: Handoff, sender: &mpsc::Sender<Sent>) {
    let mut changes = issuer.handoffs.changes();
    let id = first.id.clone();
    let mut shown = first;
    let mut changed = true;
    loop {
        if changed && sender.send(Ok(WatchHandoffResponse { handoff: Some(shown.clone()) })).await.is_err() {
            return;
        }
        if convert::is_final(&shown) {
            return;
        }
        changes.wait(POLL).await;
        // A store that doesn't answer now may at the next poll.
        let Ok(latest) = issuer.show(&id, view).await else {
            changed = false;
            continue;
        };
        changed = latest != shown;
        shown = latest;
    }
}
