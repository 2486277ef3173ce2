//! `Debug` for messages that hold secrets or personal data: what they are, never what they hold.

use std::fmt;

use crate::{
    audit::v1::{AuditRecord, ListAuditRecordsRequest},
    channel::v1::{CloseSessionRequest, FindAccountsResponse},
    common::v1::{AccessInfo, CodeFace, Identity, RemainingWork},
    issuer::v1::RedeemCodeRequest,
    router::v1::{Contact, ContactEvent, SubmitContactRequest, TransferContactRequest},
    selector::v1::{AdapterChange, ImportAccountsRequest, LinkAccountRequest, UnlinkAccountRequest},
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
    AdapterChange { adapter_uri, propose_time, expire_time }
    AuditRecord { sequence, time, method, resource, outcome, occurrences }
    CloseSessionRequest { handoff_id, platform, session }
    CodeFace { kind }
    Contact {
        id, state, priority, platform, session, agent, work_order, position, create_time, skills, handoff_id, update_time,
        expire_time
    }
    ContactEvent { sequence, time, kind, state, agent, priority }
    FindAccountsResponse {}
    Identity { kind }
    ImportAccountsRequest { line, platform, identities }
    LinkAccountRequest { request_id, platform, identities }
    ListAuditRecordsRequest { page_size, after_sequence, method, resource }
    RedeemCodeRequest { request_id, platform }
    RemainingWork { profile, requirements, preferences }
    SubmitContactRequest { request_id, platform, session, customer, skills, priority, time_to_live, rejoins }
    TransferContactRequest { request_id, id, agent, priority }
    UnlinkAccountRequest { request_id, platform }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{common::v1::Customer, issuer::v1::CreateHandoffRequest, router::v1::Assignment};

    #[test]
    fn what_holds_a_secret_does_not_show_it_at_any_depth() {
        let identity =
            Identity { kind: "phone".to_owned(), value: "+8613800000042".to_owned(), unverified: false };
        let customer = Some(Customer { identities: vec![identity] });
        let request = CreateHandoffRequest { work_order: "WO-1".to_owned(), customer, ..Default::default() };
        let shown = format!("{request:?}");
        assert!(shown.contains("phone") && shown.contains("WO-1") && !shown.contains("138000"), "{shown}");
        let account = "app-7".to_owned();
        let link = LinkAccountRequest { account, platform: "app".to_owned(), ..Default::default() };
        assert!(!format!("{link:?}").contains("app-7"));
        let redeem = RedeemCodeRequest { code: "234567890".to_owned(), ..Default::default() };
        assert!(!format!("{redeem:?}").contains("2345"));
        let hush = || "hush".to_owned();
        let attributes = [(hush(), hush())].into();
        let contact = Contact { id: "ctc-1".to_owned(), subject: hush(), attributes, ..Default::default() };
        let shown = format!("{:?}", Assignment { contact: Some(contact), ..Default::default() });
        assert!(shown.contains("ctc-1") && !shown.contains("hush"), "{shown}");
        let context = [(hush(), hush())].into();
        let work =
            RemainingWork { profile: "claim".to_owned(), summary: hush(), context, ..Default::default() };
        let shown =
            format!("{:?}", CreateHandoffRequest { remaining_work: Some(work), ..Default::default() });
        assert!(shown.contains("claim") && !shown.contains("hush"), "{shown}");
    }
}
