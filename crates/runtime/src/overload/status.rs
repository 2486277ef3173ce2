//! The load of the services of this process, for metrics and tests.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use segue_core::CallerId;
use segue_metrics::{KeyValue, Metric};

use super::{
    Connections, Load,
    admission_queue::{AdmissionQueue, CLASSES},
    memory::MessageMemory,
};
use crate::{
    methods::Class,
    metrics::load::{ACTIVE, CONNECTIONS, LIMIT, MESSAGE_MEMORY, SERVICE, STREAMS, WAITING, number},
    shares::Holders,
};

/// A service's load at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadStatus {
    /// The service's gRPC name.
    pub service: &'static str,
    /// Where it serves.
    pub address: SocketAddr,
    /// Calls under way, also those whose callers have stopped waiting.
    pub calls: usize,
    /// How many calls may be under way now.
    pub limit: usize,
    /// Calls that wait to be let in.
    pub waiting: usize,
    /// Open streams.
    pub streams: usize,
    /// Connections.
    pub connections: usize,
    /// Bytes of memory that messages of calls under way are charged.
    pub message_memory: usize,
    /// Calls admitted since the start, by class.
    pub admitted: [(Class, u64); 4],
    /// Calls refused since the start, by class.
    pub shed: [(Class, u64); 4],
    /// Streams refused since the start because too many were open.
    pub shed_streams: u64,
    /// Connections refused since the start.
    pub shed_connections: u64,
}

struct Registered {
    service: &'static str,
    address: SocketAddr,
    admission: Weak<AdmissionQueue>,
    streams: Arc<Holders<CallerId>>,
    connections: Connections,
    memory: MessageMemory,
}

static LOADS: Mutex<Vec<Registered>> = Mutex::new(Vec::new());

impl Load {
    /// Lists the service in [`statuses`] for as long as it runs.
    pub(crate) fn register(&self, service: &'static str, address: SocketAddr) {
        let mut loads = LOADS.lock().unwrap_or_else(PoisonError::into_inner);
        loads.retain(|load| load.admission.strong_count() > 0);
        loads.push(Registered {
            service,
            address,
            admission: Arc::downgrade(&self.admission),
            streams: self.streams.clone(),
            connections: self.connections.clone(),
            memory: self.memory.clone(),
        });
    }
}

/// The load of all services of this process.
pub fn statuses() -> Vec<LoadStatus> {
    let loads = LOADS.lock().unwrap_or_else(PoisonError::into_inner);
    loads.iter().filter_map(|load| Some(of(load, &*load.admission.upgrade()?))).collect()
}

fn of(load: &Registered, admission: &AdmissionQueue) -> LoadStatus {
    LoadStatus {
        service: load.service,
        address: load.address,
        calls: admission.under_way(),
        limit: admission.limit(),
        waiting: admission.waiting(),
        streams: load.streams.held(),
        connections: load.connections.open(),
        message_memory: load.memory.used(),
        admitted: CLASSES.map(|class| (class, admission.admitted(class))),
        shed: CLASSES.map(|class| (class, admission.shed(class))),
        shed_streams: load.streams.refused(),
        shed_connections: load.connections.refused(),
    }
}

/// Records the load of all services of this process whenever metrics are collected.
pub(crate) fn observe() {
    record(&ACTIVE, |load| load.calls);
    record(&LIMIT, |load| load.limit);
    record(&WAITING, |load| load.waiting);
    record(&STREAMS, |load| load.streams);
    record(&CONNECTIONS, |load| load.connections);
    record(&MESSAGE_MEMORY, |load| load.message_memory);
}

fn record(metric: &Metric, what: fn(&LoadStatus) -> usize) {
    metric.observe(move |instrument| {
        for load in statuses() {
            instrument.observe(number(what(&load)), &[KeyValue::new(SERVICE.0, load.service)]);
        }
    });
}
