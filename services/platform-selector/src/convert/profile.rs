use segue_proto::selector::v1::WorkProfile;
use segue_runtime::Fields;
use segue_store::StoreError;

use super::{MAX_DISPLAY_NAME_CHARACTERS, terms};
use crate::domain::work::Terms;

/// Reads a work profile. What it returns is to be used only if `fields` has nothing against it.
pub(crate) fn parse(fields: &mut Fields, path: &str, message: &WorkProfile) -> Terms {
    fields.slug(&format!("{path}.id"), &message.id);
    let display_name = &message.display_name;
    fields.check_text(&format!("{path}.display_name"), display_name, 0..=MAX_DISPLAY_NAME_CHARACTERS);
    Terms {
        requirements: terms::requirements(fields, &format!("{path}.requirements"), &message.requirements),
        preferences: terms::preferences(fields, &format!("{path}.preferences"), &message.preferences),
    }
}

/// Reads a work profile as it is stored, which says nothing of its version.
pub(crate) fn stored(version: i64, message: &[u8]) -> Result<WorkProfile, StoreError> {
    let profile: WorkProfile = super::stored(message)?;
    Ok(WorkProfile { version, ..profile })
}
