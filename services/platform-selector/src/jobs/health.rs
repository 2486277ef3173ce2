//! Asks the adapters of all platforms at intervals whether they are well.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use segue_runtime::Stop;
use segue_store::{Database, StoreError};
use tokio::time::Instant;

use crate::{
    catalog::Catalog,
    clients::{Adapters, health::AdapterHealth},
};

/// Those that are down are asked this often, so that one that was restarted is taken again within a second.
const RETURN_INTERVAL: Duration = Duration::from_millis(500);

/// What checking the adapters takes.
pub(crate) struct HealthChecks {
    pub(crate) database: Database,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) adapters: Arc<Adapters>,
    pub(crate) health: Arc<AdapterHealth>,
    /// Between two rounds; zero: adapters are not asked.
    pub(crate) interval: Duration,
    pub(crate) stop: Stop,
}

impl HealthChecks {
    /// Asks all adapters at intervals, until the stop is told.
    pub(crate) async fn run(self) {
        if self.interval.is_zero() {
            // A part of a service that ends would end the service.
            return self.stop.told().await;
        }
        loop {
            let round = async {
                if let Err(error) = self.round().await {
                    tracing::warn!(%error, "adapters are not asked this time");
                }
                self.wait().await;
            };
            tokio::select! {
                () = self.stop.told() => return,
                () = round => {}
            }
        }
    }

    async fn round(&self) -> Result<(), StoreError> {
        let snapshot = self.database.read(async |conn| self.catalog.current(conn).await).await?;
        let uris: BTreeSet<&str> = snapshot
            .messages
            .values()
            .map(|platform| platform.adapter_uri.as_str())
            .filter(|uri| !uri.is_empty())
            .collect();
        self.adapters.keep(&uris);
        self.health.keep(&uris);
        self.health.check(&self.adapters, uris.into_iter().map(str::to_owned).collect()).await;
        Ok(())
    }

    /// Waits for the next round, and asks those that are down meanwhile.
    async fn wait(&self) {
        let next_round = Instant::now() + self.interval;
        loop {
            let rest = next_round.saturating_duration_since(Instant::now());
            tokio::time::sleep(rest.min(RETURN_INTERVAL)).await;
            if rest <= RETURN_INTERVAL {
                return;
            }
            self.health.check(&self.adapters, self.health.all_down()).await;
        }
    }
}
