//! `Debug` for messages that hold secrets or personal data: what they are, never what they hold.

use std::fmt;

use crate::{
    channel::v1::FindAccountsResponse,
    common::v1::{AccessInfo, CodeFace, Identity},
    issuer::v1::RedeemCodeRequest,
    selector::v1::{ImportAccountsRequest, LinkAccountRequest, UnlinkAccountRequest},
};

/// Shows the named fields only. The list of messages is repeated in `build.rs`, which leaves out the derived `Debug`; a
/// message that stands in one list only does not compile.
macro_rules! redacted {
    ($($message:ident { $($field:ident),* })*) => {$(
        impl fmt::Debug for $message {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($message))$(.field(stringify!($field), &self.$field))*.finish_non_exhaustive()
            }
        }
    )*};
}

redacted! {
    AccessInfo { faces }
    CodeFace { kind }
    FindAccountsResponse {}
    Identity { kind }
    ImportAccountsRequest { line, platform, identities }
    LinkAccountRequest { request_id, platform, identities }
    RedeemCodeRequest { request_id, platform }
    UnlinkAccountRequest { request_id, platform }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{common::v1::Customer, issuer::v1::CreateHandoffRequest};

    #[test]
    fn what_holds_a_secret_does_not_show_it_at_any_depth() {
        let identity = Identity { kind: "phone".to_owned(), value: "+8613800000042".to_owned() };
        let customer = Some(Customer { identities: vec![identity] });
        let request = CreateHandoffRequest { work_order: "WO-1".to_owned(), customer, ..Default::default() };
        let shown = format!("{request:?}");
        assert!(shown.contains("phone") && shown.contains("WO-1") && !shown.contains("138000"), "{shown}");
        let account = "app-7".to_owned();
        let link = LinkAccountRequest { account, platform: "app".to_owned(), ..Default::default() };
        assert!(!format!("{link:?}").contains("app-7"));
        let redeem = RedeemCodeRequest { code: "234567890".to_owned(), ..Default::default() };
        assert!(!format!("{redeem:?}").contains("2345"));
    }
}
