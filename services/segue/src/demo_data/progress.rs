//! Where demo data is loaded to, how far a load has come, and what it leaves.

use std::fmt;

use segue_runtime::peer::Peer;

/// Where the demo data goes, and the addresses that its platforms get.
#[derive(Debug, Clone)]
pub struct Targets {
    /// platform-selector. Make it with `connect_for_streams`: the import of accounts is one.
    pub selector: Peer,
    /// priority-router.
    pub router: Peer,
    /// `ChannelService` of the web-channel, for example `http://127.0.0.1:50054`.
    pub adapter_uri: String,
    /// The web-channel's pages, for example `http://127.0.0.1:8080`.
    pub pages_uri: String,
    /// How many of the customers to load, by number; `usize::MAX` for all.
    pub customers: usize,
}

/// How far a load has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is being loaded.
    pub step: Step,
    /// How many are done.
    pub done: u64,
    /// Out of how many.
    pub total: u64,
}

/// What is loaded, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The catalogue of features.
    Features,
    /// Platforms.
    Platforms,
    /// Work profiles.
    WorkProfiles,
    /// Agents.
    Agents,
    /// The customers' accounts.
    Accounts,
}

/// What is there after a load, whether it was there before or not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Features of the catalogue.
    pub features: u64,
    /// Platforms.
    pub platforms: u64,
    /// Work profiles.
    pub work_profiles: u64,
    /// Agents, all signed out.
    pub agents: u64,
    /// Customers.
    pub customers: u64,
    /// Their accounts.
    pub accounts: u64,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Features => "features",
            Self::Platforms => "platforms",
            Self::WorkProfiles => "work profiles",
            Self::Agents => "agents",
            Self::Accounts => "customers' accounts",
        })
    }
}
