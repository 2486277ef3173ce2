//! Which calls are admitted, which wait, and which are refused.
//!
//! Each class may use a share of the limit, and the critical class all of it, so that some places are always kept for critical
//! calls. A call that finds no place waits for a moment, and the more important classes are served first. When a queue does not get
//! empty, its newest calls are served first, whose callers are most likely still there, and the others wait for less (controlled
//! delay, after Nichols and Jacobson, in the form that Facebook's servers use). Redemptions and streams are served in the order of
//! their arrival instead: none of them may be passed over until its customer gives up.
//!
//! Where callers are told apart, one caller can neither take all places nor fill a queue (`caller_percent`), and among waiting callers
//! the one with the fewest calls under way goes first.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use segue_core::CallerId;
use tokio::{sync::oneshot, time::Instant};

use super::{limit::Limit, queue::Queue};
use crate::{
    methods::Class,
    shares::{Full, Share},
};

pub(super) const CLASSES: [Class; 4] = [Class::Critical, Class::Opening, Class::Normal, Class::Bulk];

impl Class {
    /// A call of the class is admitted while less than this part of the limit is in use by all classes, in percent.
    fn share_percent(self) -> usize {
        match self {
            Self::Critical => 100,
            Self::Opening => 90,
            Self::Normal => 80,
            Self::Bulk => 50,
        }
    }

    /// The part of the limit that calls of the class may use, in percent.
    fn own_percent(self) -> usize {
        match self {
            // Otherwise many opening streams would leave no place for calls.
            Self::Opening => 25,
            _ => 100,
        }
    }

    /// The longest time that a call waits for its turn; shorter while the queue stands, for all but the first two classes.
    fn patience(self, standing: bool) -> Duration {
        Duration::from_millis(match (self, standing) {
            // In effect until the caller's deadline: critical calls are admitted before all others.
            (Self::Critical, _) => 10_000,
            // Desks reconnect within the time that their agents' leases last.
            (Self::Opening, _) => 30_000,
            (Self::Normal, false) => 250,
            (Self::Normal, true) => 50,
            (Self::Bulk, false) => 100,
            (Self::Bulk, true) => 20,
        })
    }

    /// How many calls of the class may wait, as a multiple of the limit: this bounds the memory.
    fn queue_factor(self) -> usize {
        match self {
            Self::Critical => 4,
            // Streams have taken one of the places of streams before they wait, which bounds them.
            Self::Opening => usize::MAX,
            Self::Normal | Self::Bulk => 1,
        }
    }

    /// The share of a caller. Critical calls may take half of the rest beyond it.
    fn share(self, percent: usize) -> Share {
        match self {
            Self::Critical => Share::Percent(percent.midpoint(100)),
            Self::Opening | Self::Normal | Self::Bulk => Share::Percent(percent),
        }
    }

    /// Whether calls of the class are served in the order of their arrival.
    fn in_order(self) -> bool {
        matches!(self, Self::Critical | Self::Opening)
    }
}

/// Admits calls to a service up to a limit, and queues those that find no place.
#[derive(Debug)]
pub(super) struct AdmissionQueue {
    most: usize,
    /// The share of the places, and of each queue, that a caller may have, in percent.
    caller_percent: usize,
    state: Mutex<State>,
    shed: [AtomicU64; 4],
    admitted: [AtomicU64; 4],
}

#[derive(Debug)]
struct State {
    under_way: usize,
    of_class: [usize; 4],
    by_caller: HashMap<CallerId, usize>,
    limit: Limit,
    queues: [Queue<Permit>; 4],
}

impl State {
    fn is_available_for(&self, class: Class) -> bool {
        let limit = self.limit.now();
        // There is always one place.
        self.under_way * 100 < (limit * class.share_percent()).max(100)
            && self.of_class[class as usize] * 100 < (limit * class.own_percent()).max(100)
    }

    /// How many calls a caller has under way; none when it may not have another. An unauthenticated caller has no share to use up.
    fn under_way_of(&self, caller: &CallerId, share: Share) -> Option<usize> {
        if caller.is_unauthenticated() {
            return Some(0);
        }
        let held = self.by_caller.get(caller).copied().unwrap_or_default();
        let free = self.limit.now().saturating_sub(self.under_way);
        share.allows(held, 1, free).then_some(held)
    }

    fn let_in(&mut self, class: Class, caller: &CallerId) {
        self.under_way += 1;
        self.of_class[class as usize] += 1;
        if !caller.is_unauthenticated() {
            *self.by_caller.entry(caller.clone()).or_default() += 1;
        }
        self.limit.saw(self.under_way);
    }

    fn let_go(&mut self, class: Class, caller: &CallerId) {
        self.under_way -= 1;
        self.of_class[class as usize] -= 1;
        if let Some(held) = self.by_caller.get_mut(caller) {
            *held -= 1;
            if *held == 0 {
                self.by_caller.remove(caller);
            }
        }
    }

    /// Whether a call of this class, or of a class before it, waits for a place that is free.
    fn is_awaited(&self, class: Class, caller_percent: usize) -> bool {
        let waits = |class: &Class| {
            self.is_available_for(*class)
                && self.queues[*class as usize]
                    .any(|caller| self.under_way_of(caller, class.share(caller_percent)).is_some())
        };
        CLASSES[..=class as usize].iter().any(waits)
    }
}

impl AdmissionQueue {
    pub(super) fn new(most: usize, target: Option<Duration>, caller_percent: usize) -> Arc<Self> {
        let limit = Limit::new(most, target, Instant::now());
        let state = State {
            under_way: 0,
            of_class: [0; 4],
            by_caller: HashMap::new(),
            limit,
            queues: Default::default(),
        };
        Arc::new(Self {
            most,
            caller_percent,
            state: Mutex::new(state),
            shed: Default::default(),
            admitted: Default::default(),
        })
    }

    /// Waits for a place; the error says why there was none in time.
    pub(super) async fn enter(
        self: &Arc<Self>,
        class: Class,
        caller: &CallerId,
        deadline: Option<Instant>,
    ) -> Result<Permit, Full> {
        let entered = self.place(class, caller).await_until(deadline).await;
        let counters = if entered.is_ok() { &self.admitted } else { &self.shed };
        counters[class as usize].fetch_add(1, Ordering::Relaxed);
        entered
    }

    fn place(self: &Arc<Self>, class: Class, caller: &CallerId) -> Place {
        let now = Instant::now();
        let mut state = self.lock();
        let share = class.share(self.caller_percent);
        let has_its_share = state.under_way_of(caller, share).is_none();
        if !has_its_share && state.is_available_for(class) && !state.is_awaited(class, self.caller_percent) {
            state.let_in(class, caller);
            return Place::Free(self.permit(class, caller.clone(), now));
        }
        let full = if has_its_share { Full::Share } else { Full::All };
        let under_way = state.under_way;
        state.limit.saw(under_way);
        let queue = &mut state.queues[class as usize];
        queue.tidy();
        let free = self.most.saturating_mul(class.queue_factor()).saturating_sub(queue.len());
        let may_wait = caller.is_unauthenticated() || share.allows(queue.of(caller), 1, free);
        if free == 0 || !may_wait {
            return Place::None(if free == 0 { full } else { Full::Share });
        }
        let patience = class.patience(queue.stands(caller, now));
        let (grant, granted) = oneshot::channel();
        queue.push(caller.clone(), grant, now);
        drop(state);
        // A place may have become free while no call was waiting.
        self.hand_out();
        Place::Queued(granted, now + patience, full)
    }

    /// Gives free places to waiting calls.
    fn hand_out(self: &Arc<Self>) {
        let mut granted = vec![];
        let mut state = self.lock();
        let now = Instant::now();
        for class in CLASSES {
            while state.is_available_for(class) {
                let mut queue = std::mem::take(&mut state.queues[class as usize]);
                let share = class.share(self.caller_percent);
                let next = queue.next(class.in_order(), now, |caller| state.under_way_of(caller, share));
                state.queues[class as usize] = queue;
                let Some((caller, waiter)) = next else { break };
                state.let_in(class, &caller);
                granted.push((waiter, class, caller));
            }
        }
        drop(state);
        for (waiter, class, caller) in granted {
            // A call that was given up meanwhile drops the permit, which hands its place on.
            drop(waiter.send(self.permit(class, caller, now)));
        }
    }

    fn permit(self: &Arc<Self>, class: Class, caller: CallerId, since: Instant) -> Permit {
        Permit { admission: self.clone(), class, caller, since, served: false }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn limit(&self) -> usize {
        self.lock().limit.now()
    }

    pub(super) fn under_way(&self) -> usize {
        self.lock().under_way
    }

    pub(super) fn waiting(&self) -> usize {
        let mut state = self.lock();
        state.queues.iter_mut().for_each(Queue::tidy);
        state.queues.iter().map(Queue::len).sum()
    }

    pub(super) fn shed(&self, class: Class) -> u64 {
        self.shed[class as usize].load(Ordering::Relaxed)
    }

    pub(super) fn admitted(&self, class: Class) -> u64 {
        self.admitted[class as usize].load(Ordering::Relaxed)
    }
}

enum Place {
    Free(Permit),
    Queued(oneshot::Receiver<Permit>, Instant, Full),
    None(Full),
}

impl Place {
    async fn await_until(self, deadline: Option<Instant>) -> Result<Permit, Full> {
        match self {
            Self::Free(permit) => Ok(permit),
            Self::Queued(granted, end, full) => {
                let granted =
                    tokio::time::timeout_at(deadline.map_or(end, |deadline| end.min(deadline)), granted)
                        .await;
                granted.ok().and_then(Result::ok).ok_or(full)
            }
            Self::None(full) => Err(full),
        }
    }
}

/// A place among the calls under way. Dropping the permit frees the place.
#[derive(Debug)]
pub(super) struct Permit {
    admission: Arc<AdmissionQueue>,
    class: Class,
    caller: CallerId,
    since: Instant,
    served: bool,
}

impl Permit {
    /// Begins to measure the call's time, as its handler starts now.
    pub(super) fn serves(&mut self, now: Instant) {
        self.since = now;
        self.served = true;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.admission.lock();
        state.let_go(self.class, &self.caller);
        // Bulk calls are long by nature, and say nothing about the load.
        if self.served && self.class != Class::Bulk {
            state.limit.ended(self.since, Instant::now());
        }
        let is_awaited = state.queues.iter().any(|queue| queue.len() > 0);
        drop(state);
        if is_awaited {
            self.admission.hand_out();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> CallerId {
        CallerId::unauthenticated()
    }

    fn soon() -> Option<Instant> {
        Some(Instant::now() + Duration::from_secs(60))
    }

    #[tokio::test]
    async fn each_class_has_its_share_and_the_critical_one_all() {
        let admission = AdmissionQueue::new(10, None, 75);
        let mut held = vec![];
        for (class, most) in
            [(Class::Bulk, 5), (Class::Normal, 8), (Class::Opening, 9), (Class::Critical, 10)]
        {
            while admission.under_way() < most {
                held.push(admission.enter(class, &all(), soon()).await.unwrap());
            }
            assert!(admission.enter(class, &all(), Some(Instant::now())).await.is_err());
            assert_eq!(admission.under_way(), most);
        }
        assert_eq!(admission.shed(Class::Normal), 1);
        held.clear();
        assert_eq!((admission.under_way(), admission.waiting()), (0, 0));
    }

    /// Starts a call that waits; it is in the queue when this returns.
    async fn queued(
        admission: &Arc<AdmissionQueue>,
        class: Class,
    ) -> tokio::task::JoinHandle<Result<Permit, Full>> {
        let (admission, before) = (admission.clone(), admission.waiting());
        let waits = admission.clone();
        let waiting = tokio::spawn(async move { waits.enter(class, &all(), soon()).await });
        while admission.waiting() == before {
            tokio::task::yield_now().await;
        }
        waiting
    }

    #[tokio::test]
    async fn the_more_important_goes_first_and_one_that_went_away_keeps_no_place() {
        let admission = AdmissionQueue::new(1, None, 75);
        let held = admission.enter(Class::Critical, &all(), soon()).await.unwrap();
        let normal = queued(&admission, Class::Normal).await;
        let gone = queued(&admission, Class::Critical).await;
        let critical = queued(&admission, Class::Critical).await;
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
        assert_eq!(admission.waiting(), 2);
        drop(held);
        let first = critical.await.unwrap().unwrap();
        assert_eq!(admission.waiting(), 1);
        drop(first);
        drop(normal.await.unwrap().unwrap());
        assert_eq!((admission.under_way(), admission.waiting()), (0, 0));
    }

    #[tokio::test]
    async fn one_caller_takes_neither_all_places_nor_a_whole_queue() {
        let admission = AdmissionQueue::new(100, None, 75);
        let (much, little) = (CallerId::of_subject("much"), CallerId::of_subject("little"));
        let mut held = vec![];
        for _ in 0..75 {
            held.push(admission.enter(Class::Critical, &much, soon()).await.unwrap());
        }
        let refused = admission.enter(Class::Normal, &much, Some(Instant::now())).await;
        assert_eq!(refused.err(), Some(Full::Share));
        let waits = |_| {
            let (admission, much) = (admission.clone(), much.clone());
            tokio::spawn(async move { admission.enter(Class::Normal, &much, soon()).await })
        };
        let waiting: Vec<_> = (0..200).map(waits).collect();
        while admission.waiting() < 75 {
            tokio::task::yield_now().await;
        }
        assert_eq!(admission.waiting(), 75, "the others of them are refused at once");
        for _ in 0..4 {
            held.push(admission.enter(Class::Normal, &little, Some(Instant::now())).await.unwrap());
        }
        assert!(admission.enter(Class::Critical, &little, soon()).await.is_ok(), "critical calls find more");
        for entered in waiting {
            assert_eq!(entered.await.unwrap().err(), Some(Full::Share));
        }
        held.clear();
        assert_eq!((admission.under_way(), admission.waiting(), admission.lock().by_caller.len()), (0, 0, 0));
    }

    #[tokio::test]
    async fn streams_that_open_wait_for_each_other_and_leave_is_available_for_calls() {
        let admission = AdmissionQueue::new(20, None, 75);
        let mut streams = vec![];
        for _ in 0..5 {
            streams.push(admission.enter(Class::Opening, &all(), soon()).await.unwrap());
        }
        let more = queued(&admission, Class::Opening).await;
        let _call = admission.enter(Class::Normal, &all(), soon()).await.unwrap();
        assert!(!more.is_finished());
        streams.pop();
        assert!(more.await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn whoever_waits_too_long_is_sent_away() {
        let admission = AdmissionQueue::new(1, None, 75);
        let held = admission.enter(Class::Critical, &all(), soon()).await.unwrap();
        let start = Instant::now();
        assert!(admission.enter(Class::Normal, &all(), soon()).await.is_err());
        assert!(start.elapsed() >= Class::Normal.patience(false));
        assert!(
            admission.enter(Class::Critical, &all(), Some(Instant::now())).await.is_err(),
            "its deadline is over"
        );
        drop(held);
        assert_eq!((admission.under_way(), admission.waiting()), (0, 0));
    }
}
