//! What is written one by one: platforms, work profiles and agents.

mod convert;
mod files;

use anyhow::Context as _;
use segue_proto::{
    router::v1::Agent,
    selector::v1::{FeatureDefinition, Platform, WorkProfile},
};

use files::{
    AgentRow, AgentsFile, FeatureRow, FeaturesFile, PlatformRow, PlatformsFile, WorkProfileRow,
    WorkProfilesFile,
};

const FEATURES: &str = include_str!("../../../demo/features.toml");
const PLATFORMS: &str = include_str!("../../../demo/platforms.toml");
const WORK_PROFILES: &str = include_str!("../../../demo/work_profiles.toml");
const AGENTS: &str = include_str!("../../../demo/agents.toml");

/// The catalogue, as its files have it.
#[derive(Debug)]
pub struct Catalog {
    features: Vec<FeatureRow>,
    platforms: Vec<PlatformRow>,
    work_profiles: Vec<WorkProfileRow>,
    agents: Vec<AgentRow>,
}

/// Where the platforms that Segue brings along are reached.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// `ChannelService` of the web-channel, for example `http://127.0.0.1:50054`.
    pub adapter_uri: String,
    /// Its pages, for example `http://127.0.0.1:8080`.
    pub pages_uri: String,
}

impl Catalog {
    /// The catalogue that is built in.
    pub fn embedded() -> anyhow::Result<Self> {
        let features: FeaturesFile = toml::from_str(FEATURES).context("demo/features.toml")?;
        let platforms: PlatformsFile = toml::from_str(PLATFORMS).context("demo/platforms.toml")?;
        let work_profiles: WorkProfilesFile =
            toml::from_str(WORK_PROFILES).context("demo/work_profiles.toml")?;
        let agents: AgentsFile = toml::from_str(AGENTS).context("demo/agents.toml")?;
        Ok(Self {
            features: features.features,
            platforms: platforms.platforms,
            work_profiles: work_profiles.work_profiles,
            agents: agents.agents,
        })
    }

    /// The catalogue of features, in the order of the file.
    pub fn features(&self) -> anyhow::Result<Vec<FeatureDefinition>> {
        let convert = |row: &FeatureRow| {
            convert::feature_definition(row).with_context(|| format!("demo feature {}", row.name))
        };
        self.features.iter().map(convert).collect()
    }

    /// The platforms, in the order of the file.
    pub fn platforms(&self, addresses: &Addresses) -> anyhow::Result<Vec<Platform>> {
        let convert = |row: &PlatformRow| {
            convert::platform(row, addresses).with_context(|| format!("demo platform {}", row.id))
        };
        self.platforms.iter().map(convert).collect()
    }

    /// The work profiles, in the order of the file.
    pub fn work_profiles(&self) -> anyhow::Result<Vec<WorkProfile>> {
        let convert = |row: &WorkProfileRow| {
            convert::work_profile(row).with_context(|| format!("demo work profile {}", row.id))
        };
        self.work_profiles.iter().map(convert).collect()
    }

    /// The agents, in the order of the file. A contact takes of them what its platform costs.
    pub fn agents(&self) -> anyhow::Result<Vec<Agent>> {
        let cost_of = |platform: &str| Some(self.platforms.iter().find(|row| row.id == platform)?.cost);
        let convert =
            |row: &AgentRow| convert::agent(row, cost_of).with_context(|| format!("demo agent {}", row.id));
        self.agents.iter().map(convert).collect()
    }
}
