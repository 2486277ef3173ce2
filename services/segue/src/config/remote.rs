//! What the selector has.

use anyhow::Context as _;
use segue_proto::selector::v1::{
    ListFeatureDefinitionsRequest, ListPlatformsRequest, ListWorkProfilesRequest,
    platform_selector_service_client::PlatformSelectorServiceClient,
};
use segue_runtime::peer::Peer;

use super::Document;
use crate::refused;

pub(super) async fn read(peer: Peer) -> anyhow::Result<Document> {
    let client =
        PlatformSelectorServiceClient::new(peer).max_decoding_message_size(segue_runtime::MAX_MESSAGE_BYTES);
    read_all(client).await.context("can't read the selector's configuration")
}

async fn read_all(mut client: PlatformSelectorServiceClient<Peer>) -> anyhow::Result<Document> {
    let mut document = Document::default();
    let mut page_token = String::new();
    loop {
        let request = ListFeatureDefinitionsRequest { page_size: 0, page_token };
        let page = client.list_feature_definitions(request).await.map_err(|s| refused(&s))?.into_inner();
        document.features.extend(page.feature_definitions);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    loop {
        let request = ListPlatformsRequest { page_size: 0, page_token };
        let page = client.list_platforms(request).await.map_err(|s| refused(&s))?.into_inner();
        document.platforms.extend(page.platforms);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    loop {
        let request = ListWorkProfilesRequest { page_size: 0, page_token };
        let page = client.list_work_profiles(request).await.map_err(|s| refused(&s))?.into_inner();
        document.work_profiles.extend(page.work_profiles);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(document);
        }
    }
}
