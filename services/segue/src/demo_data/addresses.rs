use anyhow::Context as _;
use prost_types::FieldMask;
use segue_proto::selector::v1::{
    GetPlatformRequest, Platform, UpdatePlatformRequest,
    platform_selector_service_client::PlatformSelectorServiceClient,
};

use super::{Addresses, Catalog, Targets, refused, request_id::request_id};

/// Tells the demo's platforms where the web-channel is now; everything else about them stays as it is.
pub async fn move_to(targets: &Targets) -> anyhow::Result<()> {
    let addresses =
        Addresses { adapter_uri: targets.adapter_uri.clone(), pages_uri: targets.pages_uri.clone() };
    let mut selector = PlatformSelectorServiceClient::new(targets.selector.clone());
    for wanted in Catalog::embedded()?.platforms(&addresses)? {
        let read = selector.get_platform(GetPlatformRequest { id: wanted.id.clone() }).await;
        // A platform that somebody has removed stays removed.
        let Some(there) = read.ok().and_then(|answer| answer.into_inner().platform) else { continue };
        if there.adapter_uri == wanted.adapter_uri && there.entry_uri_template == wanted.entry_uri_template {
            continue;
        }
        // The etag makes each move a request of its own, also one back to where the platform was before.
        let platform = Platform { etag: there.etag, ..wanted };
        let paths = vec!["adapter_uri".to_owned(), "entry_uri_template".to_owned()];
        let mut request = UpdatePlatformRequest {
            request_id: String::new(),
            platform: Some(platform),
            update_mask: Some(FieldMask { paths }),
        };
        request.request_id = request_id("UpdatePlatform", &request);
        let moved = selector.update_platform(request).await;
        moved.map_err(|status| refused(&status)).context("demo data, addresses of the platforms")?;
    }
    Ok(())
}
