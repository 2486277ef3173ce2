//! Metrics, each declared once: the tables of [`Metric`] make the instruments, `docs/metrics.md`, and what tests compare
//! dashboards and alerts with. Only OpenTelemetry's API is known here; without a provider nothing is recorded.
//!
//! To add a metric, add it to the table of its owner and make its instrument from there. Attributes take few values, known
//! beforehand; a name that operations give (a platform's) goes through [`Bounded`]. Never an id of an agent, a contact, a
//! handoff or a customer.

mod bounded;
mod document;

use std::sync::atomic::{AtomicBool, Ordering};

pub use bounded::{Bounded, OTHER};
pub use document::document;
pub use opentelemetry::{
    KeyValue,
    metrics::{Counter, Gauge, Histogram},
};
use opentelemetry::{
    global,
    metrics::{AsyncInstrument, Meter},
};

/// Upper bounds for calls and statements, in seconds: those of the semantic conventions.
pub const SECONDS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// A metric.
#[derive(Debug)]
pub struct Metric {
    /// OpenTelemetry's name.
    pub name: &'static str,
    /// What it does.
    pub kind: Kind,
    /// In UCUM; `{thing}` for a count of things.
    pub unit: &'static str,
    /// What it tells.
    pub help: &'static str,
    /// Its attributes.
    pub attributes: &'static [Attribute],
}

/// A property of what is counted: the name, and the values.
pub type Attribute = (&'static str, &'static str);

/// What a metric does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Goes up only, and begins at 0 with the process.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A sum that goes up and down, read when it is collected.
    UpDown,
    /// Counts by size, with these upper bounds.
    Histogram(&'static [f64]),
}

impl Metric {
    /// A counter.
    pub const fn counter(
        name: &'static str,
        unit: &'static str,
        help: &'static str,
        attributes: &'static [Attribute],
    ) -> Self {
        Self { name, kind: Kind::Counter, unit, help, attributes }
    }

    /// A gauge.
    pub const fn gauge(
        name: &'static str,
        unit: &'static str,
        help: &'static str,
        attributes: &'static [Attribute],
    ) -> Self {
        Self { name, kind: Kind::Gauge, unit, help, attributes }
    }

    /// A sum that goes up and down.
    pub const fn up_down(
        name: &'static str,
        unit: &'static str,
        help: &'static str,
        attributes: &'static [Attribute],
    ) -> Self {
        Self { name, kind: Kind::UpDown, unit, help, attributes }
    }

    /// A histogram.
    pub const fn histogram(
        name: &'static str,
        unit: &'static str,
        help: &'static str,
        attributes: &'static [Attribute],
        bounds: &'static [f64],
    ) -> Self {
        Self { name, kind: Kind::Histogram(bounds), unit, help, attributes }
    }

    /// Its instrument, for a counter.
    pub fn to_counter(&self) -> Counter<u64> {
        debug_assert_eq!(self.kind, Kind::Counter);
        meter().u64_counter(self.name).with_unit(self.unit).with_description(self.help).build()
    }

    /// Its instrument, for a gauge.
    pub fn to_gauge(&self) -> Gauge<f64> {
        debug_assert_eq!(self.kind, Kind::Gauge);
        meter().f64_gauge(self.name).with_unit(self.unit).with_description(self.help).build()
    }

    /// Its instrument, for a histogram.
    pub fn to_histogram(&self) -> Histogram<f64> {
        let Kind::Histogram(bounds) = self.kind else {
            debug_assert!(false, "{} is no histogram", self.name);
            return meter().f64_histogram(self.name).build();
        };
        let meter = meter();
        let builder = meter.f64_histogram(self.name).with_unit(self.unit);
        builder.with_description(self.help).with_boundaries(bounds.to_vec()).build()
    }

    /// Has it read when metrics are collected, for a gauge or a sum. What `read` holds lives as long as the process, so it
    /// is asked for only once there is a provider.
    pub fn observe(&self, read: impl Fn(&dyn AsyncInstrument<i64>) + Send + Sync + 'static) {
        if !is_on() {
            return;
        }
        match self.kind {
            Kind::UpDown => drop(
                meter()
                    .i64_observable_up_down_counter(self.name)
                    .with_unit(self.unit)
                    .with_description(self.help)
                    .with_callback(move |instrument| read(instrument))
                    .build(),
            ),
            _ => drop(
                meter()
                    .i64_observable_gauge(self.name)
                    .with_unit(self.unit)
                    .with_description(self.help)
                    .with_callback(move |instrument| read(instrument))
                    .build(),
            ),
        }
    }

    /// Its name in Prometheus. A histogram's series also end in `_bucket`, `_sum` and `_count`.
    pub fn prometheus_name(&self) -> String {
        let name = self.name.replace('.', "_");
        let unit = match self.unit {
            "s" => "_seconds",
            "By" => "_bytes",
            _ => "",
        };
        let total = if self.kind == Kind::Counter { "_total" } else { "" };
        format!("{name}{unit}{total}")
    }
}

static ON: AtomicBool = AtomicBool::new(false);

/// Says that metrics go somewhere: the provider is set. Instruments that were made before record nothing.
pub fn turn_on() {
    ON.store(true, Ordering::Relaxed);
}

/// Whether metrics go anywhere. What costs a query is not worth it otherwise.
pub fn is_on() -> bool {
    ON.load(Ordering::Relaxed)
}

fn meter() -> Meter {
    global::meter("segue")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_prometheus_has_them() {
        let counter = Metric::counter("segue.handoffs.ended", "{handoff}", "", &[]);
        assert_eq!(counter.prometheus_name(), "segue_handoffs_ended_total");
        let histogram = Metric::histogram("rpc.server.call.duration", "s", "", &[], SECONDS);
        assert_eq!(histogram.prometheus_name(), "rpc_server_call_duration_seconds");
    }
}
