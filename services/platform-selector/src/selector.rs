//! What the calls of a replica work with.

use std::{sync::Arc, time::Duration};

use segue_core::{KeyRing, Random, Region, SharedClock};
use segue_runtime::{Parts, Stop, StreamEnd};
use segue_store::Database;

use crate::{
    catalog::{Catalog, Lookups},
    clients::{Adapters, health::AdapterHealth, lookup::Directories},
    config::{AdapterChanges, AdapterSettings},
    jobs::{HealthChecks, Recorder},
};

/// A replica. Cloning is cheap.
#[derive(Debug, Clone)]
pub(crate) struct Selector {
    pub(crate) database: Database,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) lookups: Lookups,
    pub(crate) adapters: Arc<Adapters>,
    pub(crate) adapter_health: Arc<AdapterHealth>,
    pub(crate) directories: Arc<Directories>,
    pub(crate) recorder: Recorder,
    pub(crate) keys: KeyRing,
    pub(crate) region: Option<Region>,
    /// A new address of an adapter is approved by somebody else.
    pub(crate) two_people: bool,
    pub(crate) clock: SharedClock,
    pub(crate) random: Random,
    pub(crate) stream_end: StreamEnd,
}

impl Selector {
    /// Has to be called on the runtime that serves.
    pub(crate) fn new(
        database: Database,
        keys: KeyRing,
        region: Option<Region>,
        adapters: Adapters,
        settings: &AdapterSettings,
        recorder: Recorder,
        parts: &Parts,
    ) -> Self {
        let adapters = Arc::new(adapters);
        let (clock, deadline, keep) = (parts.clock.clone(), settings.lookup_deadline, settings.lookup_cache);
        let directories = Directories::new(adapters.clone(), keys.clone(), clock, deadline, keep);
        let catalog = Arc::default();
        Self {
            lookups: Lookups::start(&database, &catalog, &parts.clock),
            database,
            catalog,
            adapters,
            adapter_health: Arc::new(AdapterHealth::new(parts.clock.clone())),
            directories: Arc::new(directories),
            recorder,
            keys,
            region,
            two_people: settings.changes == AdapterChanges::TwoPeople,
            clock: parts.clock.clone(),
            random: parts.random.clone(),
            stream_end: StreamEnd::new(parts.stop.clone(), parts.random.clone()),
        }
    }

    /// Checks the adapters' health for the selections of this service.
    pub(crate) fn health_checks(&self, interval: Duration, stop: Stop) -> HealthChecks {
        HealthChecks {
            database: self.database.clone(),
            catalog: self.catalog.clone(),
            adapters: self.adapters.clone(),
            health: self.adapter_health.clone(),
            interval,
            stop,
        }
    }
}
