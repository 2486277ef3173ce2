//! The metrics of a service's load and of its peers. `overload` and `peer` record them when metrics are collected.

use segue_metrics::{Attribute, Metric};

pub(crate) const SERVICE: Attribute =
    ("rpc.service", "the gRPC service, `segue.issuer.v1.CodeIssuerService` for example");
const CLASS: Attribute = (
    "segue.class",
    "`critical`, `opening`, `normal` or `bulk`, see docs/adr/0013; `stream` when too many were open",
);
pub(crate) const PEER: Attribute =
    ("server.address", "host and port as they are set; the first 32, others `other`");

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

/// A count as metrics take it.
pub(crate) fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
