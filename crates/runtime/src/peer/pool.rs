//! The endpoints behind a name, and the choice of the endpoint for each call.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{Request, Response};
use parking_lot::{Mutex, RwLock};
use rustls::pki_types::ServerName;
use segue_core::Random;
use tokio::{sync::Notify, time::Instant};
use tonic::{
    body::Body,
    transport::{Channel, Endpoint},
};
use tower::ServiceExt as _;

use crate::{Credentials, hosts::Reach, network::Network};

use super::{
    Resolver,
    breaker::{Breaker, Failing},
    budget::Budget,
    dial::Dial,
    failure::Failure,
};

/// A call that is given up after a shorter wait says nothing about the endpoint: the caller's deadline may just be short.
const TELLING_WAIT: Duration = Duration::from_secs(1);

/// All endpoints of one peer.
pub(super) struct Pool {
    endpoint: Endpoint,
    name: Option<ServerName<'static>>,
    credentials: Credentials,
    reach: Option<Reach>,
    resolver: Resolver,
    streams: bool,
    random: Random,
    members: RwLock<Arc<[Arc<Member>]>>,
    resolving: OnceLock<()>,
    looked_up: OnceLock<()>,
    /// Whether the last look-up failed: the log has one line for a series of failures.
    lookup_fails: AtomicBool,
    lookup_wanted: Arc<Notify>,
    /// Wakes the calls that wait for an endpoint.
    pub(super) changed: Notify,
    pub(super) budget: Budget,
    pub(super) counts: Counts,
}

#[derive(Default)]
pub(super) struct Counts {
    pub(super) attempts: AtomicU64,
    pub(super) retries: AtomicU64,
    pub(super) failed_fast: AtomicU64,
}

/// How an endpoint is called.
#[derive(Clone)]
pub(super) enum Way {
    Channel(Channel),
    Network(Arc<dyn Network>, SocketAddr),
}

/// One endpoint, with a connection that is made again after a failure.
struct Member {
    address: SocketAddr,
    way: Way,
    under_way: AtomicUsize,
    breaker: Mutex<Breaker>,
}

impl Way {
    pub(super) async fn send(self, request: Request<Body>) -> Result<Response<Body>, Failure> {
        match self {
            Self::Channel(channel) => channel.oneshot(request).await.map_err(Failure::of),
            Self::Network(network, address) => network.call(address, request).await.map_err(Failure::from),
        }
    }
}

impl Member {
    fn breaker<T>(&self, act: impl FnOnce(&mut Breaker) -> T) -> T {
        act(&mut self.breaker.lock())
    }
}

/// A peer at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerStatus {
    /// Host and port, as they are set.
    pub authority: String,
    /// Whether it is a channel for streams.
    pub streams: bool,
    /// Addresses behind the name.
    pub endpoints: usize,
    /// Addresses whose breaker is open because they don't answer. When all are open, calls fail at once.
    pub open: usize,
    /// Calls and streams under way.
    pub under_way: usize,
    /// Attempts of calls since the start, retries included.
    pub attempts: u64,
    /// Retries since the start, made because the outcome of the attempt before was unknown.
    pub retries: u64,
    /// Calls that failed at once because all breakers were open.
    pub failed_fast: u64,
}

/// No endpoint takes a call now.
pub(super) struct Nobody {
    /// When an endpoint may take one; none if that depends on a call under way or on a look-up.
    pub(super) due: Option<Instant>,
}

impl Pool {
    pub(super) fn new(
        endpoint: Endpoint,
        name: Option<ServerName<'static>>,
        credentials: Credentials,
        reach: Option<Reach>,
        resolver: Resolver,
        streams: bool,
    ) -> Arc<Self> {
        let random = credentials.network().map_or_else(Random::secure, |network| network.random());
        Arc::new(Self {
            endpoint,
            name,
            credentials,
            reach,
            resolver,
            streams,
            random,
            members: RwLock::new(Arc::new([])),
            resolving: OnceLock::new(),
            looked_up: OnceLock::new(),
            lookup_fails: AtomicBool::new(false),
            lookup_wanted: Arc::default(),
            changed: Notify::new(),
            budget: Budget::default(),
            counts: Counts::default(),
        })
    }

    pub(super) fn authority(&self) -> String {
        self.endpoint.uri().authority().map(ToString::to_string).unwrap_or_default()
    }

    pub(super) fn random_below(&self, bound: u32) -> u32 {
        self.random.below(bound)
    }

    pub(super) fn has_looked_up(&self) -> bool {
        self.looked_up.get().is_some()
    }

    /// Starts the look-ups of the name, once. They need a runtime, which exists when the first call is made.
    pub(super) fn follow(self: &Arc<Self>) {
        self.resolving.get_or_init(|| {
            let uri = self.endpoint.uri();
            let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
            let port = uri.port_u16().unwrap_or(80);
            match host.parse::<IpAddr>() {
                Ok(address) => self.found(Ok(vec![SocketAddr::new(address, port)])),
                Err(_) => {
                    let wanted = self.lookup_wanted.clone();
                    let pool = Arc::downgrade(self);
                    let take = move |found| pool.upgrade().map(|pool| pool.found(found)).is_some();
                    self.resolver.clone().follow(host.to_owned(), port, wanted, take);
                }
            }
        });
    }

    /// Takes over the addresses that a look-up has found. When it has found none, the known endpoints stay.
    pub(super) fn found(&self, found: io::Result<Vec<SocketAddr>>) {
        let failure = match found {
            Ok(addresses) if addresses.is_empty() => Some("it has no address".to_owned()),
            Ok(addresses) => {
                self.replace(&addresses);
                None
            }
            Err(error) => Some(error.kind().to_string()),
        };
        let failed_before = self.lookup_fails.swap(failure.is_some(), Ordering::Relaxed);
        if let (Some(failure), false) = (failure, failed_before) {
            tracing::warn!(peer = self.authority(), failure, "a name can't be looked up");
        }
        self.looked_up.get_or_init(|| ());
        self.changed.notify_waiters();
    }

    fn replace(&self, addresses: &[SocketAddr]) {
        let mut members = self.members.write();
        let mut wanted = addresses.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        if members.iter().map(|member| member.address).eq(wanted.iter().copied()) {
            return;
        }
        let kept = |address| members.iter().find(|member| member.address == address).cloned();
        let new: Arc<[_]> =
            wanted.into_iter().map(|address| kept(address).unwrap_or_else(|| self.member(address))).collect();
        tracing::debug!(peer = self.authority(), endpoints = new.len(), "endpoints have changed");
        *members = new;
    }

    fn member(&self, address: SocketAddr) -> Arc<Member> {
        let way = match self.credentials.network() {
            Some(network) => Way::Network(network.clone(), address),
            None => Way::Channel(self.endpoint.connect_with_connector_lazy(Dial::new(
                address,
                self.name.clone(),
                self.credentials.clone(),
                self.reach.clone(),
            ))),
        };
        Arc::new(Member { address, way, under_way: AtomicUsize::new(0), breaker: Mutex::default() })
    }

    /// The less busy of two endpoints that are drawn from those that take calls, without those tried before where there are others. If none
    /// takes calls, an endpoint whose breaker has been open for long enough.
    pub(super) fn pick(self: &Arc<Self>, tried: &[SocketAddr]) -> Result<Held, Nobody> {
        let members = self.members.read().clone();
        let now = Instant::now();
        for has_others in [true, false] {
            let mut able: Vec<&Arc<Member>> = members
                .iter()
                .filter(|member| member.breaker(|b| b.due(has_others, now)).is_some_and(|due| due <= now))
                .collect();
            if able.iter().any(|member| !tried.contains(&member.address)) {
                able.retain(|member| !tried.contains(&member.address));
            }
            if let Some(member) = self.less_busy(&able) {
                return Ok(Held::new(self.clone(), member.clone(), now));
            }
        }
        Err(Nobody { due: members.iter().filter_map(|member| member.breaker(|b| b.due(false, now))).min() })
    }

    fn less_busy<'a>(&self, able: &[&'a Arc<Member>]) -> Option<&'a Arc<Member>> {
        let count = u32::try_from(able.len()).ok()?;
        let first = self.random.below(count);
        // The second is another one than the first, each as likely.
        let second = (first + 1 + self.random.below(count.saturating_sub(1))) % count.max(1);
        let drawn = [first, second].map(|index| able.get(index as usize).copied());
        drawn.into_iter().flatten().min_by_key(|member| member.under_way.load(Ordering::Relaxed))
    }

    pub(super) fn status(&self) -> PeerStatus {
        let members = self.members.read().clone();
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        PeerStatus {
            authority: self.authority(),
            streams: self.streams,
            endpoints: members.len(),
            open: members.iter().filter(|member| member.breaker(|b| b.is_open())).count(),
            under_way: members.iter().map(|member| member.under_way.load(Ordering::Relaxed)).sum(),
            attempts: count(&self.counts.attempts),
            retries: count(&self.counts.retries),
            failed_fast: count(&self.counts.failed_fast),
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // Wakes the task that looks the name up, which then ends.
        self.lookup_wanted.notify_one();
    }
}

/// An attempt of a call at an endpoint. One that is dropped before it was answered or has failed was given up by its caller.
pub(super) struct Held {
    pool: Arc<Pool>,
    member: Arc<Member>,
    since: Instant,
    probes: bool,
    told: bool,
}

impl Held {
    fn new(pool: Arc<Pool>, member: Arc<Member>, since: Instant) -> Self {
        member.under_way.fetch_add(1, Ordering::Relaxed);
        pool.counts.attempts.fetch_add(1, Ordering::Relaxed);
        let probes = member.breaker(Breaker::starting);
        Self { pool, member, since, probes, told: false }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.member.address
    }

    pub(super) fn way(&self) -> Way {
        self.member.way.clone()
    }

    pub(super) fn answered(&mut self) {
        self.told = true;
        if self.member.breaker(Breaker::answered) {
            tracing::info!(peer = self.pool.authority(), endpoint = %self.member.address, "answers again");
            self.pool.changed.notify_waiters();
        }
    }

    pub(super) fn failed(&mut self, failing: Failing) {
        self.told = true;
        let took = self.since.elapsed();
        if self.member.breaker(|b| b.failed(failing, took, Instant::now())) {
            let took_ms = took.as_millis();
            tracing::warn!(
                peer = self.pool.authority(), endpoint = %self.member.address, ?failing, took_ms,
                "does not answer and is left alone"
            );
        }
        self.pool.changed.notify_waiters();
        self.pool.lookup_wanted.notify_one();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.member.under_way.fetch_sub(1, Ordering::Relaxed);
        if self.told {
            return;
        }
        if self.since.elapsed() >= TELLING_WAIT {
            self.failed(Failing::Unanswered);
        } else if self.probes {
            self.member.breaker(Breaker::gave_up);
        }
    }
}
