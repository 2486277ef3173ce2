use std::{collections::HashSet, time::Duration};

use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

use super::{Asked, Decider, Item, Look};

/// How long a turn waits for as many commands as the last turns had, rounded up to the next tick of a millisecond. A turn costs several
/// times as much, however few they are.
const GATHERING: Duration = Duration::from_millis(1);

/// What waits for a decider.
pub(crate) struct Queue<D: Decider> {
    items: mpsc::Receiver<Item<D>>,
    /// Most commands in a batch.
    pub most: usize,
    /// Commands that were received.
    pub asked: Vec<Asked<D>>,
    /// Looks that were received.
    pub looks: Vec<Look<D>>,
    /// How many commands come together, by the last batches.
    usual: usize,
}

impl<D: Decider> Queue<D> {
    pub(crate) fn new(items: mpsc::Receiver<Item<D>>, most: usize) -> Self {
        Self { items, most, asked: vec![], looks: vec![], usual: 1 }
    }

    /// Whether nothing was received that waits.
    pub(super) fn is_empty(&self) -> bool {
        self.asked.is_empty() && self.looks.is_empty()
    }

    /// Waits until something is received that waits. Answers whether there will ever be something.
    pub(super) async fn receive(&mut self) -> bool {
        if self.is_empty() {
            match self.items.recv().await {
                Some(item) => self.take(item),
                None => return false,
            }
        }
        true
    }

    /// Waits for a moment for as many commands as usually come together: those who were just answered often ask again. A caller alone
    /// is not kept waiting.
    pub(super) async fn gather(&mut self) {
        let until = Instant::now() + GATHERING;
        while !self.asked.is_empty()
            && self.asked.len() < self.usual
            && let Ok(Some(item)) = timeout_at(until, self.items.recv()).await
        {
            self.take(item);
        }
        // What is read of the database serves all looks that have come before; each alone would wait for a statement of its own.
        while self.asked.len() < self.most
            && self.looks.len() < self.most
            && let Ok(item) = self.items.try_recv()
        {
            self.take(item);
        }
    }

    /// Takes all commands that have come.
    pub(super) fn take_asked(&mut self) -> Vec<Asked<D>> {
        while let Ok(item) = self.items.try_recv() {
            self.take(item);
        }
        std::mem::take(&mut self.asked)
    }

    /// Notes how many commands a batch had.
    pub(super) fn note(&mut self, commands: usize) {
        self.usual = commands.max(self.usual * 7 / 8);
    }

    /// Adds to a batch what waits, but for requests that it has: they are decided one after the other. What is received and waits stays
    /// bounded, however often one request is made.
    pub(super) fn join(&mut self, batch: &mut Vec<Asked<D>>) {
        while self.asked.len() < self.most
            && let Ok(item) = self.items.try_recv()
        {
            self.take(item);
        }
        let mut names: HashSet<String> = batch.iter().map(|one| one.name().to_owned()).collect();
        let mut room = self.most.saturating_sub(batch.len());
        let joins = |one: &mut Asked<D>| {
            let is_first = one.key.is_none() || !names.contains(one.name());
            if room == 0 || !is_first {
                return false;
            }
            names.insert(one.name().to_owned());
            room -= 1;
            true
        };
        batch.extend(self.asked.extract_if(.., joins));
    }

    fn take(&mut self, item: Item<D>) {
        match item {
            Item::Ask(asked) => self.asked.push(asked),
            Item::Look(look) => self.looks.push(look),
        }
    }
}
