use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use crate::PageLimits;

/// How much room there is for files. Clones share what is known of it.
#[derive(Debug, Clone)]
pub(crate) struct UploadRoom {
    most: i64,
    most_of_session: i64,
    /// As it was measured, and what was stored here since.
    stored: Arc<AtomicI64>,
}

impl UploadRoom {
    pub(crate) fn new(limits: &PageLimits) -> Self {
        let bytes = |bytes: usize| i64::try_from(bytes).unwrap_or(i64::MAX);
        Self {
            most: bytes(limits.stored_upload_bytes),
            most_of_session: bytes(limits.upload_bytes_per_session),
            stored: Arc::default(),
        }
    }

    /// Whether there is room for so much more.
    pub(crate) fn has(&self, size_bytes: i64) -> bool {
        self.stored.load(Ordering::Relaxed).saturating_add(size_bytes) <= self.most
    }

    /// Most that the files of one conversation may be together.
    pub(crate) fn most_of_session(&self) -> i64 {
        self.most_of_session
    }

    /// So much more was stored.
    pub(crate) fn add(&self, size_bytes: i64) {
        self.stored.fetch_add(size_bytes, Ordering::Relaxed);
    }

    /// So much is stored, as it was measured.
    pub(crate) fn measured(&self, size_bytes: i64) {
        self.stored.store(size_bytes, Ordering::Relaxed);
    }
}
