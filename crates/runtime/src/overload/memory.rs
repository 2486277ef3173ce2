//! How much memory the messages of calls may take, in the process and for each connection.
//!
//! Not all of the memory is for everybody, so that who sends much does not keep out who sends little ([`usable_percent`]).
//!
//! A message is received before its call has a place among those under way, and decoded it takes a multiple of its bytes. Whoever
//! sends many at once is refused when they would take more than a quarter of the memory over one connection, or more than all of it
//! over several. Bytes are charged as they arrive, not as they are announced, so that an announcement costs others nothing.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use super::Load;
use crate::{Refusal, methods::Class};

/// What a byte of a message is charged. An empty message inside another takes two bytes on the wire and up to 80 decoded, a text as
/// many as on the wire; few messages are full of either.
const DECODED_FACTOR: usize = 16;
/// What a call is charged before it has sent anything: its task and its stream.
const CALL_BYTES: usize = 1024;
/// A connection may take one of so many parts of the memory.
const CONNECTION_SHARE: usize = 4;
/// A connection whose calls take at most one of so many parts of the memory sends little.
const LITTLE_SHARE: usize = 256;

/// How much of the memory may be in use after a call has taken some: the rest is kept for connections that send little, and for
/// calls that a customer with a code in hand waits for.
fn usable_percent(class: Class, little: bool) -> usize {
    match (class, little) {
        (Class::Critical, true) => 100,
        (_, true) => 85,
        (Class::Critical, false) => 70,
        (_, false) => 60,
    }
}

/// Bytes that are taken.
#[derive(Debug, Default)]
struct Used(AtomicUsize);

impl Used {
    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: usize, most: usize) -> bool {
        let more = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= most);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// What the calls of a connection take. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConnectionMemory(Arc<Used>);

/// What the calls of a process take, and how much that may be.
#[derive(Debug, Clone)]
pub(super) struct MessageMemory {
    used: Arc<Used>,
    most: usize,
}

impl MessageMemory {
    pub(super) fn new(most: usize) -> Self {
        Self { used: Arc::default(), most }
    }

    pub(super) fn used(&self) -> usize {
        self.used.get()
    }
}

/// The memory that a call takes. It is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    load: Arc<Load>,
    connection: ConnectionMemory,
    class: Class,
    bytes: usize,
}

impl Reservation {
    /// For a call with so many bytes of headers.
    pub(crate) fn begin(
        load: &Arc<Load>,
        connection: ConnectionMemory,
        class: Class,
        header_bytes: usize,
    ) -> Result<Self, Refusal> {
        let mut this = Self { load: load.clone(), connection, class, bytes: 0 };
        this.take(CALL_BYTES + header_bytes)?;
        Ok(this)
    }

    /// Charges bytes of its message, as they have arrived.
    pub(crate) fn received(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.take(bytes.saturating_mul(DECODED_FACTOR))
    }

    fn take(&mut self, bytes: usize) -> Result<(), Refusal> {
        let memory = &self.load.memory;
        let whole = memory.most;
        let little = self.connection.0.get().saturating_add(bytes) <= whole / LITTLE_SHARE;
        let usable = whole / 100 * usable_percent(self.class, little);
        if !self.connection.0.take(bytes, whole / CONNECTION_SHARE) {
            return Err(self.load.overloaded(
                self.class.name(),
                "the calls of this connection send more than is taken at a time",
            ));
        }
        if !memory.used.take(bytes, usable) {
            self.connection.0.give_back(bytes);
            return Err(self.load.overloaded(self.class.name(), "more is sent than is taken at a time"));
        }
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.connection.0.give_back(self.bytes);
        self.load.memory.used.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overload::Limits;

    const WHOLE: usize = 1024 * 1024;

    fn load() -> Arc<Load> {
        Load::new(Limits { message_memory: WHOLE, ..Limits::default() }, false)
    }

    fn begin(load: &Arc<Load>, connection: &ConnectionMemory, class: Class) -> Reservation {
        Reservation::begin(load, connection.clone(), class, 0).unwrap()
    }

    #[test]
    fn a_connection_gets_its_share_and_gives_it_back() {
        let (load, connection) = (load(), ConnectionMemory::default());
        let mut call = begin(&load, &connection, Class::Normal);
        let most = (WHOLE / CONNECTION_SHARE - CALL_BYTES) / DECODED_FACTOR;
        call.received(most).unwrap();
        assert!(call.received(1).is_err());
        assert!(Reservation::begin(&load, connection.clone(), Class::Normal, 0).is_err());
        begin(&load, &ConnectionMemory::default(), Class::Normal).received(most).unwrap();
        drop(call);
        assert_eq!(load.memory.used(), 0);
        begin(&load, &connection, Class::Normal).received(most).unwrap();
    }

    /// Fills the memory over as many connections as it takes, until another is refused.
    fn fill(load: &Arc<Load>) -> Vec<Reservation> {
        let mut calls = vec![];
        loop {
            let mut call = begin(load, &ConnectionMemory::default(), Class::Normal);
            if call.received(WHOLE / CONNECTION_SHARE / DECODED_FACTOR / 2).is_err() {
                return calls;
            }
            calls.push(call);
        }
    }

    #[test]
    fn whoever_sends_much_leaves_some_to_those_who_send_little_and_to_critical_calls() {
        let load = load();
        let calls = fill(&load);
        assert!((WHOLE / 2..WHOLE * 60 / 100).contains(&load.memory.used()), "{}", load.memory.used());
        let mut little = begin(&load, &ConnectionMemory::default(), Class::Normal);
        little.received(100).unwrap();
        assert!(little.received(WHOLE / CONNECTION_SHARE / DECODED_FACTOR / 2).is_err());
        let mut critical = begin(&load, &ConnectionMemory::default(), Class::Critical);
        critical.received(WHOLE / 10 / DECODED_FACTOR).unwrap();
        drop((calls, little, critical));
        assert_eq!(load.memory.used(), 0);
    }
}
