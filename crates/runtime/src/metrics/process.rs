//! The process itself, read when metrics are collected.

use segue_metrics::Metric;
use tokio::{runtime::Handle, time::Instant};

pub(crate) const UPTIME: Metric =
    Metric::gauge("process.uptime", "s", "how long the process has been running", &[]);
pub(crate) const MEMORY: Metric = Metric::up_down(
    "process.memory.usage",
    "By",
    "physical memory in use; 0 where the system has no `/proc`",
    &[],
);
pub(crate) const TASKS: Metric =
    Metric::up_down("segue.process.tasks", "{task}", "asynchronous tasks that are alive", &[]);

const PAGE_BYTES: i64 = 4096;

/// Has it recorded.
pub(crate) fn observe() {
    let started = Instant::now();
    UPTIME.observe(move |instrument| {
        instrument.observe(i64::try_from(started.elapsed().as_secs()).unwrap_or(i64::MAX), &[]);
    });
    MEMORY.observe(|instrument| instrument.observe(resident_bytes().unwrap_or_default(), &[]));
    if let Ok(runtime) = Handle::try_current() {
        TASKS.observe(move |instrument| {
            let tasks = runtime.metrics().num_alive_tasks();
            instrument.observe(i64::try_from(tasks).unwrap_or(i64::MAX), &[]);
        });
    }
}

/// The second number is the pages that are resident.
fn resident_bytes() -> Option<i64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    text.split_whitespace().nth(1)?.parse::<i64>().ok()?.checked_mul(PAGE_BYTES)
}
