//! Asks adapters whether they are well, each replica for itself: what counts is whether this replica reaches them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use futures::{StreamExt as _, future::BoxFuture};
use segue_runtime::Stop;
use segue_store::{Database, StoreError};
use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use super::Channels;
use crate::{
    catalog::{Catalog, Snapshot},
    domain::health::{Health, Pulse},
};

/// What one question may take.
const TIMEOUT: Duration = Duration::from_secs(2);
/// So many are asked at a time.
const AT_A_TIME: usize = 64;

/// What is known of the adapters, by address.
#[derive(Debug, Default)]
pub(crate) struct Pulses(RwLock<BTreeMap<String, Pulse>>);

impl Pulses {
    /// How the adapter at an address is.
    pub(crate) fn of(&self, uri: &str) -> Health {
        let pulses = self.0.read().unwrap_or_else(PoisonError::into_inner);
        pulses.get(uri).copied().unwrap_or_default().health()
    }

    /// The platforms whose adapter is down.
    pub(crate) fn down(&self, snapshot: &Snapshot) -> BTreeSet<String> {
        let pulses = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if pulses.values().all(|pulse| pulse.health() != Health::Down) {
            return BTreeSet::new();
        }
        let is_down = |uri: &str| pulses.get(uri).is_some_and(|pulse| pulse.health() == Health::Down);
        let down = snapshot.messages.values().filter(|platform| is_down(&platform.adapter_uri));
        down.map(|platform| platform.id.clone()).collect()
    }

    /// Adapters that were not asked this time are no longer any platform's.
    fn beat(&self, answers: BTreeMap<String, bool>) {
        let mut pulses = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let next = answers.into_iter().map(|(uri, answered)| {
            let before = pulses.get(&uri).copied().unwrap_or_default();
            let after = before.after(answered);
            if after.health() != before.health() {
                tracing::info!(adapter = uri, health = ?after.health(), "an adapter's health has changed");
            }
            (uri, after)
        });
        *pulses = next.collect();
    }
}

/// What following the adapters takes.
pub(crate) struct Follow {
    pub(crate) db: Database,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) channels: Arc<Channels>,
    pub(crate) pulses: Arc<Pulses>,
    /// Between two rounds; zero: adapters are not asked.
    pub(crate) interval: Duration,
    pub(crate) stop: Stop,
}

impl Follow {
    /// Asks all adapters now and then, until the stop is told.
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
                tokio::time::sleep(self.interval).await;
            };
            tokio::select! {
                () = self.stop.told() => return,
                () = round => {}
            }
        }
    }

    async fn round(&self) -> Result<(), StoreError> {
        let snapshot = self.catalog.current(&mut *self.db.read().await?).await?;
        let uris: BTreeSet<&str> = snapshot
            .messages
            .values()
            .map(|platform| platform.adapter_uri.as_str())
            .filter(|uri| !uri.is_empty())
            .collect();
        self.channels.keep(&uris);
        let mut asked: Vec<BoxFuture<'_, (String, bool)>> = Vec::with_capacity(uris.len());
        for uri in uris {
            asked.push(Box::pin(async move { (uri.to_owned(), self.is_well(uri).await) }));
        }
        let answers = futures::stream::iter(asked).buffer_unordered(AT_A_TIME).collect().await;
        self.pulses.beat(answers);
        Ok(())
    }

    async fn is_well(&self, uri: &str) -> bool {
        let Some(channel) = self.channels.to(uri) else { return false };
        // Of the whole server: an adapter may offer more than one service, and needs to name none.
        let request = HealthCheckRequest { service: String::new() };
        let mut client = HealthClient::new(channel);
        match tokio::time::timeout(TIMEOUT, client.check(request)).await {
            Ok(Ok(answer)) => answer.into_inner().status() == ServingStatus::Serving,
            // It is there, and only offers no health service.
            Ok(Err(status)) => matches!(status.code(), Code::Unimplemented | Code::NotFound),
            Err(_) => false,
        }
    }
}
