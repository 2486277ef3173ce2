//! Makes the changes of a plan one by one. Each is guarded by what was read: an entry that somebody else has changed
//! meanwhile is refused, and what was applied before stays.

use anyhow::Context as _;
use segue_core::Random;
use segue_proto::selector::v1::{
    CreatePlatformRequest, DeleteFeatureDefinitionRequest, DeletePlatformRequest, DeleteWorkProfileRequest,
    FeatureDefinition, Platform, PutFeatureDefinitionRequest, PutWorkProfileRequest, UpdatePlatformRequest,
    WorkProfile, platform_selector_service_client::PlatformSelectorServiceClient,
};
use segue_runtime::peer::Peer;
use tonic::Status;

use super::diff::{Change, Entry, Kind, Plan};
use crate::refused;

/// Returns how many were made.
pub(super) async fn apply(peer: Peer, plan: &Plan) -> anyhow::Result<usize> {
    let mut writer =
        Writer { client: PlatformSelectorServiceClient::new(peer), plan, random: Random::secure() };
    for (done, entry) in plan.entries.iter().enumerate() {
        let made = writer.make(entry).await.map_err(|status| refused(&status));
        made.with_context(|| format!("{entry}\nfailed, after {done} changes that stay"))?;
    }
    Ok(plan.entries.len())
}

struct Writer<'a> {
    client: PlatformSelectorServiceClient<Peer>,
    plan: &'a Plan,
    random: Random,
}

impl Writer<'_> {
    async fn make(&mut self, entry: &Entry) -> Result<(), Status> {
        let request_id = self.request_id();
        let id = entry.name.clone();
        match (entry.kind, &entry.change) {
            (Kind::Feature, Change::Remove) => {
                let request = DeleteFeatureDefinitionRequest { request_id, name: id };
                self.client.delete_feature_definition(request).await.map(drop)
            }
            (Kind::Feature, _) => {
                let feature_definition = self.feature(&id);
                let request = PutFeatureDefinitionRequest { request_id, feature_definition };
                self.client.put_feature_definition(request).await.map(drop)
            }
            (Kind::Platform, Change::Remove) => {
                self.client.delete_platform(DeletePlatformRequest { request_id, id }).await.map(drop)
            }
            (Kind::Platform, Change::Add) => {
                let platform = platform(&self.plan.wanted.platforms, &id);
                self.client.create_platform(CreatePlatformRequest { request_id, platform }).await.map(drop)
            }
            (Kind::Platform, Change::Update(_)) => {
                let request =
                    UpdatePlatformRequest { request_id, platform: self.updated(&id), update_mask: None };
                self.client.update_platform(request).await.map(drop)
            }
            (Kind::WorkProfile, Change::Remove) => {
                self.client.delete_work_profile(DeleteWorkProfileRequest { request_id, id }).await.map(drop)
            }
            (Kind::WorkProfile, _) => {
                let there = profile(&self.plan.there.work_profiles, &id);
                let request = PutWorkProfileRequest {
                    request_id,
                    work_profile: profile(&self.plan.wanted.work_profiles, &id),
                    expected_version: Some(there.map_or(0, |profile| profile.version)),
                };
                self.client.put_work_profile(request).await.map(drop)
            }
        }
    }

    fn feature(&self, name: &str) -> Option<FeatureDefinition> {
        self.plan.wanted.features.iter().find(|feature| feature.name == name).cloned()
    }

    /// With the etag that it had when it was compared.
    fn updated(&self, id: &str) -> Option<Platform> {
        let etag = platform(&self.plan.there.platforms, id)?.etag;
        Some(Platform { etag, ..platform(&self.plan.wanted.platforms, id)? })
    }

    fn request_id(&self) -> String {
        uuid::Builder::from_random_bytes(self.random.bytes()).into_uuid().hyphenated().to_string()
    }
}

fn platform(platforms: &[Platform], id: &str) -> Option<Platform> {
    platforms.iter().find(|platform| platform.id == id).cloned()
}

fn profile(profiles: &[WorkProfile], id: &str) -> Option<WorkProfile> {
    profiles.iter().find(|profile| profile.id == id).cloned()
}
