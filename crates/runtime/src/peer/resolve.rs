//! Where the replicas are: a name is looked up again and again, as replicas come and go.

use std::{
    fmt, io,
    net::SocketAddr,
    sync::{Arc, Weak},
    time::Duration,
};

use futures::future::BoxFuture;
use tokio::{sync::Notify, time::timeout};

use super::pool::Pool;

const EVERY: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(5);
/// Failures ask for a look-up at once, but not for one each.
const AT_MOST_EVERY: Duration = Duration::from_millis(250);

type Lookup = dyn Fn(String, u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync;

/// How the addresses behind a name are found, and how often. The default asks the system every 5 s, and at once after a
/// failure.
#[derive(Clone)]
pub struct Resolver {
    lookup: Arc<Lookup>,
    every: Duration,
}

impl Resolver {
    /// Finds the addresses of a host and port by a function.
    pub fn new(
        every: Duration,
        lookup: impl Fn(String, u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync + 'static,
    ) -> Self {
        Self { lookup: Arc::new(lookup), every }
    }

    /// Keeps a pool's addresses as they are in the name service, until the pool is gone.
    pub(super) fn follow(self, host: String, port: u16, pool: Weak<Pool>, wanted: Arc<Notify>) {
        tokio::spawn(async move {
            loop {
                let found = timeout(TIMEOUT, (self.lookup)(host.clone(), port)).await;
                let Some(pool) = pool.upgrade() else { return };
                pool.found(found.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())));
                drop(pool);
                tokio::time::sleep(AT_MOST_EVERY.min(self.every)).await;
                // Early is as good as in time.
                let _ = timeout(self.every.saturating_sub(AT_MOST_EVERY), wanted.notified()).await;
            }
        });
    }
}

impl Default for Resolver {
    fn default() -> Self {
        Self::new(EVERY, |host, port| {
            Box::pin(async move { Ok(tokio::net::lookup_host((host.as_str(), port)).await?.collect()) })
        })
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").field("every", &self.every).finish_non_exhaustive()
    }
}
