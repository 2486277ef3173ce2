//! The calls of one class that wait to be admitted, by caller.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use segue_core::CallerId;
use tokio::{sync::oneshot, time::Instant};

/// A queue that has not been empty for so long stands.
const STANDING: Duration = Duration::from_millis(100);

/// Those who wait. Among callers, whoever has fewest calls under way goes first; of one caller the oldest, or the newest when it has been
/// waiting for long.
#[derive(Debug)]
pub(super) struct Queue<T> {
    lines: HashMap<CallerId, Line<T>>,
    arrived: u64,
}

/// Those who wait of one caller.
#[derive(Debug)]
struct Line<T> {
    waiting: VecDeque<Waiter<T>>,
    /// Since when somebody has been waiting.
    busy_since: Instant,
}

#[derive(Debug)]
struct Waiter<T> {
    number: u64,
    grant: oneshot::Sender<T>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { lines: HashMap::new(), arrived: 0 }
    }
}

impl<T> Queue<T> {
    pub(super) fn len(&self) -> usize {
        self.lines.values().map(|line| line.waiting.len()).sum()
    }

    /// How many of a caller wait.
    pub(super) fn of(&self, caller: &CallerId) -> usize {
        self.lines.get(caller).map_or(0, |line| line.waiting.len())
    }

    /// Whether somebody of a caller has been waiting for long: another's line is no reason to wait for less.
    pub(super) fn stands(&self, caller: &CallerId, now: Instant) -> bool {
        self.lines.get(caller).is_some_and(|line| line.stands(now))
    }

    /// Whether one of these callers waits.
    pub(super) fn any(&self, may: impl Fn(&CallerId) -> bool) -> bool {
        self.lines.keys().any(may)
    }

    pub(super) fn push(&mut self, caller: CallerId, grant: oneshot::Sender<T>, now: Instant) {
        self.arrived += 1;
        let new = || Line { waiting: VecDeque::new(), busy_since: now };
        let line = self.lines.entry(caller).or_insert_with(new);
        line.waiting.push_back(Waiter { number: self.arrived, grant });
    }

    /// Forgets who has gone away.
    pub(super) fn tidy(&mut self) {
        self.lines.retain(|_, Line { waiting, .. }| {
            if waiting.iter().any(|waiter| waiter.grant.is_closed()) {
                waiting.retain(|waiter| !waiter.grant.is_closed());
            }
            !waiting.is_empty()
        });
    }

    /// Takes out who is next; `under_way` tells how many calls a caller has, and none for one who may not have another.
    pub(super) fn next(
        &mut self,
        in_order: bool,
        now: Instant,
        under_way: impl Fn(&CallerId) -> Option<usize>,
    ) -> Option<(CallerId, oneshot::Sender<T>)> {
        loop {
            let caller = self.next_caller(&under_way)?;
            let line = self.lines.get_mut(&caller)?;
            let newest_first = !in_order && line.stands(now);
            let next = if newest_first { line.waiting.pop_back() } else { line.waiting.pop_front() };
            if line.waiting.is_empty() {
                self.lines.remove(&caller);
            }
            match next {
                Some(gone) if gone.grant.is_closed() => {}
                next => return next.map(|waiter| (caller, waiter.grant)),
            }
        }
    }

    fn next_caller(&self, under_way: impl Fn(&CallerId) -> Option<usize>) -> Option<CallerId> {
        let lines = self
            .lines
            .iter()
            .filter_map(|(caller, line)| Some(((under_way(caller)?, line.waiting.front()?.number), caller)));
        lines.min_by_key(|(turn, _)| *turn).map(|(_, caller)| caller.clone())
    }
}

impl<T> Line<T> {
    fn stands(&self, now: Instant) -> bool {
        now - self.busy_since > STANDING
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot::error::TryRecvError;

    use super::*;

    fn caller(name: &str) -> CallerId {
        CallerId::of_subject(name)
    }

    /// Which of those who wait is next.
    fn next(
        waiting: &[&str],
        in_order: bool,
        waited: Duration,
        under_way: impl Fn(&CallerId) -> Option<usize>,
    ) -> usize {
        let (mut queue, mut granted, now) = (Queue::<()>::default(), vec![], Instant::now());
        for name in waiting {
            let (grant, wait) = oneshot::channel();
            queue.push(caller(name), grant, now);
            granted.push(wait);
        }
        drop(queue.next(in_order, now + waited, under_way));
        let is_next = |wait: &mut oneshot::Receiver<()>| matches!(wait.try_recv(), Err(TryRecvError::Closed));
        granted.iter_mut().position(is_next).unwrap_or(waiting.len())
    }

    #[test]
    fn of_one_caller_the_oldest_goes_first_and_the_newest_when_the_line_stands() {
        let long = STANDING * 2;
        assert_eq!(next(&["a", "a", "a"], false, STANDING, |_| Some(7)), 0);
        assert_eq!(next(&["a", "a", "a"], false, long, |_| Some(7)), 2);
        assert_eq!(next(&["a", "a", "a"], true, long, |_| Some(7)), 0, "none may be passed by");
        assert_eq!(next(&["a", "b", "b"], true, long, |_| Some(7)), 0);
    }

    #[test]
    fn who_has_fewest_calls_goes_first_and_who_has_its_share_not_at_all() {
        let a_has_more = |who: &CallerId| Some(if *who == caller("a") { 7 } else { 1 });
        assert_eq!(next(&["a", "a", "b"], true, STANDING, a_has_more), 2);
        let a_has_its_share = |who: &CallerId| (*who != caller("a")).then_some(9);
        assert_eq!(next(&["a", "a", "b"], true, STANDING, a_has_its_share), 2);
        assert_eq!(next(&["a", "a"], true, STANDING, a_has_its_share), 2, "nobody");
    }

    #[test]
    fn a_line_stands_when_somebody_has_been_waiting_for_long() {
        let (mut queue, now) = (Queue::<()>::default(), Instant::now());
        let (grant, wait) = oneshot::channel();
        queue.push(caller("a"), grant, now);
        assert!(
            !queue.stands(&caller("a"), now + STANDING) && queue.stands(&caller("a"), now + STANDING * 2)
        );
        assert!(!queue.stands(&caller("b"), now + STANDING * 2));
        drop(wait);
        queue.tidy();
        assert!(!queue.stands(&caller("a"), now + STANDING * 2) && queue.len() == 0);
    }
}
