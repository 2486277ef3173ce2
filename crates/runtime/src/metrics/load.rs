//! What a service has to do, and how its peers are, read when metrics are collected.

use std::sync::LazyLock;

use segue_metrics::{Attribute, Bounded, KeyValue, Metric};

use crate::{
    overload::{self, LoadStatus},
    peer,
};

const SERVICE: Attribute =
    ("rpc.service", "the gRPC service, `segue.issuer.v1.CodeIssuerService` for example");
const CLASS: Attribute = (
    "segue.class",
    "`critical`, `opening`, `normal` or `bulk`, see docs/adr/0013; `stream` when too many were open",
);
const PEER: Attribute = ("server.address", "host and port as they are set; the first 32, others `other`");

pub(crate) const SHARE: Attribute = (
    "segue.share",
    "of what: `calls`, `streams`, `connections`, `unnamed_connections`, `opening_connections`; of pages `http_connections`, `page_requests`, `page_streams`, `page_contacts`, `upload_bytes`, `upload_memory`",
);
pub(crate) const LIMIT_OF: Attribute = (
    "segue.limit",
    "`share` when a caller, a session or a network had its share, `all` when all of it was taken",
);

pub(crate) const ACTIVE: Metric =
    Metric::up_down("segue.server.calls.active", "{call}", "calls under way, abandoned ones too", &[SERVICE]);
pub(crate) const LIMIT: Metric =
    Metric::gauge("segue.server.calls.limit", "{call}", "calls that may be under way now", &[SERVICE]);
pub(crate) const WAITING: Metric =
    Metric::up_down("segue.server.calls.waiting", "{call}", "calls that wait to be let in", &[SERVICE]);
pub(crate) const STREAMS: Metric =
    Metric::up_down("segue.server.streams", "{stream}", "open streams", &[SERVICE]);
pub(crate) const CONNECTIONS: Metric =
    Metric::up_down("segue.server.connections", "{connection}", "open connections", &[SERVICE]);
pub(crate) const MESSAGE_MEMORY: Metric = Metric::up_down(
    "segue.server.message.memory",
    "By",
    "memory that messages of calls under way are charged",
    &[SERVICE],
);
pub(crate) const REFUSED: Metric = Metric::counter(
    "segue.server.refused",
    "{call}",
    "calls and streams refused because there was too much to do",
    &[CLASS],
);
pub(crate) const SHARE_REFUSED: Metric = Metric::counter(
    "segue.server.share.refused",
    "{refusal}",
    "what was refused because its caller or network had its share, or because all was taken, see docs/adr/0028",
    &[SHARE, LIMIT_OF],
);
pub(crate) const PEERS: Metric = Metric::gauge(
    "segue.peer.endpoints",
    "{endpoint}",
    "addresses behind a peer's name that are called",
    &[PEER],
);
pub(crate) const PEERS_DEAD: Metric = Metric::gauge(
    "segue.peer.endpoints.dead",
    "{endpoint}",
    "those of them that are left alone because they don't answer",
    &[PEER],
);

const MOST_PEERS: usize = 32;
static NAMES: LazyLock<Bounded> = LazyLock::new(|| Bounded::new(MOST_PEERS));

/// Has it recorded.
pub(crate) fn observe() {
    load(&ACTIVE, |load| load.calls);
    load(&LIMIT, |load| load.limit);
    load(&WAITING, |load| load.waiting);
    load(&STREAMS, |load| load.streams);
    load(&CONNECTIONS, |load| load.connections);
    load(&MESSAGE_MEMORY, |load| load.message_memory);
    endpoints(&PEERS, |peer| peer.endpoints);
    endpoints(&PEERS_DEAD, |peer| peer.open);
}

fn load(metric: &Metric, what: fn(&LoadStatus) -> usize) {
    metric.observe(move |instrument| {
        for load in overload::statuses() {
            instrument.observe(number(what(&load)), &[KeyValue::new(SERVICE.0, load.service)]);
        }
    });
}

/// The channel for streams has the same endpoints as the one for calls.
fn endpoints(metric: &Metric, what: fn(&peer::PeerStatus) -> usize) {
    metric.observe(move |instrument| {
        for peer in peer::statuses().iter().filter(|peer| !peer.streams) {
            let name = KeyValue::new(PEER.0, NAMES.name(&peer.authority));
            instrument.observe(number(what(peer)), &[name]);
        }
    });
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
