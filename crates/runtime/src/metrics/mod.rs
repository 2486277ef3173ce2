//! What the chassis records for every service.

pub(crate) mod process;
pub(crate) mod rpc;

use segue_metrics::Metric;

/// What every process records.
pub const METRICS: &[Metric] = &[rpc::CALL_DURATION, process::UPTIME, process::MEMORY, process::TASKS];
