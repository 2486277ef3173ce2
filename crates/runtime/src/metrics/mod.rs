//! What the chassis records for every service.

pub(crate) mod load;
pub(crate) mod process;
pub(crate) mod rpc;

use segue_metrics::Metric;

/// What every process records.
pub const METRICS: &[Metric] = &[
    rpc::CALL_DURATION,
    load::ACTIVE,
    load::LIMIT,
    load::WAITING,
    load::STREAMS,
    load::CONNECTIONS,
    load::MESSAGE_MEMORY,
    load::REFUSED,
    load::SHARE_REFUSED,
    load::PEERS,
    load::PEERS_DEAD,
    process::UPTIME,
    process::MEMORY,
    process::TASKS,
];
