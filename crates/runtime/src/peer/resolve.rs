//! Where the replicas are: a name is looked up again and again, as replicas come and go.

use std::{fmt, io, net::SocketAddr, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use tokio::{sync::Notify, time::timeout};

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

    /// Looks the name up again and again, and at once when a look-up is wanted, until `take` returns false.
    pub(super) fn follow(
        self,
        host: String,
        port: u16,
        wanted: Arc<Notify>,
        take: impl Fn(io::Result<Vec<SocketAddr>>) -> bool + Send + 'static,
    ) {
        tokio::spawn(async move {
            loop {
                let found = timeout(TIMEOUT, (self.lookup)(host.clone(), port)).await;
                if !take(found.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))) {
                    return;
                }
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
