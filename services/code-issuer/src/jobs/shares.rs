//! Places among the calls that the dispatcher makes at a time: no receiver takes more than its share, so that one which doesn't answer
//! holds up nobody else's calls.

use std::{collections::HashMap, sync::Arc};

use parking_lot::{Mutex, MutexGuard};

/// The places that are taken, by receiver.
#[derive(Debug)]
pub(super) struct Shares {
    most: usize,
    taken: Arc<Taken>,
}

#[derive(Debug, Default)]
struct Taken(Mutex<HashMap<String, usize>>);

impl Taken {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.0.lock()
    }
}

/// A place, or none that counts. It is free again when this is dropped.
#[derive(Debug, Default)]
pub(super) struct Share(Option<(Arc<Taken>, String)>);

impl Shares {
    /// So many places for each receiver.
    pub fn new(most: usize) -> Self {
        Self { most, taken: Arc::default() }
    }

    /// A place of the receiver's, or none when all are taken.
    pub fn take(&self, receiver: &str) -> Option<Share> {
        let mut taken = self.taken.lock();
        let places = taken.entry(receiver.to_owned()).or_default();
        if *places >= self.most {
            return None;
        }
        *places += 1;
        Some(Share(Some((self.taken.clone(), receiver.to_owned()))))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let Some((taken, receiver)) = self.0.take() else { return };
        let mut taken = taken.lock();
        if let Some(places) = taken.get_mut(&receiver) {
            *places -= 1;
            if *places == 0 {
                taken.remove(&receiver);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_takes_its_share_and_leaves_others_theirs() {
        let shares = Shares::new(2);
        let held = [shares.take("dead").unwrap(), shares.take("dead").unwrap()];
        assert!(shares.take("dead").is_none());
        assert!(shares.take("alive").is_some());
        drop(held);
        assert!(shares.take("dead").is_some());
        assert!(shares.taken.lock().is_empty(), "nothing is kept of whoever has no call under way");
    }
}
