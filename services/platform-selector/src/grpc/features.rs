use prost::Message as _;
use segue_proto::selector::v1::{
    DeleteFeatureDefinitionRequest, DeleteFeatureDefinitionResponse, FeatureDefinition,
    ListFeatureDefinitionsRequest, ListFeatureDefinitionsResponse, PutFeatureDefinitionRequest,
    PutFeatureDefinitionResponse,
};
use segue_runtime::{Fields, Refusal, caller, page, timestamp};
use segue_store::{Conn, requests::RequestKey};

use super::Selector;
use crate::{
    catalog::Snapshot,
    domain::{
        feature::FeatureName,
        vocabulary::{Kind, Vocabulary},
        work::Terms,
    },
    error,
    store::{self, Written},
    wire,
};

const LIST: &str = "ListFeatureDefinitions";

/// A definition, as it is stored and as it is checked.
struct Put {
    message: FeatureDefinition,
    name: FeatureName,
    kind: Kind,
}

pub(super) async fn put(
    selector: &Selector,
    request: PutFeatureDefinitionRequest,
) -> Result<PutFeatureDefinitionResponse, Refusal> {
    let mut fields = Fields::new();
    let request_id = fields.request_id(&request.request_id);
    let key = RequestKey::plain(&caller(), &request_id, "PutFeatureDefinition", &request);
    fields.require(request.feature_definition.is_some(), "feature_definition", "must be given");
    let mut message = request.feature_definition.unwrap_or_default();
    let definition = wire::vocabulary::parse(&mut fields, "feature_definition", &message);
    fields.finish()?;
    // Nothing was wrong with it, so there is one.
    let (name, kind) = definition.ok_or_else(|| error::feature_not_found("feature_definition.name", ""))?;
    let now_ms = selector.clock.now_ms();
    message.update_time = timestamp(now_ms);
    store::once(&selector.db, key, now_ms, Put { message, name, kind }, |conn, put| {
        Box::pin(put_unless_misused(conn, put))
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
    let mut feature_definitions =
        store::features::list(&mut *selector.db.read().await?, &after, page_size + 1).await?;
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
    let name = wire::features::name(&mut fields, "name", &request.name);
    fields.finish()?;
    let name = name.ok_or_else(|| error::feature_not_found("name", &request.name))?;
    store::once(&selector.db, key, selector.clock.now_ms(), name, |conn, name| {
        Box::pin(delete_unless_used(conn, name))
    })
    .await
}

/// Under the catalogue's lock: nobody can begin to use the feature in between.
async fn put_unless_misused(conn: &mut Conn, put: &Put) -> Written<PutFeatureDefinitionResponse> {
    store::lock_catalog(conn).await?;
    let snapshot = Snapshot::read(conn, 0).await?;
    let mut alone = Vocabulary::default();
    alone.define(put.name.clone(), put.kind.clone());
    let misusing = users(&snapshot, &put.name, Some(&alone));
    if !misusing.is_empty() {
        return Ok(Err(error::feature_in_use(&put.message.name, &misusing)));
    }
    let before = store::features::get(conn, &put.message.name).await?;
    store::features::put(conn, &put.message).await?;
    let change = store::features::change(before.as_ref(), Some(&put.message));
    Ok(Ok((PutFeatureDefinitionResponse { feature_definition: Some(put.message.clone()) }, change)))
}

async fn delete_unless_used(conn: &mut Conn, name: &FeatureName) -> Written<DeleteFeatureDefinitionResponse> {
    store::lock_catalog(conn).await?;
    let snapshot = Snapshot::read(conn, 0).await?;
    let using = users(&snapshot, name, None);
    if !using.is_empty() {
        return Ok(Err(error::feature_in_use(name.as_str(), &using)));
    }
    let Some(before) = store::features::get(conn, name.as_str()).await? else {
        return Ok(Err(error::feature_not_found("name", name.as_str())));
    };
    store::features::delete(conn, name.as_str()).await?;
    Ok(Ok((DeleteFeatureDefinitionResponse {}, store::features::change(Some(&before), None))))
}

/// Who uses the feature, or with a vocabulary who uses it in a way that does not suit it: ids, with what each of them is.
fn users<'a>(
    snapshot: &'a Snapshot,
    name: &FeatureName,
    vocabulary: Option<&Vocabulary>,
) -> Vec<(&'a str, &'static str)> {
    let platforms = snapshot.platforms.values().filter(|platform| {
        let value = platform.features.get(name);
        value.is_some_and(|value| vocabulary.is_none_or(|known| known.check_value(name, value).is_err()))
    });
    let counts = |terms: &Terms| {
        let wished = terms.preferences.iter().map(|preference| &preference.term);
        let mut naming = terms.requirements.iter().chain(wished).filter(|term| term.feature == *name);
        naming.any(|term| vocabulary.is_none_or(|known| known.check_test(name, &term.test).is_err()))
    };
    let profiles = snapshot.profiles.iter().filter(|(_, profile)| counts(&profile.terms));
    platforms
        .map(|platform| (platform.id.as_str(), "platform"))
        .chain(profiles.map(|(id, _)| (id.as_str(), "work profile")))
        .collect()
}
