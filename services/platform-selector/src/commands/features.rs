//! Definitions of features are put and removed, unless platforms or work profiles use them otherwise.

use prost::Message as _;
use segue_proto::selector::v1::{
    DeleteFeatureDefinitionResponse, FeatureDefinition, PutFeatureDefinitionResponse,
};
use segue_store::{Conn, StoreError, audit::Change};

use super::Written;
use crate::{
    catalog::Snapshot,
    convert,
    domain::{
        feature::FeatureName,
        vocabulary::{Kind, Vocabulary},
        work::Terms,
    },
    errors,
    store::{self, lock_catalog},
};

/// A definition, as it is stored and as it is checked.
#[derive(Debug)]
pub(crate) struct Put {
    pub(crate) message: FeatureDefinition,
    pub(crate) name: FeatureName,
    pub(crate) kind: Kind,
}

/// Creates or replaces a definition, under the catalogue's lock: nobody can begin to use the feature in between.
pub(crate) async fn put(conn: &mut Conn, put: &Put) -> Written<PutFeatureDefinitionResponse> {
    lock_catalog(conn).await?;
    let snapshot = Snapshot::read(conn, 0).await?;
    let mut alone = Vocabulary::default();
    alone.define(put.name.clone(), put.kind.clone());
    let misusing = users(&snapshot, &put.name, Some(&alone));
    if !misusing.is_empty() {
        return Ok(Err(errors::feature_in_use(&put.message.name, &misusing)));
    }
    let before = get(conn, &put.message.name).await?;
    store::features::put(conn, &put.message.name, put.message.encode_to_vec()).await?;
    let change = change(before.as_ref(), Some(&put.message));
    Ok(Ok((PutFeatureDefinitionResponse { feature_definition: Some(put.message.clone()) }, change)))
}

/// Removes a definition that is not used.
pub(crate) async fn delete(conn: &mut Conn, name: &FeatureName) -> Written<DeleteFeatureDefinitionResponse> {
    lock_catalog(conn).await?;
    let snapshot = Snapshot::read(conn, 0).await?;
    let using = users(&snapshot, name, None);
    if !using.is_empty() {
        return Ok(Err(errors::feature_in_use(name.as_str(), &using)));
    }
    let Some(before) = get(conn, name.as_str()).await? else {
        return Ok(Err(errors::feature_not_found("name", name.as_str())));
    };
    store::features::delete(conn, name.as_str()).await?;
    Ok(Ok((DeleteFeatureDefinitionResponse {}, change(Some(&before), None))))
}

async fn get(conn: &mut Conn, name: &str) -> Result<Option<FeatureDefinition>, StoreError> {
    store::features::get(conn, name).await?.map(|message| convert::stored(&message)).transpose()
}

/// For the audit log.
fn change(old: Option<&FeatureDefinition>, new: Option<&FeatureDefinition>) -> Change {
    let name = old.or(new).map_or("", |definition| definition.name.as_str());
    super::change(format!("feature/{name}"), "segue.selector.v1.FeatureDefinition", old, new)
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
