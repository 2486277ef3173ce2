//! Who is let in, who waits, and who is sent away.
//!
//! Each class may use a share of the limit, the critical one all of it: what is left over by the others is always free for
//! it. Whoever finds no place waits for a moment, the more important first. A queue that never gets empty helps nobody: then
//! the newest are served first, whose callers are most likely still there, and the others wait for less (controlled delay,
//! after Nichols and Jacobson, in the form that Facebook's servers use). Not so redemptions and streams: none of them may be
//! passed by until its customer gives up.
//!
//! Where callers are told apart, one of them may neither have all places nor fill a queue (`caller_percent`), and among those who wait
//! whoever has fewest calls under way goes first.

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
    /// It is let in while less than this part of the limit is used by anybody, in percent.
    fn share_percent(self) -> usize {
        match self {
            Self::Critical => 100,
            Self::Opening => 90,
            Self::Normal => 80,
            Self::Bulk => 50,
        }
    }

    /// The part of the limit that it may use itself, in percent.
    fn own_percent(self) -> usize {
        match self {
            // Else nothing but streams would be opened while there are many.
            Self::Opening => 25,
            _ => 100,
        }
    }

    /// How long a call waits for its turn at most, in good times and while the queue stands.
    fn patience(self, standing: bool) -> Duration {
        Duration::from_millis(match (self, standing) {
            // In the end as long as its caller waits: it is let in before all others.
            (Self::Critical, _) => 10_000,
            // Desks come back within the time that their agents' leases last.
            (Self::Opening, _) => 30_000,
            (Self::Normal, false) => 250,
            (Self::Normal, true) => 50,
            (Self::Bulk, false) => 100,
            (Self::Bulk, true) => 20,
        })
    }

    /// How many may wait, as a multiple of the limit: it bounds the memory.
    fn queue_factor(self) -> usize {
        match self {
            Self::Critical => 4,
            // They have taken one of the places of streams before they wait.
            Self::Opening => usize::MAX,
            Self::Normal | Self::Bulk => 1,
        }
    }

    /// Of what is kept for critical calls, half is within the share of a caller who has used its own up with others.
    fn share(self, percent: usize) -> Share {
        match self {
            Self::Critical => Share::Percent(percent.midpoint(100)),
            Self::Opening | Self::Normal | Self::Bulk => Share::Percent(percent),
        }
    }

    /// All of them are to be served, so none may be passed by.
    fn in_order(self) -> bool {
        matches!(self, Self::Critical | Self::Opening)
    }
}

/// The gate before a service.
#[derive(Debug)]
pub(super) struct Gate {
    most: usize,
    /// What a caller may have of the places, and of each queue, in percent.
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
    fn room_for(&self, class: Class) -> bool {
        let limit = self.limit.now();
        // One place there is always.
        self.under_way * 100 < (limit * class.share_percent()).max(100)
            && self.of_class[class as usize] * 100 < (limit * class.own_percent()).max(100)
    }

    /// How many calls a caller has under way; none when it may not have another. Where callers are not told apart, they have no share.
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

    /// Somebody of this class, or of one before it, waits for a place that there is.
    fn is_awaited(&self, class: Class, caller_percent: usize) -> bool {
        let waits = |class: &Class| {
            self.room_for(*class)
                && self.queues[*class as usize]
                    .any(|caller| self.under_way_of(caller, class.share(caller_percent)).is_some())
        };
        CLASSES[..=class as usize].iter().any(waits)
    }
}

impl Gate {
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

    /// Waits for a place; else tells why there was none in time.
    pub(super) async fn enter(
        self: &Arc<Self>,
        class: Class,
        caller: &CallerId,
        deadline: Instant,
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
        if !has_its_share && state.room_for(class) && !state.is_awaited(class, self.caller_percent) {
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
        // Somebody may have left a place that nobody was waiting for.
        self.hand_out();
        Place::Queued(granted, now + patience, full)
    }

    /// Gives free places to those who wait.
    fn hand_out(self: &Arc<Self>) {
        let mut granted = vec![];
        let mut state = self.lock();
        let now = Instant::now();
        for class in CLASSES {
            while state.room_for(class) {
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
            // Who has gone away in between drops the permit, which hands its place on.
            drop(waiter.send(self.permit(class, caller, now)));
        }
    }

    fn permit(self: &Arc<Self>, class: Class, caller: CallerId, since: Instant) -> Permit {
        Permit { gate: self.clone(), class, caller, since, served: false }
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
    async fn await_until(self, deadline: Instant) -> Result<Permit, Full> {
        match self {
            Self::Free(permit) => Ok(permit),
            Self::Queued(granted, end, full) => {
                let granted = tokio::time::timeout_at(end.min(deadline), granted).await;
                granted.ok().and_then(Result::ok).ok_or(full)
            }
            Self::None(full) => Err(full),
        }
    }
}

/// A place. It is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    gate: Arc<Gate>,
    class: Class,
    caller: CallerId,
    since: Instant,
    served: bool,
}

impl Permit {
    /// Its call has really begun, so that its time counts.
    pub(super) fn serves(&mut self) {
        self.since = Instant::now();
        self.served = true;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.gate.lock();
        state.let_go(self.class, &self.caller);
        // Bulk calls may be long by nature.
        if self.served && self.class != Class::Bulk {
            state.limit.ended(self.since, Instant::now());
        }
        drop(state);
        self.gate.hand_out();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> CallerId {
        CallerId::unauthenticated()
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[tokio::test]
    async fn each_class_has_its_share_and_the_critical_one_all() {
        let gate = Gate::new(10, None, 75);
        let mut held = vec![];
        for (class, most) in
            [(Class::Bulk, 5), (Class::Normal, 8), (Class::Opening, 9), (Class::Critical, 10)]
        {
            while gate.under_way() < most {
                held.push(gate.enter(class, &all(), soon()).await.unwrap());
            }
            assert!(gate.enter(class, &all(), Instant::now() + Duration::from_millis(5)).await.is_err());
            assert_eq!(gate.under_way(), most);
        }
        assert_eq!(gate.shed(Class::Normal), 1);
        held.clear();
        assert_eq!((gate.under_way(), gate.waiting()), (0, 0));
    }

    /// Waits at the gate, and is in the queue when this returns.
    async fn queued(gate: &Arc<Gate>, class: Class) -> tokio::task::JoinHandle<Result<Permit, Full>> {
        let (gate, before) = (gate.clone(), gate.waiting());
        let waits = gate.clone();
        let waiting = tokio::spawn(async move { waits.enter(class, &all(), soon()).await });
        while gate.waiting() == before {
            tokio::task::yield_now().await;
        }
        waiting
    }

    #[tokio::test]
    async fn the_more_important_goes_first_and_one_that_went_away_keeps_no_place() {
        let gate = Gate::new(1, None, 75);
        let held = gate.enter(Class::Critical, &all(), soon()).await.unwrap();
        let normal = queued(&gate, Class::Normal).await;
        let gone = queued(&gate, Class::Critical).await;
        let critical = queued(&gate, Class::Critical).await;
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
        assert_eq!(gate.waiting(), 2);
        drop(held);
        let first = critical.await.unwrap().unwrap();
        assert_eq!(gate.waiting(), 1);
        drop(first);
        drop(normal.await.unwrap().unwrap());
        assert_eq!((gate.under_way(), gate.waiting()), (0, 0));
    }

    #[tokio::test]
    async fn one_caller_takes_neither_all_places_nor_a_whole_queue() {
        let gate = Gate::new(100, None, 75);
        let (much, little) = (CallerId::of_subject("much"), CallerId::of_subject("little"));
        let mut held = vec![];
        for _ in 0..75 {
            held.push(gate.enter(Class::Critical, &much, soon()).await.unwrap());
        }
        let refused = gate.enter(Class::Normal, &much, Instant::now() + Duration::from_millis(5)).await;
        assert_eq!(refused.err(), Some(Full::Share));
        let waits = |_| {
            let (gate, much) = (gate.clone(), much.clone());
            tokio::spawn(async move { gate.enter(Class::Normal, &much, soon()).await })
        };
        let waiting: Vec<_> = (0..200).map(waits).collect();
        while gate.waiting() < 75 {
            tokio::task::yield_now().await;
        }
        assert_eq!(gate.waiting(), 75, "the others of them are refused at once");
        for _ in 0..4 {
            held.push(gate.enter(Class::Normal, &little, Instant::now()).await.unwrap());
        }
        assert!(gate.enter(Class::Critical, &little, soon()).await.is_ok(), "critical calls find more");
        for entered in waiting {
            assert_eq!(entered.await.unwrap().err(), Some(Full::Share));
        }
        held.clear();
        assert_eq!((gate.under_way(), gate.waiting(), gate.lock().by_caller.len()), (0, 0, 0));
    }

    #[tokio::test]
    async fn streams_that_open_wait_for_each_other_and_leave_room_for_calls() {
        let gate = Gate::new(20, None, 75);
        let mut streams = vec![];
        for _ in 0..5 {
            streams.push(gate.enter(Class::Opening, &all(), soon()).await.unwrap());
        }
        let more = queued(&gate, Class::Opening).await;
        let _call = gate.enter(Class::Normal, &all(), soon()).await.unwrap();
        assert!(!more.is_finished());
        streams.pop();
        assert!(more.await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn whoever_waits_too_long_is_sent_away() {
        let gate = Gate::new(1, None, 75);
        let held = gate.enter(Class::Critical, &all(), soon()).await.unwrap();
        let start = Instant::now();
        assert!(gate.enter(Class::Normal, &all(), soon()).await.is_err());
        assert!(start.elapsed() >= Class::Normal.patience(false));
        assert!(gate.enter(Class::Critical, &all(), Instant::now()).await.is_err(), "its deadline is over");
        drop(held);
        assert_eq!((gate.under_way(), gate.waiting()), (0, 0));
    }
}
