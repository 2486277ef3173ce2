use prost::Message as _;
use segue_proto::{common::v1::AccessInfo, selector::v1::Candidate};
use segue_runtime::Refusal;
use segue_store::StoreError;

use super::{Issuer, View, codes::seal_context};
use crate::{domain::handoff::Handoff, errors, store::Stored};

/// A handoff and, while its code lives, the access information.
pub(crate) struct Issued {
    pub stored: Stored,
    /// Where they are known already.
    pub candidates: Option<Vec<Candidate>>,
    pub access_info: Option<AccessInfo>,
    pub view: View,
}

impl Issuer {
    /// The handoff of a request that was made before, with its code while that lives.
    pub(super) async fn issued_before(&self, id: &str) -> Result<Issued, Refusal> {
        let stored = self.find(id).await?;
        let access_info = self.reopen(&stored.handoff).await?;
        Ok(Issued { stored, candidates: None, access_info, view: View::Whole })
    }

    /// The handoff with this id.
    pub(crate) async fn find(&self, id: &str) -> Result<Stored, Refusal> {
        self.handoffs.find(id).await?.ok_or_else(|| errors::handoff_not_found(id))
    }

    /// The access information of a handoff, while its code lives.
    pub(super) async fn reopen(&self, handoff: &Handoff) -> Result<Option<AccessInfo>, StoreError> {
        if !handoff.has_live_code(self.now_ms()) {
            return Ok(None);
        }
        let Some(sealed) = self.handoffs.sealed_access_info(handoff).await? else {
            return Ok(None);
        };
        let context = seal_context(&handoff.id, handoff.generation);
        let opened = self.code_keys.open(&context, &sealed).map_err(|_| StoreError::Failed)?;
        AccessInfo::decode(opened.as_slice()).map(Some).map_err(|_| StoreError::Failed)
    }
}
