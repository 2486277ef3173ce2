//! Asks adapters whether they are well, each replica for itself: what counts is whether this replica reaches them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures::{StreamExt as _, future::BoxFuture};
use parking_lot::RwLock;
use segue_core::SharedClock;
use tokio::{sync::Mutex, time::Instant};
use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use super::Adapters;
use crate::{
    catalog::Snapshot,
    domain::health::{Health, Pulse},
};

/// What one question may take.
const TIMEOUT: Duration = Duration::from_secs(2);
/// What a question on behalf of a selection may take, whose customer waits.
const TIMEOUT_AT_ONCE: Duration = Duration::from_millis(500);
/// So many are asked at a time.
const AT_A_TIME: usize = 64;
/// What was learnt on behalf of one selection does for all others that begin within this time.
const FRESH: Duration = Duration::from_millis(200);

/// What is known of the adapters, by address.
#[derive(Debug)]
pub(crate) struct AdapterHealth {
    known: RwLock<BTreeMap<String, Pulse>>,
    clock: SharedClock,
    /// When adapters were last asked on behalf of a selection: of many that come at the same time, one asks.
    asked_at_once: Mutex<Option<Instant>>,
}

impl AdapterHealth {
    pub(crate) fn new(clock: SharedClock) -> Self {
        Self { known: RwLock::default(), clock, asked_at_once: Mutex::default() }
    }

    /// How the adapter at an address is.
    pub(crate) fn of(&self, uri: &str) -> Health {
        self.pulse(uri).health()
    }

    /// Since when the adapter at an address has not answered, if that is so.
    pub(crate) fn failing_since(&self, uri: &str) -> Option<i64> {
        self.pulse(uri).failing_since()
    }

    fn pulse(&self, uri: &str) -> Pulse {
        let pulses = self.known.read();
        pulses.get(uri).copied().unwrap_or_default()
    }

    /// The platforms whose adapter is down.
    pub(crate) fn down(&self, snapshot: &Snapshot) -> BTreeSet<String> {
        let pulses = self.known.read();
        if pulses.values().all(|pulse| pulse.health() != Health::Down) {
            return BTreeSet::new();
        }
        let is_down = |uri: &str| pulses.get(uri).is_some_and(|pulse| pulse.health() == Health::Down);
        let down = snapshot.messages.values().filter(|platform| is_down(&platform.adapter_uri));
        down.map(|platform| platform.id.clone()).collect()
    }

    /// Those that are down. One that only missed a question is asked again at the next round, since a restart must not be enough.
    pub(crate) fn all_down(&self) -> BTreeSet<String> {
        let pulses = self.known.read();
        let down = pulses.iter().filter(|(_, pulse)| pulse.health() == Health::Down);
        down.map(|(uri, _)| uri.clone()).collect()
    }

    /// Asks at once, on behalf of a selection that fails without them.
    pub(crate) async fn ask_at_once(&self, adapters: &Adapters, uris: BTreeSet<&str>) {
        let mut asked = self.asked_at_once.lock().await;
        if asked.is_none_or(|asked| asked.elapsed() >= FRESH) {
            self.record(ask(adapters, uris.into_iter().map(str::to_owned), TIMEOUT_AT_ONCE).await);
            *asked = Some(Instant::now());
        }
    }

    /// Asks whether they are well.
    pub(crate) async fn check(&self, adapters: &Adapters, uris: BTreeSet<String>) {
        self.record(ask(adapters, uris.into_iter(), TIMEOUT).await);
    }

    /// Forgets adapters that are no longer any platform's.
    pub(crate) fn keep(&self, uris: &BTreeSet<&str>) {
        let mut pulses = self.known.write();
        pulses.retain(|uri, _| uris.contains(uri.as_str()));
    }

    fn record(&self, answers: BTreeMap<String, bool>) {
        let mut pulses = self.known.write();
        for (uri, answered) in answers {
            let before = pulses.get(&uri).copied().unwrap_or_default();
            let after = before.after(answered, self.clock.now_ms());
            if after.health() != before.health() {
                tracing::info!(adapter = uri, health = ?after.health(), "an adapter's health has changed");
            }
            pulses.insert(uri, after);
        }
    }
}

/// Asks whether they are well, all at the same time.
async fn ask(
    adapters: &Adapters,
    uris: impl Iterator<Item = String>,
    timeout: Duration,
) -> BTreeMap<String, bool> {
    let mut asked: Vec<BoxFuture<'_, (String, bool)>> = Vec::new();
    for uri in uris {
        asked.push(Box::pin(async move {
            let is_well = is_well(adapters, &uri, timeout).await;
            (uri, is_well)
        }));
    }
    futures::stream::iter(asked).buffer_unordered(AT_A_TIME).collect().await
}

async fn is_well(adapters: &Adapters, uri: &str, timeout: Duration) -> bool {
    let Some(adapter) = adapters.peer(uri) else { return false };
    // Of the whole server: an adapter may offer more than one service, and needs to name none.
    let request = HealthCheckRequest { service: String::new() };
    let mut client = HealthClient::new(adapter);
    match tokio::time::timeout(timeout, client.check(request)).await {
        Ok(Ok(answer)) => answer.into_inner().status() == ServingStatus::Serving,
        // It is there, and only offers no health service.
        Ok(Err(status)) => matches!(status.code(), Code::Unimplemented | Code::NotFound),
        Err(_) => false,
    }
}
