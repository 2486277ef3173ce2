use segue_proto::issuer::v1::{
    CreateHandoffRequest, CreateHandoffResponse, RedeemCodeRequest, RedeemCodeResponse,
};
use tonic::Status;

use super::Clients;

impl Clients {
    /// Has a handoff created.
    pub(crate) async fn create_handoff(
        &self,
        request: CreateHandoffRequest,
    ) -> Result<CreateHandoffResponse, Status> {
        Ok(self.issuer.clone().create_handoff(request).await?.into_inner())
    }

    /// Has a code redeemed.
    pub(crate) async fn redeem_code(&self, request: RedeemCodeRequest) -> Result<RedeemCodeResponse, Status> {
        Ok(self.issuer.clone().redeem_code(request).await?.into_inner())
    }
}
