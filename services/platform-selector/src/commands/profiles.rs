//! Work profiles are put and removed.

use prost::Message as _;
use segue_proto::selector::v1::{DeleteWorkProfileResponse, PutWorkProfileResponse, WorkProfile};
use segue_runtime::Fields;
use segue_store::{Conn, StoreError, audit::Change};

use super::Written;
use crate::{
    convert,
    domain::work::Terms,
    errors,
    store::{self, lock_catalog, profiles::Expected},
};

/// A work profile to be stored.
#[derive(Debug)]
pub(crate) struct Put {
    pub(crate) profile: WorkProfile,
    /// Its terms, for the catalogue to check.
    pub(crate) terms: Terms,
    pub(crate) expected: Expected,
}

/// Creates or replaces a work profile.
pub(crate) async fn put(conn: &mut Conn, put: &Put) -> Written<PutWorkProfileResponse> {
    lock_catalog(conn).await?;
    let vocabulary = super::vocabulary(conn).await?;
    let mut fields = Fields::new();
    convert::vocabulary::check_terms(&mut fields, "work_profile", &put.terms, &vocabulary);
    if let Err(refusal) = fields.finish() {
        return Ok(Err(refusal));
    }
    let (id, message) = (put.profile.id.as_str(), put.profile.encode_to_vec());
    let before = get(conn, id).await?;
    let Some(version) = store::profiles::put(conn, id, &message, put.expected).await? else {
        return Ok(Err(errors::version_mismatch(id)));
    };
    let work_profile = WorkProfile { version, ..put.profile.clone() };
    let change = change(before.as_ref(), Some(&work_profile));
    Ok(Ok((PutWorkProfileResponse { work_profile: Some(work_profile) }, change)))
}

/// Removes a work profile and its versions.
pub(crate) async fn delete(conn: &mut Conn, id: &str) -> Written<DeleteWorkProfileResponse> {
    lock_catalog(conn).await?;
    let Some(before) = get(conn, id).await? else {
        return Ok(Err(errors::work_profile_not_found("id", id)));
    };
    store::profiles::delete(conn, id).await?;
    Ok(Ok((DeleteWorkProfileResponse {}, change(Some(&before), None))))
}

async fn get(conn: &mut Conn, id: &str) -> Result<Option<WorkProfile>, StoreError> {
    store::profiles::get(conn, id)
        .await?
        .as_ref()
        .map(|(version, message)| convert::profile::stored(*version, message))
        .transpose()
}

fn change(old: Option<&WorkProfile>, new: Option<&WorkProfile>) -> Change {
    let id = old.or(new).map_or("", |profile| profile.id.as_str());
    super::change(format!("work_profile/{id}"), "segue.selector.v1.WorkProfile", old, new)
}
