use segue_proto::common::v1::RemainingWork as WorkMessage;
use segue_runtime::Fields;

use super::terms;
use crate::domain::work::Terms;

/// What the remaining work needs. Without profile and terms it needs nothing, and every platform will do.
#[derive(Debug, Clone, Default)]
pub(crate) struct RemainingWork {
    /// Empty: none.
    pub(crate) profile: String,
    /// Its own terms.
    pub(crate) terms: Terms,
}

/// Reads the remaining work.
pub(crate) fn parse(fields: &mut Fields, path: &str, message: Option<&WorkMessage>) -> RemainingWork {
    let Some(message) = message else { return RemainingWork::default() };
    let read = fields.remaining_work(path, message, terms::term);
    let (requirements, preferences) = (read.requirements, terms::weighted(read.preferences));
    RemainingWork { profile: message.profile.clone(), terms: Terms { requirements, preferences } }
}
