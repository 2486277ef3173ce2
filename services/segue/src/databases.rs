//! The data folder of a system that runs by itself.

use std::path::Path;

use segue_store::Engine;

/// A database for each service. A URL may hold a password, so there is no `Debug`.
#[derive(Clone)]
pub struct DatabaseUrls {
    /// platform-selector's.
    pub selector: String,
    /// code-issuer's.
    pub issuer: String,
    /// priority-router's.
    pub router: String,
    /// web-channel's.
    pub channel: String,
}

impl DatabaseUrls {
    /// SQLite files in a folder.
    pub fn in_folder(folder: &Path) -> Self {
        let url = |name: &str| Engine::sqlite_url(&folder.join(name));
        Self {
            selector: url("selector.db"),
            issuer: url("issuer.db"),
            router: url("router.db"),
            channel: url("channel.db"),
        }
    }
}
