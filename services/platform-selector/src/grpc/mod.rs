//! The RPCs: read the request, ask the store or the domain, write the answer.

mod accounts;
mod features;
mod import;
mod platforms;
mod profiles;
mod select;
mod server;
mod simulate;

pub(crate) use server::Serving;

use prost::Message as _;
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
use segue_runtime::Refusal;
use segue_store::StoreError;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::selector::Selector;

type Answer<T> = Result<Response<T>, Status>;

fn answer<T>(outcome: Result<T, Refusal>) -> Answer<T> {
    outcome.map(Response::new).map_err(Status::from)
}

#[tonic::async_trait]
impl PlatformSelectorService for Selector {
    async fn select_platform(&self, r: Request<SelectPlatformRequest>) -> Answer<SelectPlatformResponse> {
        // Served without coming here, see `server`; the answer is the same.
        let encoded = select::select_platform(self, r.into_inner()).await?;
        let decoded = SelectPlatformResponse::decode(encoded.as_bytes());
        decoded.map(Response::new).map_err(|_| Refusal::from(StoreError::Failed).into())
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
