use std::collections::BTreeSet;

use anyhow::Context as _;
use segue_proto::{
    common::v1::ErrorReason,
    router::v1::{
        GetAgentRequest, PutAgentRequest, priority_router_service_client::PriorityRouterServiceClient,
    },
    selector::v1::{
        CreatePlatformRequest, GetWorkProfileRequest, ListFeatureDefinitionsRequest,
        PutFeatureDefinitionRequest, PutWorkProfileRequest,
        platform_selector_service_client::PlatformSelectorServiceClient,
    },
};
use segue_runtime::reason_of;
use tonic::Status;

use super::{Addresses, Catalog, Progress, Step, Summary, Targets, import, refused, request_id::request_id};

/// Loads the demo data. May be repeated, also after it was broken off: what is there already stays as it is, including
/// what was changed since. The error names the step and the row that failed.
pub async fn load(targets: &Targets, progress: &(dyn Fn(Progress) + Sync)) -> anyhow::Result<Summary> {
    let catalog = Catalog::embedded()?;
    Ok(Summary {
        features: load_features(targets, &catalog, progress).await?,
        platforms: load_platforms(targets, &catalog, progress).await?,
        work_profiles: load_work_profiles(targets, &catalog, progress).await?,
        agents: load_agents(targets, &catalog, progress).await?,
        ..import::accounts(targets, progress).await?
    })
}

/// A definition that is there stays, also when it has become another.
async fn load_features(
    targets: &Targets,
    catalog: &Catalog,
    progress: &(dyn Fn(Progress) + Sync),
) -> anyhow::Result<u64> {
    let mut selector = PlatformSelectorServiceClient::new(targets.selector.clone());
    let request = ListFeatureDefinitionsRequest { page_size: 1000, page_token: String::new() };
    let there = selector.list_feature_definitions(request).await;
    let there = there.map_err(|status| refused(&status)).with_context(|| failed(Step::Features, "all"))?;
    let there: BTreeSet<String> =
        there.into_inner().feature_definitions.into_iter().map(|definition| definition.name).collect();
    let mut count = Count::of(Step::Features, progress);
    for definition in count.over(catalog.features()?) {
        let name = definition.name.clone();
        if !there.contains(&name) {
            let mut request = PutFeatureDefinitionRequest {
                request_id: String::new(),
                feature_definition: Some(definition),
            };
            request.request_id = request_id("PutFeatureDefinition", &request);
            let written = selector.put_feature_definition(request).await;
            written.map_err(|status| refused(&status)).with_context(|| failed(Step::Features, &name))?;
        }
        count.one_more();
    }
    Ok(count.done)
}

async fn load_platforms(
    targets: &Targets,
    catalog: &Catalog,
    progress: &(dyn Fn(Progress) + Sync),
) -> anyhow::Result<u64> {
    let addresses =
        Addresses { adapter_uri: targets.adapter_uri.clone(), pages_uri: targets.pages_uri.clone() };
    let mut selector = PlatformSelectorServiceClient::new(targets.selector.clone());
    let mut count = Count::of(Step::Platforms, progress);
    for platform in count.over(catalog.platforms(&addresses)?) {
        let id = platform.id.clone();
        let mut request = CreatePlatformRequest { request_id: String::new(), platform: Some(platform) };
        request.request_id = request_id("CreatePlatform", &request);
        let outcome = selector.create_platform(request).await.map(drop);
        // It is there with other content: changed since, or loaded with other addresses. Either is somebody's wish.
        let there = |status: &Status| reason_of(status) == Some(ErrorReason::PlatformExists);
        outcome
            .or_else(|status| if there(&status) { Ok(()) } else { Err(refused(&status)) })
            .with_context(|| failed(Step::Platforms, &id))?;
        count.one_more();
    }
    Ok(count.done)
}

async fn load_work_profiles(
    targets: &Targets,
    catalog: &Catalog,
    progress: &(dyn Fn(Progress) + Sync),
) -> anyhow::Result<u64> {
    let mut selector = PlatformSelectorServiceClient::new(targets.selector.clone());
    let mut count = Count::of(Step::WorkProfiles, progress);
    for work_profile in count.over(catalog.work_profiles()?) {
        let id = work_profile.id.clone();
        let read = selector.get_work_profile(GetWorkProfileRequest { id: id.clone(), version: 0 }).await;
        if is_new(read, ErrorReason::WorkProfileNotFound).with_context(|| failed(Step::WorkProfiles, &id))? {
            let mut request = PutWorkProfileRequest {
                request_id: String::new(),
                work_profile: Some(work_profile),
                expected_version: None,
            };
            request.request_id = request_id("PutWorkProfile", &request);
            let written = selector.put_work_profile(request).await;
            written.map_err(|status| refused(&status)).with_context(|| failed(Step::WorkProfiles, &id))?;
        }
        count.one_more();
    }
    Ok(count.done)
}

async fn load_agents(
    targets: &Targets,
    catalog: &Catalog,
    progress: &(dyn Fn(Progress) + Sync),
) -> anyhow::Result<u64> {
    let mut router = PriorityRouterServiceClient::new(targets.router.clone());
    let mut count = Count::of(Step::Agents, progress);
    for agent in count.over(catalog.agents()?) {
        let id = agent.id.clone();
        let read = router.get_agent(GetAgentRequest { id: id.clone() }).await;
        if is_new(read, ErrorReason::AgentNotFound).with_context(|| failed(Step::Agents, &id))? {
            let mut request = PutAgentRequest { request_id: String::new(), agent: Some(agent) };
            request.request_id = request_id("PutAgent", &request);
            let written = router.put_agent(request).await;
            written.map_err(|status| refused(&status)).with_context(|| failed(Step::Agents, &id))?;
        }
        count.one_more();
    }
    Ok(count.done)
}

/// Whether reading it found nothing. Services forget request ids after a while, so a repeated id alone would not keep
/// a late load from undoing what was changed since the first.
fn is_new<T>(read: Result<T, Status>, not_found: ErrorReason) -> anyhow::Result<bool> {
    match read {
        Ok(_) => Ok(false),
        Err(status) if reason_of(&status) == Some(not_found) => Ok(true),
        Err(status) => Err(refused(&status)),
    }
}

fn failed(step: Step, id: &str) -> String {
    format!("demo data, {step}: {id}")
}

/// Counts the rows of a step aloud.
struct Count<'a> {
    step: Step,
    done: u64,
    total: u64,
    progress: &'a (dyn Fn(Progress) + Sync),
}

impl<'a> Count<'a> {
    fn of(step: Step, progress: &'a (dyn Fn(Progress) + Sync)) -> Self {
        Self { step, done: 0, total: 0, progress }
    }

    fn over<T>(&mut self, rows: Vec<T>) -> std::vec::IntoIter<T> {
        self.total = rows.len() as u64;
        self.tell();
        rows.into_iter()
    }

    fn one_more(&mut self) {
        self.done += 1;
        self.tell();
    }

    fn tell(&self) {
        (self.progress)(Progress { step: self.step, done: self.done, total: self.total });
    }
}
