//! All platforms, work profiles and definitions of features in memory, so that a choice reads one number from the database and not all of them.
//!
//! Every change of them counts a version up in its own transaction. A choice asks for the version and, if what is in
//! memory is older, reads all again; so replicas agree as soon as a change is committed.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use segue_proto::selector::v1::Platform as PlatformMessage;
use segue_runtime::Fields;
use segue_store::{Conn, StoreError};
use tokio::sync::Mutex;

use crate::{
    domain::{selection::Platforms, vocabulary::Vocabulary, work::Terms},
    store, wire,
};

/// Rows read at a time.
const CHUNK: i64 = 1000;

/// What is in memory, kept up to date.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    newest: RwLock<Arc<Snapshot>>,
    /// Lets one caller read while those who come meanwhile wait for it.
    reading: Mutex<()>,
}

/// One state of platforms and work profiles.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    /// 0, which no database has, for nothing read yet.
    version: i64,
    pub(crate) platforms: Platforms,
    pub(crate) messages: BTreeMap<String, PlatformMessage>,
    pub(crate) profiles: BTreeMap<String, Profile>,
    pub(crate) vocabulary: Vocabulary,
}

/// A work profile.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    pub(crate) terms: Terms,
    pub(crate) version: i64,
}

impl Catalog {
    /// The newest committed state, or one that is newer still.
    pub(crate) async fn current(&self, conn: &mut Conn) -> Result<Arc<Snapshot>, StoreError> {
        let version = store::catalog_version(conn).await?;
        self.since(conn, version).await
    }

    /// A committed state that is at least as new as a version that was read.
    pub(crate) async fn since(&self, conn: &mut Conn, version: i64) -> Result<Arc<Snapshot>, StoreError> {
        if let Some(snapshot) = self.at_least(version) {
            return Ok(snapshot);
        }
        let _reading = self.reading.lock().await;
        if let Some(snapshot) = self.at_least(version) {
            return Ok(snapshot);
        }
        // The version is read before the rows. They may be newer than it says, which only means reading them again.
        let version = store::catalog_version(conn).await?;
        let snapshot = Arc::new(Snapshot::read(conn, version).await?);
        *self.newest.write().unwrap_or_else(PoisonError::into_inner) = snapshot.clone();
        Ok(snapshot)
    }

    fn at_least(&self, version: i64) -> Option<Arc<Snapshot>> {
        let newest = self.newest.read().unwrap_or_else(PoisonError::into_inner);
        (newest.version >= version).then(|| newest.clone())
    }
}

impl Snapshot {
    /// Reads all, as it is now.
    pub(crate) async fn read(conn: &mut Conn, version: i64) -> Result<Self, StoreError> {
        let vocabulary = store::features::vocabulary(conn).await?;
        let mut snapshot = Self { version, vocabulary, ..Self::default() };
        let mut after = String::new();
        loop {
            let chunk = store::platforms::list(conn, &after, CHUNK).await?;
            let Some(last) = chunk.last() else { break };
            after.clone_from(&last.id);
            for mut message in chunk {
                // For those who administer, and not for those who select.
                message.proposed_adapter_change = None;
                let mut fields = Fields::new();
                let platform = wire::platform::parse(&mut fields, "platform", &message);
                valid(&fields, &message.id)?;
                snapshot.platforms.insert(message.id.clone(), platform);
                snapshot.messages.insert(message.id.clone(), message);
            }
        }
        after.clear();
        loop {
            let chunk = store::profiles::list(conn, &after, CHUNK).await?;
            let Some(last) = chunk.last() else { break };
            after.clone_from(&last.id);
            for message in chunk {
                let mut fields = Fields::new();
                let terms = wire::profile::parse(&mut fields, "work_profile", &message);
                valid(&fields, &message.id)?;
                let profile = Profile { terms, version: message.version };
                snapshot.profiles.insert(message.id, profile);
            }
        }
        tracing::debug!(version, platforms = snapshot.platforms.len(), "read platforms and work profiles");
        Ok(snapshot)
    }
}

/// What was stored has been checked before, so this fails only if the rules were tightened. Leaving such a platform out
/// would silently choose others.
fn valid(fields: &Fields, id: &str) -> Result<(), StoreError> {
    match fields.first() {
        None => Ok(()),
        Some((field, description)) => {
            tracing::error!(id, field, description, "a stored platform or work profile is no longer valid");
            Err(StoreError::Failed)
        }
    }
}
