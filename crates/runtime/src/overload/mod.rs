//! What a service does when more is asked of it than it can do (ADR 0013): it serves as many calls as it answers in time,
//! the important ones first, and refuses the others at once with `RESOURCE_EXHAUSTED`.
//!
//! `limit.rs` decides how many calls that is, `admission_queue.rs` which ones are admitted, and `methods.rs` of the chassis how important
//! a method is.
//! A call counts until its work ends, also when its caller has gone: its handler goes on. A stream counts as a call while
//! it opens, and then as a stream.

mod admission_queue;
mod connections;
mod limit;
mod memory;
mod queue;
mod status;

use std::{future::Future, sync::Arc, time::Duration};

use http::{Request, Response};
use http_body_util::BodyExt as _;
use segue_core::{CallerId, Random};
use segue_metrics::{Counter, KeyValue};
use segue_proto::common::v1::ErrorReason;
use tokio::time::Instant;
use tonic::{Status, body::Body};

pub(crate) use connections::{Connections, MAX_OPENING, Place};
pub(crate) use memory::{ConnectionMemory, Reservation};
pub(crate) use status::observe;
pub use status::{LoadStatus, statuses};

use admission_queue::{AdmissionQueue, CLASSES, Permit};
use memory::MessageMemory;

use crate::{
    Refusal,
    caller::caller,
    incoming::DEADLINE,
    methods::{self, Class, Retry},
    metrics::load::REFUSED,
    settings::Reader,
    shares::{Full, Held, Holders, Refused, Share},
};

/// Health checks are never refused: they decide whether this replica is restarted. A check costs next to nothing, and `protocol.rs`
/// bounds the number of watchers.
const HEALTH: &str = "/grpc.health.v1.Health/";
/// The class of a refused stream that found no place, beside those of calls.
const STREAM: &str = "stream";
/// A refused caller is told to retry after a random time between this and three times this.
const SHORTEST_DELAY_MS: u32 = 500;
const MIB: usize = 1024 * 1024;

/// How much a service takes on at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Calls under way.
    pub calls: usize,
    /// How long the median call may take before fewer are let in; none: the number of calls is fixed.
    pub target: Option<Duration>,
    /// Open streams.
    pub streams: usize,
    /// Connections.
    pub connections: usize,
    /// Bytes of memory for messages of calls under way.
    pub message_memory: usize,
    /// The share of calls, streams and connections that a single caller may take while there is no other, in percent.
    pub caller_percent: usize,
    /// The share of the connections that may be without a name where callers are told apart, in percent.
    pub unnamed_percent: usize,
    /// How long a connection may be without a name.
    pub unnamed: Duration,
}

impl Limits {
    /// Limits for tests with many callers: a high number of calls that does not adapt.
    pub fn for_crowds() -> Self {
        Self { calls: 100_000, target: None, message_memory: usize::MAX, ..Self::default() }
    }

    /// Reads the settings, which are declared with the server's.
    pub(crate) fn read(reader: &mut Reader) -> Option<Self> {
        let mut number = |name, from, to| usize::try_from(reader.number(name, from..=to)?).ok();
        let calls = number("max-calls", 16, 100_000);
        let streams = number("max-streams", 1, 1_000_000);
        let connections = number("max-connections", 1, 1_000_000);
        let message_memory = number("max-message-memory-mib", 4, 65_536);
        let caller_percent = number("caller-share-percent", 50, 100);
        let unnamed_percent = number("unnamed-share-percent", 1, 75);
        let unnamed = reader.seconds("unnamed-seconds", 1..=300);
        let target = reader.number("target-latency-ms", 0..=60_000)?;
        let target = (target > 0).then(|| Duration::from_millis(target));
        Some(Self {
            calls: calls?,
            target,
            streams: streams?,
            connections: connections?,
            message_memory: message_memory?.saturating_mul(MIB),
            caller_percent: caller_percent?,
            unnamed_percent: unnamed_percent?,
            unnamed: unnamed?,
        })
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            calls: 256,
            target: Some(Duration::from_secs(1)),
            streams: 20_000,
            connections: 10_000,
            message_memory: 32 * MIB,
            caller_percent: 75,
            unnamed_percent: 25,
            unnamed: Duration::from_secs(15),
        }
    }
}

/// The load of a service at a moment, with its limits.
#[derive(Debug)]
pub(crate) struct Load {
    admission: Arc<AdmissionQueue>,
    streams: Arc<Holders<CallerId>>,
    share: Share,
    connections: Connections,
    calls_refused: Arc<Refused>,
    memory: MessageMemory,
    refused: Counter<u64>,
    random: Random,
}

impl Load {
    pub(crate) fn new(limits: Limits, callers_have_names: bool) -> Arc<Self> {
        let refused = REFUSED.to_counter();
        // A rate needs a series that exists before its first count.
        for class in CLASSES.map(Class::name).into_iter().chain([STREAM]) {
            refused.add(0, &[KeyValue::new("segue.class", class)]);
        }
        Arc::new(Self {
            admission: AdmissionQueue::new(limits.calls, limits.target, limits.caller_percent),
            streams: Holders::new("streams", limits.streams),
            share: Share::Percent(limits.caller_percent),
            connections: Connections::new(&limits, callers_have_names),
            calls_refused: Arc::new(Refused::new("calls")),
            memory: MessageMemory::new(limits.message_memory),
            refused,
            random: Random::secure(),
        })
    }

    /// Has a call answered once it has a place, if there is one in time. This goes inside of what gives a call its deadline and knows its
    /// caller.
    pub(crate) async fn around<F, E>(
        &self,
        request: Request<Body>,
        next: impl FnOnce(Request<Body>) -> F,
    ) -> Result<Response<Body>, E>
    where
        F: Future<Output = Result<Response<Body>, E>>,
    {
        let path = request.uri().path();
        if path.starts_with(HEALTH) {
            return next(request).await;
        }
        // A method without a row is reflection, which is a stream, or is not served at all.
        let (class, retry) = methods::of_path(path)
            .map_or((Class::Bulk, Retry::Stream), |method| (method.class, method.retry));
        let caller = caller();
        // A stream takes its place first, so that streams that wait to be opened are bounded too.
        let stream = match (retry == Retry::Stream).then(|| self.stream(&caller)).transpose() {
            Ok(stream) => stream,
            Err(refusal) => return Ok(refused(refusal)),
        };
        let permit = match self.enter(class, &caller).await {
            Ok(permit) => permit,
            Err(refusal) => return Ok(refused(refusal)),
        };
        // The permit lasts until the handler ends, even if the caller stops waiting before.
        let response = next(request).await;
        drop(permit);
        let Some(stream) = stream else { return response };
        Ok(response?.map(|body| {
            Body::new(body.map_frame(move |frame| {
                let _open = &stream;
                frame
            }))
        }))
    }

    /// A place among the calls under way.
    async fn enter(&self, class: Class, caller: &CallerId) -> Result<Permit, Refusal> {
        let deadline = DEADLINE.try_with(|deadline| *deadline).ok();
        let entered = self.admission.enter(class, caller, deadline).await;
        let now = Instant::now();
        if deadline.is_some_and(|deadline| deadline <= now) {
            return Err(Refusal::new(ErrorReason::DeadlineExceeded, "the deadline was over at the start"));
        }
        let mut permit = entered.map_err(|full| self.no_place(class, full))?;
        permit.serves(now);
        Ok(permit)
    }

    /// The service's connections.
    pub(crate) fn connections(&self) -> &Connections {
        &self.connections
    }

    /// A place among the open streams.
    fn stream(&self, caller: &CallerId) -> Result<Held<CallerId>, Refusal> {
        let claims = (!caller.is_unauthenticated()).then(|| (caller.clone(), self.share));
        self.streams.take(claims.into_iter().collect()).map_err(|full| {
            self.overloaded(
                STREAM,
                match full {
                    Full::Share => "this caller has more open streams than its share",
                    Full::All => "there are more open streams than can be served",
                },
            )
        })
    }

    /// Counts a connection for its caller, who has shown its identity.
    pub(crate) fn name(&self, place: &Place, caller: CallerId, class: Class) -> Result<(), Refusal> {
        let named = place.name(caller);
        named.map_err(|_| self.overloaded(class.name(), "this caller has more connections than its share"))
    }

    fn no_place(&self, class: Class, full: Full) -> Refusal {
        self.calls_refused.one(full);
        self.overloaded(
            class.name(),
            match full {
                Full::Share => "this caller has more to do than its share",
                Full::All => "there is more to do than can be done in time",
            },
        )
    }

    fn overloaded(&self, class: &'static str, what: &str) -> Refusal {
        self.refused.add(1, &[KeyValue::new("segue.class", class)]);
        let delay = SHORTEST_DELAY_MS + self.random.below(2 * SHORTEST_DELAY_MS);
        // The delay is random, so that callers who were refused together don't retry together.
        Refusal::new(ErrorReason::Overloaded, what).retry_after(Duration::from_millis(delay.into()))
    }
}

fn refused(refusal: Refusal) -> Response<Body> {
    Status::from(refusal).into_http()
}
