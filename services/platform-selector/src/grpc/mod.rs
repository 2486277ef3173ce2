//! The RPCs: read the request, ask the store or the domain, write the answer.

mod accounts;
mod features;
mod import;
mod platforms;
mod profiles;
mod select;
mod simulate;

use std::{sync::Arc, time::Duration};

use segue_core::{KeyRing, Random, Region, SharedClock};
use segue_proto::selector::v1::{
    ApproveAdapterChangeRequest, ApproveAdapterChangeResponse, CreatePlatformRequest, CreatePlatformResponse,
    DeleteFeatureDefinitionRequest, DeleteFeatureDefinitionResponse, DeletePlatformRequest,
    DeletePlatformResponse, DeleteWorkProfileRequest, DeleteWorkProfileResponse, FindAccountsRequest,
    FindAccountsResponse, ForgetCustomerRequest, ForgetCustomerResponse, GetDirectoryStatusRequest,
    GetDirectoryStatusResponse, GetImportRequest, GetImportResponse, GetPlatformRequest, GetPlatformResponse,
    GetWorkProfileRequest, GetWorkProfileResponse, ImportAccountsRequest, ImportAccountsResponse,
    LinkAccountRequest, LinkAccountResponse, ListFeatureDefinitionsRequest, ListFeatureDefinitionsResponse,
    ListPlatformsRequest, ListPlatformsResponse, ListWorkProfileVersionsRequest,
    ListWorkProfileVersionsResponse, ListWorkProfilesRequest, ListWorkProfilesResponse,
    PutFeatureDefinitionRequest, PutFeatureDefinitionResponse, PutWorkProfileRequest, PutWorkProfileResponse,
    RejectAdapterChangeRequest, RejectAdapterChangeResponse, ReportPlatformLoadRequest,
    ReportPlatformLoadResponse, SelectPlatformRequest, SelectPlatformResponse, SimulateSelectionsRequest,
    SimulateSelectionsResponse, UnlinkAccountRequest, UnlinkAccountResponse, UpdatePlatformRequest,
    UpdatePlatformResponse, platform_selector_service_server::PlatformSelectorService,
};
use segue_runtime::{Parts, Refusal, Stop, StreamEnd};
use segue_store::Database;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::{
    adapters::{
        Channels,
        health::{Follow, Pulses},
        lookup::Directories,
    },
    catalog::Catalog,
    config::{AdapterChanges, AdapterSettings},
    recorder::Recorder,
};

/// The service. Cloning is cheap.
#[derive(Debug, Clone)]
pub(crate) struct Selector {
    db: Database,
    catalog: Arc<Catalog>,
    channels: Arc<Channels>,
    pulses: Arc<Pulses>,
    directories: Arc<Directories>,
    recorder: Recorder,
    keys: KeyRing,
    region: Option<Region>,
    /// A new address of an adapter is approved by somebody else.
    two_people: bool,
    clock: SharedClock,
    random: Random,
    stream_end: StreamEnd,
}

impl Selector {
    pub(crate) fn new(
        db: Database,
        keys: KeyRing,
        region: Option<Region>,
        channels: Channels,
        adapters: &AdapterSettings,
        recorder: Recorder,
        parts: &Parts,
    ) -> Self {
        let channels = Arc::new(channels);
        let (clock, deadline, keep) = (parts.clock.clone(), adapters.lookup_deadline, adapters.lookup_cache);
        let directories = Directories::new(channels.clone(), keys.clone(), clock, deadline, keep);
        Self {
            db,
            catalog: Arc::default(),
            channels,
            pulses: Arc::new(Pulses::new(parts.clock.clone())),
            directories: Arc::new(directories),
            recorder,
            keys,
            region,
            two_people: adapters.changes == AdapterChanges::TwoPeople,
            clock: parts.clock.clone(),
            random: parts.random.clone(),
            stream_end: StreamEnd::new(parts.stop.clone(), parts.random.clone()),
        }
    }
}

impl Selector {
    /// Follows the adapters' health for the selections of this service.
    pub(crate) fn follow(&self, interval: Duration, stop: Stop) -> Follow {
        let (db, catalog) = (self.db.clone(), self.catalog.clone());
        let (channels, pulses) = (self.channels.clone(), self.pulses.clone());
        Follow { db, catalog, channels, pulses, interval, stop }
    }
}

type Answer<T> = Result<Response<T>, Status>;

fn answer<T>(outcome: Result<T, Refusal>) -> Answer<T> {
    outcome.map(Response::new).map_err(Status::from)
}

#[tonic::async_trait]
impl PlatformSelectorService for Selector {
    async fn select_platform(&self, r: Request<SelectPlatformRequest>) -> Answer<SelectPlatformResponse> {
        answer(select::select_platform(self, r.into_inner()).await)
    }

    async fn create_platform(&self, r: Request<CreatePlatformRequest>) -> Answer<CreatePlatformResponse> {
        answer(platforms::create(self, r.into_inner()).await)
    }

    async fn get_platform(&self, r: Request<GetPlatformRequest>) -> Answer<GetPlatformResponse> {
        answer(platforms::get(self, r.into_inner()).await)
    }

    async fn list_platforms(&self, r: Request<ListPlatformsRequest>) -> Answer<ListPlatformsResponse> {
        answer(platforms::list(self, r.into_inner()).await)
    }

    async fn update_platform(&self, r: Request<UpdatePlatformRequest>) -> Answer<UpdatePlatformResponse> {
        answer(platforms::update(self, r.into_inner()).await)
    }

    async fn delete_platform(&self, r: Request<DeletePlatformRequest>) -> Answer<DeletePlatformResponse> {
        answer(platforms::delete(self, r.into_inner()).await)
    }

    async fn approve_adapter_change(
        &self,
        r: Request<ApproveAdapterChangeRequest>,
    ) -> Answer<ApproveAdapterChangeResponse> {
        answer(platforms::approve(self, r.into_inner()).await)
    }

    async fn reject_adapter_change(
        &self,
        r: Request<RejectAdapterChangeRequest>,
    ) -> Answer<RejectAdapterChangeResponse> {
        answer(platforms::reject(self, r.into_inner()).await)
    }

    async fn put_work_profile(&self, r: Request<PutWorkProfileRequest>) -> Answer<PutWorkProfileResponse> {
        answer(profiles::put(self, r.into_inner()).await)
    }

    async fn get_work_profile(&self, r: Request<GetWorkProfileRequest>) -> Answer<GetWorkProfileResponse> {
        answer(profiles::get(self, r.into_inner()).await)
    }

    async fn report_platform_load(
        &self,
        r: Request<ReportPlatformLoadRequest>,
    ) -> Answer<ReportPlatformLoadResponse> {
        answer(platforms::report_load(self, r.into_inner()).await)
    }

    async fn put_feature_definition(
        &self,
        r: Request<PutFeatureDefinitionRequest>,
    ) -> Answer<PutFeatureDefinitionResponse> {
        answer(features::put(self, r.into_inner()).await)
    }

    async fn list_feature_definitions(
        &self,
        r: Request<ListFeatureDefinitionsRequest>,
    ) -> Answer<ListFeatureDefinitionsResponse> {
        answer(features::list(self, r.into_inner()).await)
    }

    async fn delete_feature_definition(
        &self,
        r: Request<DeleteFeatureDefinitionRequest>,
    ) -> Answer<DeleteFeatureDefinitionResponse> {
        answer(features::delete(self, r.into_inner()).await)
    }

    async fn list_work_profile_versions(
        &self,
        r: Request<ListWorkProfileVersionsRequest>,
    ) -> Answer<ListWorkProfileVersionsResponse> {
        answer(profiles::versions(self, r.into_inner()).await)
    }

    async fn list_work_profiles(
        &self,
        r: Request<ListWorkProfilesRequest>,
    ) -> Answer<ListWorkProfilesResponse> {
        answer(profiles::list(self, r.into_inner()).await)
    }

    async fn delete_work_profile(
        &self,
        r: Request<DeleteWorkProfileRequest>,
    ) -> Answer<DeleteWorkProfileResponse> {
        answer(profiles::delete(self, r.into_inner()).await)
    }

    async fn simulate_selections(
        &self,
        r: Request<SimulateSelectionsRequest>,
    ) -> Answer<SimulateSelectionsResponse> {
        answer(simulate::simulate(self, r.into_inner()).await)
    }

    async fn link_account(&self, r: Request<LinkAccountRequest>) -> Answer<LinkAccountResponse> {
        answer(accounts::link(self, r.into_inner()).await)
    }

    async fn unlink_account(&self, r: Request<UnlinkAccountRequest>) -> Answer<UnlinkAccountResponse> {
        answer(accounts::unlink(self, r.into_inner()).await)
    }

    type ImportAccountsStream = ReceiverStream<Result<ImportAccountsResponse, Status>>;

    async fn import_accounts(
        &self,
        r: Request<Streaming<ImportAccountsRequest>>,
    ) -> Answer<Self::ImportAccountsStream> {
        Ok(Response::new(import::start(self.clone(), r.into_inner())))
    }

    async fn get_import(&self, r: Request<GetImportRequest>) -> Answer<GetImportResponse> {
        answer(import::get(self, r.into_inner()).await)
    }

    async fn forget_customer(&self, r: Request<ForgetCustomerRequest>) -> Answer<ForgetCustomerResponse> {
        answer(accounts::forget(self, r.into_inner()).await)
    }

    async fn get_directory_status(
        &self,
        _: Request<GetDirectoryStatusRequest>,
    ) -> Answer<GetDirectoryStatusResponse> {
        answer(accounts::status(self).await)
    }

    async fn find_accounts(&self, r: Request<FindAccountsRequest>) -> Answer<FindAccountsResponse> {
        answer(accounts::find(self, r.into_inner()).await)
    }
}
