//! The network: whole calls, each of which may be late, lost, made twice, or answered too late.

use std::{
    collections::BTreeMap,
    fmt,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response, request::Parts};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use parking_lot::Mutex;
use segue_core::Random;
use segue_runtime::network::{Answerer, CallFailed, Network};
use tokio::{
    sync::{mpsc, oneshot},
    time::sleep,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, body::Body};
use tower::Service as _;

use crate::{
    clock::MachineClock,
    life::{Crashes, Life, Point},
    story::Log,
};

/// The client library notices within this time that nobody is at the other end of a connection.
const KEEPALIVE: Duration = Duration::from_secs(15);
/// How long a message takes at most when nothing is wrong.
const USUAL_MS: u32 = 3;
const FRAMES: usize = 16;

/// What can be wrong with the network for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetFault {
    /// Messages take up to so many milliseconds longer, and so overtake each other.
    Delay(u32),
    /// So many calls of a hundred are lost before their receiver has them; half of these break the connection.
    LoseCalls(u32),
    /// So many answers of a hundred are lost after the work was done; half of these break the connection.
    LoseAnswers(u32),
    /// So many calls of a hundred arrive twice, as a proxy's retry would make them.
    Twice(u32),
    /// So many answers of a hundred come when nobody waits any more.
    LateAnswers(u32),
    /// So many streams of a hundred break at a message.
    BreakStreams(u32),
    /// What is sent from one process to another is lost, by the starts of their names; not the other way.
    Cut(String, String),
    /// All that a process does for others takes so many milliseconds longer.
    SlowPeer(String, u32),
}

/// The network of a simulation.
pub struct Net {
    servers: Mutex<BTreeMap<SocketAddr, Server>>,
    faults: Mutex<Vec<(NetFault, i64)>>,
    random: Random,
    clock: Arc<MachineClock>,
    log: Log,
    crashes: Arc<Crashes>,
    /// Calls that were made.
    pub calls: AtomicU64,
    /// Messages that a fault struck.
    pub struck: AtomicU64,
}

#[derive(Clone)]
struct Server {
    life: Arc<Life>,
    answerer: Answerer,
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Net")
    }
}

impl Net {
    /// A network on which nothing is wrong.
    pub fn new(random: Random, clock: Arc<MachineClock>, log: Log, crashes: Arc<Crashes>) -> Arc<Self> {
        Arc::new(Self {
            servers: Mutex::default(),
            faults: Mutex::default(),
            random,
            clock,
            log,
            crashes,
            calls: AtomicU64::new(0),
            struck: AtomicU64::new(0),
        })
    }

    /// Something is wrong until a moment of virtual time.
    pub fn fail(&self, fault: NetFault, until_ms: i64) {
        self.faults.lock().push((fault, until_ms));
    }

    /// A process's place on the network.
    pub fn endpoint(self: &Arc<Self>, life: &Arc<Life>, random: Random) -> Arc<Endpoint> {
        Arc::new(Endpoint { net: self.clone(), life: life.clone(), random })
    }

    /// Nobody listens at an address any more.
    pub fn close(&self, address: SocketAddr) {
        self.servers.lock().remove(&address);
    }

    /// Nobody listens anywhere any more. Until then servers keep the world that they are in, and the world keeps them.
    pub fn close_all(&self) {
        let servers = std::mem::take(&mut *self.servers.lock());
        drop(servers);
    }

    fn now(&self) -> Vec<NetFault> {
        let mut faults = self.faults.lock();
        if !faults.is_empty() {
            let now = self.clock.elapsed_ms();
            faults.retain(|(_, until)| now < *until);
        }
        faults.iter().map(|(fault, _)| fault.clone()).collect()
    }

    fn chance(&self, percent: u32) -> bool {
        let strikes = self.random.below(100) < percent;
        if strikes {
            self.struck.fetch_add(1, Ordering::Relaxed);
        }
        strikes
    }

    async fn travel(&self, from: &str, faults: &[NetFault]) {
        let mut most = USUAL_MS;
        let mut slow = 0;
        for fault in faults {
            match fault {
                NetFault::Delay(ms) => most += ms,
                NetFault::SlowPeer(name, ms) if from.starts_with(name.as_str()) => slow += ms,
                _ => {}
            }
        }
        let delay = self.random.below(most + 1) + slow;
        sleep(Duration::from_millis(delay.into())).await;
    }

    fn is_cut(&self, from: &str, to: &str) -> bool {
        self.now().iter().any(
            |fault| matches!(fault, NetFault::Cut(a, b) if from.starts_with(a.as_str()) && to.starts_with(b.as_str())),
        )
    }
}

/// A process's place on the network.
#[derive(Debug)]
pub struct Endpoint {
    net: Arc<Net>,
    life: Arc<Life>,
    random: Random,
}

impl Network for Endpoint {
    fn serve(&self, address: SocketAddr, answerer: Answerer) {
        self.net.servers.lock().insert(address, Server { life: self.life.clone(), answerer });
    }

    fn call(
        &self,
        to: SocketAddr,
        request: Request<Body>,
    ) -> BoxFuture<'static, Result<Response<Body>, CallFailed>> {
        let (net, life) = (self.net.clone(), self.life.clone());
        Box::pin(async move {
            life.or_never().await;
            net.calls.fetch_add(1, Ordering::Relaxed);
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map_err(|_| CallFailed::Broken)?.to_bytes();
            let (answer, answered) = oneshot::channel();
            let call = Call { net, from: life.clone(), to, parts, body };
            tokio::spawn(call.deliver(answer));
            let answer = answered.await.unwrap_or(Err(CallFailed::Broken));
            life.or_never().await;
            answer
        })
    }

    fn random(&self) -> Random {
        self.random.clone()
    }
}

/// A call under way.
struct Call {
    net: Arc<Net>,
    from: Arc<Life>,
    to: SocketAddr,
    parts: Parts,
    body: Bytes,
}

type Answered = Result<Response<Body>, CallFailed>;

impl Call {
    fn method(&self) -> &str {
        self.parts.uri.path().rsplit('/').next().unwrap_or_default()
    }

    fn is_stream(&self) -> bool {
        self.method().starts_with("Watch")
    }

    fn request(&self) -> Request<Body> {
        Request::from_parts(self.parts.clone(), Body::new(Full::new(self.body.clone())))
    }

    /// Whether it may arrive twice: reads and calls that their receiver recognises.
    fn may_come_twice(&self) -> bool {
        !self.is_stream() && self.parts.uri.path().starts_with("/segue.")
    }

    async fn deliver(self, mut answer: oneshot::Sender<Answered>) {
        let net = self.net.clone();
        let found = net.servers.lock().get(&self.to).cloned();
        let to = found.as_ref().map_or_else(|| self.to.to_string(), |server| server.life.name.clone());
        net.log.between(&self.from.name, &to, || self.method().to_owned());
        let faults = net.now();
        net.travel(&self.from.name, &faults).await;
        if net.is_cut(&self.from.name, &to) {
            net.log.note(&to, || format!("gets no {} of {}: cut", self.method(), self.from.name));
            return lose(answer, None).await;
        }
        for fault in &faults {
            if let NetFault::LoseCalls(percent) = fault
                && net.chance(*percent)
            {
                net.log.note(&to, || format!("gets no {} of {}: lost", self.method(), self.from.name));
                let breaks = net.random.below(2) == 0;
                return lose(answer, breaks.then_some(CallFailed::Broken)).await;
            }
        }
        let found = net.servers.lock().get(&self.to).cloned();
        let Some(server) = found.filter(|server| !server.life.is_dead()) else {
            drop(answer.send(Err(CallFailed::Unreachable)));
            return;
        };
        if net.crashes.strikes(&server.life.name, Point::BeforeWork) {
            net.log.note(&server.life.name, || "dies before its work".to_owned());
            server.life.kill();
        }
        if faults.iter().any(|fault| matches!(fault, NetFault::Twice(percent) if self.may_come_twice() && net.chance(*percent))) {
            let (mut again, request) = (server.answerer.clone(), self.request());
            net.log.note(&server.life.name, || format!("gets {} of {} twice", self.method(), self.from.name));
            let (net, faults) = (net.clone(), faults.clone());
            tokio::spawn(async move {
                net.travel("", &faults).await;
                drop(again.call(request).await);
            });
        }
        let mut answerer = server.answerer.clone();
        let working = answerer.call(self.request());
        let done = tokio::select! {
            biased;
            () = server.life.end.cancelled() => {
                net.travel("", &faults).await;
                let breaks = net.random.below(2) == 0;
                return lose(answer, breaks.then_some(CallFailed::Broken)).await;
            }
            done = working => done,
            // The server library drops the handler, which goes on without its caller.
            () = answer.closed() => return,
        };
        let Ok(response) = done;
        self.answer(server, response, &faults, answer).await;
    }

    async fn answer(
        self,
        server: Server,
        response: Response<Body>,
        faults: &[NetFault],
        answer: oneshot::Sender<Answered>,
    ) {
        let (net, name) = (self.net.clone(), server.life.name.clone());
        if net.crashes.strikes(&name, Point::BeforeAnswer) {
            net.log.note(&name, || "dies before its answer".to_owned());
            server.life.kill();
        }
        if server.life.is_dead() {
            return lose(answer, Some(CallFailed::Broken)).await;
        }
        net.travel(&name, faults).await;
        for fault in faults {
            match fault {
                NetFault::LoseAnswers(percent) if net.chance(*percent) => {
                    net.log.note(&self.from.name, || format!("gets no answer to {}: lost", self.method()));
                    let breaks = net.random.below(2) == 0;
                    return lose(answer, breaks.then_some(CallFailed::Broken)).await;
                }
                NetFault::LateAnswers(percent) if net.chance(*percent) => {
                    net.log.note(&self.from.name, || format!("gets the answer to {} late", self.method()));
                    sleep(Duration::from_secs(6)).await;
                }
                _ => {}
            }
        }
        if net.is_cut(&name, &self.from.name) {
            net.log.note(&self.from.name, || format!("gets no answer to {}: cut", self.method()));
            return lose(answer, None).await;
        }
        let (parts, body) = response.into_parts();
        if self.is_stream() {
            let (sender, receiver) = mpsc::channel(FRAMES);
            drop(answer.send(Ok(Response::from_parts(
                parts,
                Body::new(StreamBody::new(ReceiverStream::new(receiver))),
            ))));
            self.stream(server.life, body, sender).await;
        } else {
            let answered = body.collect().await.map(|body| Response::from_parts(parts, Body::new(body)));
            drop(answer.send(answered.map_err(|_| CallFailed::Broken)));
        }
    }

    async fn stream(self, server: Arc<Life>, mut body: Body, to: mpsc::Sender<Result<Frame<Bytes>, Status>>) {
        let net = &self.net;
        let broken = || Status::unavailable("the connection broke");
        loop {
            let frame = tokio::select! {
                biased;
                () = server.end.cancelled() => {
                    // Half of the dead leave a machine behind that says so.
                    let silence = if net.random.below(2) == 0 { Duration::ZERO } else { KEEPALIVE };
                    sleep(silence).await;
                    drop(to.send(Err(broken())).await);
                    return;
                }
                () = to.closed() => return,
                frame = body.frame() => frame,
            };
            let Some(frame) = frame else { return };
            let faults = net.now();
            net.travel(&server.name, &faults).await;
            let mut breaks = faults
                .iter()
                .any(|fault| matches!(fault, NetFault::BreakStreams(percent) if net.chance(*percent)));
            if net.is_cut(&server.name, &self.from.name) {
                sleep(KEEPALIVE).await;
                breaks = true;
            }
            if breaks {
                net.log.note(&self.from.name, || format!("{} breaks", self.method()));
                drop(to.send(Err(broken())).await);
                return;
            }
            if self.from.is_dead() || to.send(frame).await.is_err() {
                return;
            }
        }
    }
}

/// The answer never comes; the connection may break.
async fn lose(mut answer: oneshot::Sender<Answered>, failed: Option<CallFailed>) {
    match failed {
        Some(failed) => drop(answer.send(Err(failed))),
        None => answer.closed().await,
    }
}
