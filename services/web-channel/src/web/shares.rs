//! What one visitor may take of the pages: by session, by network, and in all (ADR 0028).

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::{
    Extension,
    extract::{Request, State},
    http::header,
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use segue_core::Network;
use segue_runtime::{
    http::holding,
    shares::{Held, Holders, Quota, Share, of_network},
};

use super::{client::Client, problem::Problem};
use crate::PageLimits;

/// The time of quotas.
const TIME: Duration = Duration::from_secs(10 * 60);
/// A byte of a file is in memory as it was received, sealed, and on its way to the database.
const COPIES: usize = 3;
/// What an address gets of the memory for files while it is alone, in percent; the networks around it get a little more.
const MEMORY_PERCENT: usize = 50;
const WIDE_MEMORY_PERCENT: usize = 75;

/// Who holds a live page.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Holder {
    /// A conversation, or an agent's desk.
    Session(String),
    Network(Network),
}

/// All that is shared.
pub(super) struct PageShares {
    limits: PageLimits,
    requests: Arc<Holders<Network>>,
    streams: Arc<Holders<Holder>>,
    contacts: Quota<Network>,
    upload_bytes: Quota<Network>,
    upload_memory: Arc<Holders<Network>>,
}

impl PageShares {
    pub(super) fn new(limits: PageLimits) -> Self {
        Self {
            requests: Holders::new("page_requests", limits.requests),
            streams: Holders::new("page_streams", limits.streams),
            contacts: Quota::new("page_contacts", TIME),
            upload_bytes: Quota::new("upload_bytes", TIME),
            upload_memory: Holders::new("upload_memory", limits.upload_memory_bytes),
            limits,
        }
    }

    /// A place among the live pages.
    pub(super) fn stream(&self, session: &str, from: &Client) -> Result<Held<Holder>, Problem> {
        let PageLimits { streams, streams_per_network, streams_per_session, .. } = self.limits;
        let of_session = (Holder::Session(session.to_owned()), Share::Most(streams_per_session));
        let networks = of_network(from.address, streams_per_network, streams).into_iter();
        let networks = networks.map(|(network, share)| (Holder::Network(network), share));
        self.streams.take(std::iter::once(of_session).chain(networks).collect()).map_err(Problem::full)
    }

    /// Counts a conversation that begins, or an agent who is asked for.
    pub(super) fn contact(&self, from: &Client) -> Result<(), Problem> {
        let most = self.limits.contacts_per_network;
        self.contacts.take(&weighted(from.address, most), 1).map_err(Problem::come_again)
    }

    /// For a file that is about to be received.
    pub(super) fn upload(&self, from: &Client) -> UploadShare<'_> {
        let percent =
            |network: &Network| if network.weight() == 1 { MEMORY_PERCENT } else { WIDE_MEMORY_PERCENT };
        let share = |network| (network, Share::Percent(percent(&network)));
        let claims = Network::around(from.address).into_iter().map(share).collect();
        UploadShare {
            memory: self.upload_memory.begin(claims),
            quota: &self.upload_bytes,
            claims: weighted(from.address, self.limits.upload_bytes_per_network),
        }
    }
}

/// What an address and the networks around it may do in a time.
fn weighted(address: IpAddr, most: usize) -> Vec<(Network, usize)> {
    let networks = Network::around(address).into_iter();
    networks.map(|network| (network, most.saturating_mul(network.weight()))).collect()
}

/// What a file takes while it is received and stored.
pub(super) struct UploadShare<'a> {
    memory: Held<Network>,
    quota: &'a Quota<Network>,
    claims: Vec<(Network, usize)>,
}

impl UploadShare<'_> {
    /// Charges bytes as they arrive: what is only announced costs others nothing.
    pub(super) fn received(&mut self, bytes: usize) -> Result<(), Problem> {
        self.memory.more(bytes * COPIES).map_err(Problem::full)?;
        self.quota.take(&self.claims, bytes).map_err(Problem::come_again)
    }
}

/// Lets in as many requests as there may be. One counts until its answer has been sent; live events are counted by themselves.
pub(super) async fn requests(
    State(shares): State<Arc<PageShares>>,
    Extension(client): Extension<Client>,
    request: Request,
    next: Next,
) -> Response {
    let PageLimits { requests, requests_per_network, .. } = shares.limits;
    let held = match shares.requests.take(of_network(client.address, requests_per_network, requests)) {
        Ok(held) => held,
        Err(full) => return Problem::full(full).into_response(),
    };
    let response = next.run(request).await;
    let is_live =
        response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
    if is_live { response } else { holding(response, held) }
}
