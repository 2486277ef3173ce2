//! The forms of the files. They are ours to write, so whatever is not known in them is an error.

use std::collections::BTreeMap;

use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FeaturesFile {
    pub features: Vec<FeatureRow>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FeatureRow {
    pub name: String,
    pub display_name: String,
    pub kind: String,
    #[serde(default)]
    pub words: Vec<String>,
    #[serde(default)]
    pub unit: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlatformsFile {
    pub platforms: Vec<PlatformRow>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlatformRow {
    pub id: String,
    pub display_name: String,
    pub accepts: Vec<String>,
    pub delivers: Vec<String>,
    #[serde(default)]
    pub entry: String,
    #[serde(default)]
    pub adapter: Option<Adapter>,
    pub cost: i32,
    pub rank: i32,
    #[serde(default)]
    pub account_required: bool,
    /// Open whenever any is; always when empty.
    #[serde(default)]
    pub hours: Vec<WindowRow>,
    pub features: BTreeMap<String, FeatureValue>,
}

/// Services that speak for platforms.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) enum Adapter {
    #[serde(rename = "web-channel")]
    WebChannel,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WindowRow {
    pub days: Vec<String>,
    pub start: String,
    pub end: String,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum FeatureValue {
    /// Always `true`: what a platform can't do is not written.
    Present(bool),
    Number(f64),
    Words(Vec<String>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WorkProfilesFile {
    pub work_profiles: Vec<WorkProfileRow>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WorkProfileRow {
    pub id: String,
    pub display_name: String,
    pub requirements: Vec<RequirementRow>,
    #[serde(default)]
    pub preferences: Vec<PreferenceRow>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequirementRow {
    pub feature: String,
    pub operator: String,
    #[serde(default)]
    pub values: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PreferenceRow {
    pub weight: i32,
    pub feature: String,
    pub operator: String,
    #[serde(default)]
    pub values: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AgentsFile {
    pub agents: Vec<AgentRow>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AgentRow {
    pub id: String,
    pub display_name: String,
    pub skills: Vec<String>,
    pub platforms: Vec<String>,
}
