//! All platforms, work profiles and definitions of features in memory, compiled for choosing, so that a choice reads one number of them from
//! the database, with the customer's accounts ([`Lookups`]).
//!
//! Every change of them counts a version up in its own transaction. A choice asks for the version and, if what is in memory is older, reads
//! and compiles all again; so replicas agree as soon as a change is committed.

mod lookups;

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::RwLock;
use prost::Message as _;
use segue_proto::selector::v1::Platform as PlatformMessage;
use segue_runtime::Fields;
use segue_store::{Conn, StoreError};
use tokio::sync::Mutex;

use crate::{
    convert,
    domain::{
        selection::{Compiled, Platforms},
        vocabulary::Vocabulary,
        work::Terms,
    },
    store,
};

pub(crate) use lookups::{Accounts, Lookups};

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
    /// The platforms, for choosing.
    pub(crate) compiled: Compiled,
    /// The ids and addresses of those that are asked for accounts.
    pub(crate) directories: BTreeMap<String, String>,
    /// Whether some platform loses by being full.
    pub(crate) counts_load: bool,
    pub(crate) messages: BTreeMap<String, PlatformMessage>,
    /// The messages as they are sent.
    pub(crate) encoded: BTreeMap<String, Vec<u8>>,
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
        let mut snapshot = Snapshot::read(conn, version).await?;
        snapshot.compile();
        let snapshot = Arc::new(snapshot);
        *self.newest.write() = snapshot.clone();
        Ok(snapshot)
    }

    fn at_least(&self, version: i64) -> Option<Arc<Snapshot>> {
        let newest = self.newest.read();
        (newest.version >= version).then(|| newest.clone())
    }
}

impl Snapshot {
    /// Reads all, as it is now. Selections need it compiled.
    pub(crate) async fn read(conn: &mut Conn, version: i64) -> Result<Self, StoreError> {
        let vocabulary = convert::vocabulary::catalogue(&store::features::all(conn).await?)?;
        let mut snapshot = Self { version, vocabulary, ..Self::default() };
        let mut after = String::new();
        loop {
            let stored = store::platforms::list(conn, &after, CHUNK).await?;
            let chunk: Vec<PlatformMessage> = convert::all_stored(&stored)?;
            let Some(last) = chunk.last() else { break };
            after.clone_from(&last.id);
            for mut message in chunk {
                // For those who administer, and not for those who select.
                message.proposed_adapter_change = None;
                let mut fields = Fields::new();
                let platform = convert::platform::parse(&mut fields, "platform", &message);
                valid(&fields, &message.id)?;
                snapshot.platforms.insert(message.id.clone(), platform);
                snapshot.messages.insert(message.id.clone(), message);
            }
        }
        after.clear();
        loop {
            let stored = store::profiles::list(conn, &after, CHUNK).await?;
            let chunk: Vec<_> = stored
                .iter()
                .map(|(version, message)| convert::profile::stored(*version, message))
                .collect::<Result<_, _>>()?;
            let Some(last) = chunk.last() else { break };
            after.clone_from(&last.id);
            for message in chunk {
                let mut fields = Fields::new();
                let terms = convert::profile::parse(&mut fields, "work_profile", &message);
                valid(&fields, &message.id)?;
                let profile = Profile { terms, version: message.version };
                snapshot.profiles.insert(message.id, profile);
            }
        }
        tracing::debug!(version, platforms = snapshot.platforms.len(), "read platforms and work profiles");
        Ok(snapshot)
    }

    /// Works out what selections need of the platforms.
    fn compile(&mut self) {
        self.compiled = Compiled::new(&self.platforms);
        self.encoded = self.messages.iter().map(|(id, p)| (id.clone(), p.encode_to_vec())).collect();
        let asked = self.messages.values().filter(|p| p.live_lookup && !p.adapter_uri.is_empty());
        self.directories = asked.map(|p| (p.id.clone(), p.adapter_uri.clone())).collect();
        self.counts_load = self.platforms.values().any(|platform| platform.load_weight > 0);
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
