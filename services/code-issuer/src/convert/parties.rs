//! The platforms of a handoff, as the selection has described them.

use prost::Message as _;
use segue_proto::selector::v1::{Platform, SelectPlatformResponse};
use segue_store::StoreError;

use crate::domain::handoff::{Delivery, Documents};

/// The platforms of a handoff.
#[derive(Debug, Clone)]
pub(crate) struct Parties {
    pub source: Party,
    pub target: Party,
}

/// What calls about a handoff need of a platform.
#[derive(Debug, Clone)]
pub(crate) struct Party {
    /// Where its adapter is; empty for none.
    pub adapter_uri: String,
    /// Its name for people.
    pub shown_name: String,
    /// What a contact there takes of an agent.
    pub cost_units: i32,
}

impl Parties {
    /// Of a handoff's selection, which names none of the two only if it is not ours.
    pub(crate) fn of(selection: &SelectPlatformResponse) -> Self {
        let party = |platform: Option<&Platform>| platform.map(Party::of).unwrap_or_else(Party::unknown);
        Self { source: party(selection.source.as_ref()), target: party(selection.target.as_ref()) }
    }
}

impl Party {
    fn of(platform: &Platform) -> Self {
        let name = if platform.display_name.is_empty() { &platform.id } else { &platform.display_name };
        Self {
            adapter_uri: platform.adapter_uri.clone(),
            shown_name: name.clone(),
            cost_units: platform.cost_units,
        }
    }

    fn unknown() -> Self {
        Self { adapter_uri: String::new(), shown_name: String::new(), cost_units: 0 }
    }
}

/// The selection of a handoff.
pub(crate) fn selection(documents: &Documents) -> Result<SelectPlatformResponse, StoreError> {
    SelectPlatformResponse::decode(documents.selection.as_slice()).map_err(|_| {
        tracing::error!("a stored selection is not readable");
        StoreError::Failed
    })
}

/// How the code gets to the customer at first.
pub(crate) fn first_delivery(source: &Platform) -> Delivery {
    if source.adapter_uri.is_empty() { Delivery::ByAgent } else { Delivery::Pending }
}

/// Whether the platform is text messages: it says so by the feature `sms`, or by its entry link.
pub(crate) fn is_sms(platform: &Platform) -> bool {
    platform.features.iter().any(|feature| feature.name == "sms")
        || platform.entry_uri_template.starts_with("sms:")
}
