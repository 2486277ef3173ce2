use segue_proto::selector::v1::{AdapterHealth, FeatureDefinition, Platform, PlatformStatus, WorkProfile};

/// Everything that operations configure. What it is compared by has no times, etags and versions; the stored messages keep
/// theirs, to guard the writes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Document {
    /// The catalogue of features.
    pub features: Vec<FeatureDefinition>,
    /// The platforms.
    pub platforms: Vec<Platform>,
    /// The work profiles.
    pub work_profiles: Vec<WorkProfile>,
}

impl Document {
    /// Without what the selector adds by itself, and in the order of names.
    #[must_use]
    pub fn bare(&self) -> Self {
        let mut bare = Self {
            features: self.features.iter().map(bare_feature).collect(),
            platforms: self.platforms.iter().map(bare_platform).collect(),
            work_profiles: self.work_profiles.iter().map(bare_profile).collect(),
        };
        bare.features.sort_by(|one, other| one.name.cmp(&other.name));
        bare.platforms.sort_by(|one, other| one.id.cmp(&other.id));
        bare.work_profiles.sort_by(|one, other| one.id.cmp(&other.id));
        bare
    }
}

fn bare_feature(feature: &FeatureDefinition) -> FeatureDefinition {
    FeatureDefinition { update_time: None, ..feature.clone() }
}

fn bare_platform(platform: &Platform) -> Platform {
    let mut bare = Platform {
        etag: String::new(),
        create_time: None,
        update_time: None,
        adapter_health: AdapterHealth::Unspecified.into(),
        proposed_adapter_change: None,
        ..platform.clone()
    };
    if bare.status() == PlatformStatus::Unspecified {
        bare.set_status(PlatformStatus::Active);
    }
    bare
}

fn bare_profile(profile: &WorkProfile) -> WorkProfile {
    WorkProfile { version: 0, update_time: None, ..profile.clone() }
}
