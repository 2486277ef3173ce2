use prost::Message as _;
use segue_proto::selector::v1::{
    DeleteFeatureDefinitionRequest, DeleteFeatureDefinitionResponse, FeatureDefinition,
    ListFeatureDefinitionsRequest, ListFeatureDefinitionsResponse, PutFeatureDefinitionRequest,
    PutFeatureDefinitionResponse,
};
use segue_runtime::{Fields, Refusal, caller, page, timestamp};
use segue_store::requests::RequestKey;

use crate::{
    commands::{self, features::Put},
    convert, errors,
    selector::Selector,
    store,
};

const LIST: &str = "ListFeatureDefinitions";

pub(super) async fn put(
    selector: &Selector,
    request: PutFeatureDefinitionRequest,
) -> Result<PutFeatureDefinitionResponse, Refusal> {
    let mut fields = Fields::new();
    let request_id = fields.request_id(&request.request_id);
    let key = RequestKey::plain(&caller(), &request_id, "PutFeatureDefinition", &request);
    fields.require(request.feature_definition.is_some(), "feature_definition", "must be given");
    let mut message = request.feature_definition.unwrap_or_default();
    let definition = convert::vocabulary::parse(&mut fields, "feature_definition", &message);
    fields.finish()?;
    // Nothing was wrong with it, so there is one.
    let (name, kind) = definition.ok_or_else(|| errors::feature_not_found("feature_definition.name", ""))?;
    let now_ms = selector.clock.now_ms();
    message.update_time = timestamp(now_ms);
    commands::once(&selector.database, key, now_ms, Put { message, name, kind }, |conn, put| {
        Box::pin(commands::features::put(conn, put))
    })
    .await
}

pub(super) async fn list(
    selector: &Selector,
    request: ListFeatureDefinitionsRequest,
) -> Result<ListFeatureDefinitionsResponse, Refusal> {
    let mut fields = Fields::new();
    let page_size = fields.page_size(request.page_size);
    fields.finish()?;
    let after = page::start(LIST, &request.page_token)?.unwrap_or_default();
    let stored =
        selector.database.read(async |conn| store::features::list(conn, &after, page_size + 1).await).await?;
    let mut feature_definitions = convert::all_stored(&stored)?;
    let next_page_token =
        page::cut(LIST, &mut feature_definitions, page_size, FeatureDefinition::encoded_len, |definition| {
            definition.name.clone()
        });
    Ok(ListFeatureDefinitionsResponse { feature_definitions, next_page_token })
}

pub(super) async fn delete(
    selector: &Selector,
    request: DeleteFeatureDefinitionRequest,
) -> Result<DeleteFeatureDefinitionResponse, Refusal> {
    let mut fields = Fields::new();
    let request_id = fields.request_id(&request.request_id);
    let key = RequestKey::plain(&caller(), &request_id, "DeleteFeatureDefinition", &request);
    let name = convert::features::name(&mut fields, "name", &request.name);
    fields.finish()?;
    let name = name.ok_or_else(|| errors::feature_not_found("name", &request.name))?;
    commands::once(&selector.database, key, selector.clock.now_ms(), name, |conn, name| {
        Box::pin(commands::features::delete(conn, name))
    })
    .await
}
