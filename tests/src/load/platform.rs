//! The platform that contacts come from, which counts what is done on it.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use segue_proto::channel::v1::{
    CloseSessionRequest, CloseSessionResponse, DeliverAccessInfoRequest, DeliverAccessInfoResponse,
};
use segue_testkit::{Adapter, serve_adapter};
use tonic::Status;

/// Sessions by the handoffs that they were closed for, and whether all was as it must be. It serves until the test ends.
#[derive(Clone, Default)]
pub struct Platform {
    closed: Arc<Mutex<BTreeMap<String, String>>>,
    delivered: Arc<Mutex<BTreeMap<String, String>>>,
    refuses: Arc<AtomicBool>,
}

impl Platform {
    /// Serves it.
    pub(super) async fn serve(&self) -> SocketAddr {
        serve_adapter(self.clone(), 0).await.0
    }

    /// Refuses every call from now on, or no more.
    pub fn refuse(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::SeqCst);
    }

    fn is_there(&self) -> Result<(), Status> {
        if self.refuses.load(Ordering::SeqCst) { Err(Status::unavailable("away")) } else { Ok(()) }
    }

    /// The sessions that were closed, by handoff.
    pub fn closed(&self) -> BTreeMap<String, String> {
        self.closed.lock().unwrap().clone()
    }

    /// The sessions that were given their code, by handoff.
    pub fn delivered(&self) -> BTreeMap<String, String> {
        self.delivered.lock().unwrap().clone()
    }
}

/// A repetition says the same as before.
fn note(kept: &Mutex<BTreeMap<String, String>>, handoff: String, session: String) -> Result<(), Status> {
    let mut kept = kept.lock().unwrap();
    match kept.get(&handoff) {
        Some(before) if *before != session => Err(Status::internal("another session than before")),
        _ => {
            kept.insert(handoff, session);
            Ok(())
        }
    }
}

impl Adapter for Platform {
    async fn deliver_access_info(
        &self,
        request: DeliverAccessInfoRequest,
    ) -> Result<DeliverAccessInfoResponse, Status> {
        self.is_there()?;
        note(&self.delivered, request.handoff_id, request.session)?;
        Ok(DeliverAccessInfoResponse {})
    }

    async fn close_session(&self, request: CloseSessionRequest) -> Result<CloseSessionResponse, Status> {
        self.is_there()?;
        note(&self.closed, request.handoff_id, request.session)?;
        Ok(CloseSessionResponse {})
    }
}
