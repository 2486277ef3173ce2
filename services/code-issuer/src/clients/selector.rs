use segue_proto::selector::v1::{SelectPlatformRequest, SelectPlatformResponse};
use segue_runtime::peer;
use tonic::Status;

use super::Clients;

const NAME: &str = "platform-selector";

impl Clients {
    /// Chooses a platform.
    pub(crate) async fn select(
        &self,
        request: SelectPlatformRequest,
    ) -> Result<SelectPlatformResponse, Status> {
        let answer = self.selector.clone().select_platform(request).await;
        // Callers of ours name it so.
        let renamed = [("source_platform", "source.platform")];
        Ok(answer.map_err(|status| peer::relay(status, NAME, &renamed))?.into_inner())
    }
}
