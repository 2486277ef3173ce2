//! `Debug` for messages that hold secrets: what they are, never what they hold.

use std::fmt;

use crate::{
    common::v1::{AccessInfo, CodeFace, Identity},
    issuer::v1::RedeemCodeRequest,
};

impl fmt::Debug for CodeFace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodeFace").field("kind", &self.kind()).finish_non_exhaustive()
    }
}

impl fmt::Debug for AccessInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessInfo").field("faces", &self.faces).finish_non_exhaustive()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl fmt::Debug for RedeemCodeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedeemCodeRequest")
            .field("request_id", &self.request_id)
            .field("platform", &self.platform)
            .finish_non_exhaustive()
    }
}
