//! Who is let in, who waits, and who is sent away.
//!
//! Each class may use a share of the limit, the critical one all of it: what is left over by the others is always free for
//! it. Whoever finds no place waits for a moment, the more important first. A queue that never gets empty helps nobody: then
//! the newest are served first, whose callers are most likely still there, and the others wait for less (controlled delay,
//! after Nichols and Jacobson, in the form that Facebook's servers use). Not so redemptions and streams: none of them may be
//! passed by until its customer gives up.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::oneshot, time::Instant};

use super::limit::Limit;
use crate::methods::Class;

pub(super) const CLASSES: [Class; 4] = [Class::Critical, Class::Opening, Class::Normal, Class::Bulk];
/// A queue that has not been empty for so long stands.
const STANDING: Duration = Duration::from_millis(100);

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

    /// All of them are to be served, so none may be passed by.
    fn in_order(self) -> bool {
        matches!(self, Self::Critical | Self::Opening)
    }
}

/// The gate before a service.
#[derive(Debug)]
pub(super) struct Gate {
    most: usize,
    state: Mutex<State>,
    shed: [AtomicU64; 4],
    admitted: [AtomicU64; 4],
}

#[derive(Debug)]
struct State {
    under_way: usize,
    of_class: [usize; 4],
    limit: Limit,
    queues: [Queue; 4],
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<oneshot::Sender<Permit>>,
    /// Since when somebody has been waiting.
    busy_since: Option<Instant>,
}

impl Queue {
    fn stands(&self, now: Instant) -> bool {
        self.busy_since.is_some_and(|since| now - since > STANDING)
    }

    /// Forgets who has gone away.
    fn tidy(&mut self) {
        if self.waiting.iter().any(oneshot::Sender::is_closed) {
            self.waiting.retain(|waiter| !waiter.is_closed());
        }
        if self.waiting.is_empty() {
            self.busy_since = None;
        }
    }

    fn next(&mut self, class: Class, now: Instant) -> Option<oneshot::Sender<Permit>> {
        let newest_first = !class.in_order() && self.stands(now);
        loop {
            let next = if newest_first { self.waiting.pop_back() } else { self.waiting.pop_front() };
            if self.waiting.is_empty() {
                self.busy_since = None;
            }
            match next {
                Some(gone) if gone.is_closed() => {}
                next => return next,
            }
        }
    }
}

impl State {
    fn room_for(&self, class: Class) -> bool {
        let limit = self.limit.now();
        // One place there is always.
        self.under_way * 100 < (limit * class.share_percent()).max(100)
            && self.of_class[class as usize] * 100 < (limit * class.own_percent()).max(100)
    }

    fn let_in(&mut self, class: Class) {
        self.under_way += 1;
        self.of_class[class as usize] += 1;
        self.limit.saw(self.under_way);
    }

    /// Somebody of this class, or of one before it, waits for a place that there is.
    fn is_awaited(&self, class: Class) -> bool {
        let waits = |class: &Class| !self.queues[*class as usize].waiting.is_empty() && self.room_for(*class);
        CLASSES[..=class as usize].iter().any(waits)
    }
}

impl Gate {
    pub(super) fn new(most: usize, target: Option<Duration>) -> Arc<Self> {
        let limit = Limit::new(most, target, Instant::now());
        let state = State { under_way: 0, of_class: [0; 4], limit, queues: Default::default() };
        Arc::new(Self {
            most,
            state: Mutex::new(state),
            shed: Default::default(),
            admitted: Default::default(),
        })
    }

    /// Waits for a place; none when it's not to be had in time.
    pub(super) async fn enter(self: &Arc<Self>, class: Class, deadline: Instant) -> Option<Permit> {
        let entered = self.place(class).await_until(deadline).await;
        let counters = if entered.is_some() { &self.admitted } else { &self.shed };
        counters[class as usize].fetch_add(1, Ordering::Relaxed);
        entered
    }

    fn place(self: &Arc<Self>, class: Class) -> Place {
        let now = Instant::now();
        let mut state = self.lock();
        if state.room_for(class) && !state.is_awaited(class) {
            state.let_in(class);
            return Place::Free(self.permit(class, now));
        }
        let under_way = state.under_way;
        state.limit.saw(under_way);
        let queue = &mut state.queues[class as usize];
        queue.tidy();
        if queue.waiting.len() >= self.most.saturating_mul(class.queue_factor()) {
            return Place::None;
        }
        let patience = class.patience(queue.stands(now));
        queue.busy_since.get_or_insert(now);
        let (grant, granted) = oneshot::channel();
        queue.waiting.push_back(grant);
        drop(state);
        // Somebody may have left a place that nobody was waiting for.
        self.hand_out();
        Place::Queued(granted, now + patience)
    }

    /// Gives free places to those who wait.
    fn hand_out(self: &Arc<Self>) {
        let mut granted = vec![];
        let mut state = self.lock();
        let now = Instant::now();
        for class in CLASSES {
            while state.room_for(class) {
                let Some(waiter) = state.queues[class as usize].next(class, now) else { break };
                state.let_in(class);
                granted.push((waiter, class));
            }
        }
        drop(state);
        for (waiter, class) in granted {
            // Who has gone away in between drops the permit, which hands its place on.
            drop(waiter.send(self.permit(class, now)));
        }
    }

    fn permit(self: &Arc<Self>, class: Class, since: Instant) -> Permit {
        Permit { gate: self.clone(), class, since, served: false }
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
        state.queues.iter().map(|queue| queue.waiting.len()).sum()
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
    Queued(oneshot::Receiver<Permit>, Instant),
    None,
}

impl Place {
    async fn await_until(self, deadline: Instant) -> Option<Permit> {
        match self {
            Self::Free(permit) => Some(permit),
            Self::Queued(granted, end) => {
                tokio::time::timeout_at(end.min(deadline), granted).await.ok()?.ok()
            }
            Self::None => None,
        }
    }
}

/// A place. It is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    gate: Arc<Gate>,
    class: Class,
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
        state.under_way -= 1;
        state.of_class[self.class as usize] -= 1;
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
    use tokio::sync::oneshot::error::TryRecvError;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[tokio::test]
    async fn each_class_has_its_share_and_the_critical_one_all() {
        let gate = Gate::new(10, None);
        let mut held = vec![];
        for (class, most) in
            [(Class::Bulk, 5), (Class::Normal, 8), (Class::Opening, 9), (Class::Critical, 10)]
        {
            while gate.under_way() < most {
                held.push(gate.enter(class, soon()).await.unwrap());
            }
            assert!(gate.enter(class, Instant::now() + Duration::from_millis(5)).await.is_none());
            assert_eq!(gate.under_way(), most);
        }
        assert_eq!(gate.shed(Class::Normal), 1);
        held.clear();
        assert_eq!((gate.under_way(), gate.waiting()), (0, 0));
    }

    /// Waits at the gate, and is in the queue when this returns.
    async fn queued(gate: &Arc<Gate>, class: Class) -> tokio::task::JoinHandle<Option<Permit>> {
        let (gate, before) = (gate.clone(), gate.waiting());
        let waits = gate.clone();
        let waiting = tokio::spawn(async move { waits.enter(class, soon()).await });
        while gate.waiting() == before {
            tokio::task::yield_now().await;
        }
        waiting
    }

    #[tokio::test]
    async fn the_more_important_goes_first_and_one_that_went_away_keeps_no_place() {
        let gate = Gate::new(1, None);
        let held = gate.enter(Class::Critical, soon()).await.unwrap();
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

    /// Which of three that wait is next: the first, the second or the third.
    fn next_of_three(class: Class, waited: Duration) -> Option<usize> {
        let since = Instant::now();
        let (waiting, mut granted): (VecDeque<_>, Vec<_>) = (0..3).map(|_| oneshot::channel()).unzip();
        let mut queue = Queue { waiting, busy_since: Some(since) };
        drop(queue.next(class, since + waited));
        granted.iter_mut().position(|granted| matches!(granted.try_recv(), Err(TryRecvError::Closed)))
    }

    #[test]
    fn a_standing_queue_serves_the_newest_first() {
        for (class, standing) in
            [(Class::Critical, 0), (Class::Opening, 0), (Class::Normal, 2), (Class::Bulk, 2)]
        {
            assert_eq!(next_of_three(class, STANDING), Some(0));
            assert_eq!(next_of_three(class, STANDING * 2), Some(standing), "{class:?}");
        }
    }

    #[tokio::test]
    async fn streams_that_open_wait_for_each_other_and_leave_room_for_calls() {
        let gate = Gate::new(20, None);
        let mut streams = vec![];
        for _ in 0..5 {
            streams.push(gate.enter(Class::Opening, soon()).await.unwrap());
        }
        let more = queued(&gate, Class::Opening).await;
        let _call = gate.enter(Class::Normal, soon()).await.unwrap();
        assert!(!more.is_finished());
        streams.pop();
        assert!(more.await.unwrap().is_some());
    }

    #[tokio::test]
    async fn whoever_waits_too_long_is_sent_away() {
        let gate = Gate::new(1, None);
        let held = gate.enter(Class::Critical, soon()).await.unwrap();
        let start = Instant::now();
        assert!(gate.enter(Class::Normal, soon()).await.is_none());
        assert!(start.elapsed() >= Class::Normal.patience(false));
        assert!(gate.enter(Class::Critical, Instant::now()).await.is_none(), "its deadline is over");
        drop(held);
        assert_eq!((gate.under_way(), gate.waiting()), (0, 0));
    }
}
