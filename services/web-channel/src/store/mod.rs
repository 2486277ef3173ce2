//! What the reference platform keeps. What people say, who they are and what opens doors is sealed before it gets here.
//!
//! Every change to a conversation first locks its row ([`lock::lock`]), so that entries are numbered in the order
//! of their commits, and a reader who has seen number 7 never misses a 6 that was committed later.

pub(crate) mod cards;
pub(crate) mod entries;
pub(crate) mod lock;
pub(crate) mod sessions;
pub(crate) mod uploads;

use std::fmt;

use segue_core::{KeyRing, Purpose, Random, SharedClock};
use segue_store::{Changes, Database, StoreError};
use serde::{Serialize, de::DeserializeOwned};

pub(crate) use sessions::{NewSession, Session};

use crate::domain::UploadRoom;

/// The database with the keys to what is sealed in it. Cloning is cheap.
#[derive(Clone)]
pub(crate) struct Store {
    db: Database,
    keys: KeyRing,
    random: Random,
    clock: SharedClock,
    room: UploadRoom,
}

impl Store {
    pub(crate) fn new(
        db: Database,
        keys: KeyRing,
        random: Random,
        clock: SharedClock,
        room: UploadRoom,
    ) -> Self {
        Self { db, keys, random, clock, room }
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    pub(crate) fn random(&self) -> &Random {
        &self.random
    }

    pub(crate) fn keys(&self) -> &KeyRing {
        &self.keys
    }

    /// Where decisions are written.
    pub(crate) fn database(&self) -> &Database {
        &self.db
    }

    /// How much room there is for files.
    pub(crate) fn room(&self) -> &UploadRoom {
        &self.room
    }

    /// Wakes readers.
    pub(crate) fn changes(&self) -> Changes {
        self.db.changes()
    }

    /// Seals a value; what it belongs to is part of the seal, so that rows can't be swapped.
    fn seal(&self, context: &str, value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
        let plain = serde_json::to_vec(value).map_err(|_| StoreError::Failed)?;
        self.seal_bytes(context, &plain)
    }

    fn seal_bytes(&self, context: &str, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.keys.seal(context, plain, &self.random).map_err(|_| StoreError::Failed)
    }

    /// Opens a sealed value; none when it is gone, or sealed with a key that is.
    fn open<T: DeserializeOwned>(&self, context: &str, sealed: &[u8]) -> Option<T> {
        serde_json::from_slice(&self.keys.open(context, sealed).ok()?).ok()
    }

    /// What a session's secret key is stored as.
    fn secret_hashes(&self, secret: &str) -> Vec<String> {
        self.keys.hashes(Purpose::Request, &["web-channel session key", secret])
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("db", &self.db).finish_non_exhaustive()
    }
}
