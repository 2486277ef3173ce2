//! What the chassis knows of each method: how important its calls are under overload, and whether a client may retry a call
//! whose outcome is unknown. There is one table; a test compares it with the contracts.
//!
//! A new method gets a row here. A method without a row is admitted last and never retried.

use crate::MAX_MESSAGE_BYTES;

/// The largest message of a call whose request holds ids and few other fields.
pub(crate) const SMALL_MESSAGE_BYTES: usize = 32 * 1024;

/// How important a call is when not all can be served. Calls are admitted in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// A customer waits for the call, with a code to enter or just entered.
    Critical,
    /// The call opens a stream. After the loss of a replica all desks reconnect at once, and may wait for each other.
    Opening,
    /// All other calls.
    Normal,
    /// The call can be made later: lists, statistics, imports.
    Bulk,
}

impl Class {
    /// The name in metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Opening => "opening",
            Self::Normal => "normal",
            Self::Bulk => "bulk",
        }
    }
}

/// Whether a call whose outcome is unknown may be retried, and why that is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    /// The call changes nothing.
    Read,
    /// The receiver recognises the repetition by its `request_id`.
    ByRequest,
    /// The repetition changes nothing: the receiver recognises it by the handoff that it is about, or sets the same values.
    Idempotent,
    /// The call is a stream, and is not retried: its reader opens another one that goes on where this one ended.
    Stream,
}

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Method {
    pub(crate) name: &'static str,
    pub(crate) class: Class,
    pub(crate) retry: Retry,
    /// The largest message of a call, in bytes.
    pub(crate) most_bytes: usize,
    /// Whether the audit log has a record of each call that was done, and of those that were refused.
    pub(crate) is_audited: bool,
}

impl Method {
    /// The method's requests may be as large as any message: they have lists, texts or pictures.
    const fn large(self) -> Self {
        Self { most_bytes: MAX_MESSAGE_BYTES, ..self }
    }

    /// The method's calls are recorded in the audit log.
    const fn audited(self) -> Self {
        Self { is_audited: true, ..self }
    }

    /// Whether a client may retry a call of the method.
    pub(crate) fn is_retryable(self) -> bool {
        self.retry != Retry::Stream
    }
}

const fn critical(name: &'static str, retry: Retry) -> Method {
    Method { name, class: Class::Critical, retry, most_bytes: SMALL_MESSAGE_BYTES, is_audited: false }
}

const fn normal(name: &'static str, retry: Retry) -> Method {
    Method { name, class: Class::Normal, retry, most_bytes: SMALL_MESSAGE_BYTES, is_audited: false }
}

const fn opening(name: &'static str) -> Method {
    Method {
        name,
        class: Class::Opening,
        retry: Retry::Stream,
        most_bytes: SMALL_MESSAGE_BYTES,
        is_audited: false,
    }
}

const fn bulk(name: &'static str, retry: Retry) -> Method {
    Method { name, class: Class::Bulk, retry, most_bytes: SMALL_MESSAGE_BYTES, is_audited: false }
}

const ISSUER: &[Method] = &[
    critical("RedeemCode", Retry::ByRequest).audited(),
    // Somebody else has entered the code: that has to end at once.
    critical("RevokeHandoff", Retry::ByRequest).audited(),
    normal("CreateHandoff", Retry::ByRequest).large().audited(),
    normal("GetHandoff", Retry::Read),
    opening("WatchHandoff"),
    normal("CancelHandoff", Retry::ByRequest).audited(),
    normal("ReissueCode", Retry::ByRequest).audited(),
    bulk("ListHandoffs", Retry::Read),
];

const ROUTER: &[Method] = &[
    critical("AdmitHandoff", Retry::Idempotent),
    opening("WatchAssignments"),
    critical("AcknowledgeAssignments", Retry::Idempotent),
    normal("PutAgent", Retry::ByRequest).large().audited(),
    normal("DeleteAgent", Retry::ByRequest).audited(),
    normal("GetAgent", Retry::Read),
    normal("SetPresence", Retry::ByRequest),
    normal("SubmitContact", Retry::ByRequest).large(),
    normal("GetContact", Retry::Read),
    normal("GetSessionContact", Retry::Read),
    opening("WatchContact"),
    normal("AcceptContact", Retry::ByRequest),
    normal("DeclineContact", Retry::ByRequest),
    normal("CompleteContact", Retry::ByRequest),
    normal("AbandonContact", Retry::ByRequest),
    normal("SetContactPriority", Retry::ByRequest).audited(),
    normal("TransferContact", Retry::ByRequest),
    normal("FinishWrapUp", Retry::ByRequest),
    normal("PutServiceListEntry", Retry::Idempotent).large(),
    normal("ReleaseServiceListEntry", Retry::Idempotent),
    bulk("ListAgents", Retry::Read),
    bulk("ListContacts", Retry::Read),
    bulk("ListContactEvents", Retry::Read),
    bulk("GetQueueStats", Retry::Read),
    bulk("ListServiceList", Retry::Read),
];

const SELECTOR: &[Method] = &[
    normal("SelectPlatform", Retry::Read).large(),
    normal("CreatePlatform", Retry::ByRequest).large().audited(),
    normal("GetPlatform", Retry::Read),
    normal("UpdatePlatform", Retry::ByRequest).large().audited(),
    normal("DeletePlatform", Retry::ByRequest).audited(),
    normal("ApproveAdapterChange", Retry::ByRequest).audited(),
    normal("RejectAdapterChange", Retry::ByRequest).audited(),
    normal("ReportPlatformLoad", Retry::Idempotent),
    normal("PutFeatureDefinition", Retry::ByRequest).large().audited(),
    normal("DeleteFeatureDefinition", Retry::ByRequest).audited(),
    normal("PutWorkProfile", Retry::ByRequest).large().audited(),
    normal("GetWorkProfile", Retry::Read),
    normal("DeleteWorkProfile", Retry::ByRequest).audited(),
    normal("LinkAccount", Retry::ByRequest).audited(),
    normal("UnlinkAccount", Retry::ByRequest).audited(),
    normal("FindAccounts", Retry::Read),
    normal("ForgetCustomer", Retry::ByRequest).audited(),
    bulk("ListPlatforms", Retry::Read),
    bulk("ListFeatureDefinitions", Retry::Read),
    bulk("ListWorkProfiles", Retry::Read),
    bulk("ListWorkProfileVersions", Retry::Read),
    bulk("SimulateSelections", Retry::Read).large(),
    bulk("ImportAccounts", Retry::Stream).audited(),
    bulk("GetImport", Retry::Read),
    bulk("GetDirectoryStatus", Retry::Read),
];

const CHANNEL: &[Method] = &[
    normal("DeliverAccessInfo", Retry::Idempotent).large(),
    normal("CloseSession", Retry::Idempotent),
    normal("FindAccounts", Retry::Read),
];

const AUDIT: &[Method] = &[bulk("ListAuditRecords", Retry::Read)];

const SERVICES: &[(&str, &[Method])] = &[
    ("segue.issuer.v1.CodeIssuerService", ISSUER),
    ("segue.router.v1.PriorityRouterService", ROUTER),
    ("segue.selector.v1.PlatformSelectorService", SELECTOR),
    ("segue.channel.v1.ChannelService", CHANNEL),
    ("segue.audit.v1.AuditService", AUDIT),
];

/// Services, with their methods whose calls the audit log has.
pub(crate) fn audited() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    SERVICES.iter().map(|(service, methods)| {
        let audited = methods.iter().filter(|method| method.is_audited);
        (*service, audited.map(|method| method.name).collect())
    })
}

/// The row of a request's path.
pub(crate) fn of_path(path: &str) -> Option<Method> {
    let (service, name) = path.trim_start_matches('/').split_once('/')?;
    let (_, methods) = SERVICES.iter().find(|(known, _)| *known == service)?;
    methods.iter().find(|method| method.name == name).copied()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use prost::Message as _;
    use prost_types::{DescriptorProto, FileDescriptorSet, MethodDescriptorProto};

    use super::*;

    /// Methods without a `request_id` that may be repeated, as their contracts say.
    const IDEMPOTENT: [&str; 7] = [
        "AcknowledgeAssignments",
        "AdmitHandoff",
        "CloseSession",
        "DeliverAccessInfo",
        "PutServiceListEntry",
        "ReleaseServiceListEntry",
        "ReportPlatformLoad",
    ];
    const READS: [&str; 5] = ["Get", "List", "Find", "Select", "Simulate"];

    fn contracts() -> FileDescriptorSet {
        FileDescriptorSet::decode(segue_proto::DESCRIPTORS).unwrap()
    }

    fn is_right(method: Method, declared: &MethodDescriptorProto, request: &DescriptorProto) -> bool {
        let streams = declared.client_streaming() || declared.server_streaming();
        let has_request_id = request.field.iter().any(|field| field.name() == "request_id");
        let reads = READS.iter().any(|verb| method.name.starts_with(verb));
        match method.retry {
            Retry::Stream => streams,
            Retry::Read => !streams && reads && !has_request_id,
            Retry::ByRequest => !streams && has_request_id,
            Retry::Idempotent => !streams && IDEMPOTENT.contains(&method.name),
        }
    }

    #[test]
    fn every_method_of_the_contracts_has_its_row_and_no_other_has_one() {
        let contracts = contracts();
        let messages: BTreeMap<String, &DescriptorProto> = contracts
            .file
            .iter()
            .flat_map(|file| {
                file.message_type.iter().map(|m| (format!(".{}.{}", file.package(), m.name()), m))
            })
            .collect();
        let mut rows: Vec<String> = SERVICES
            .iter()
            .flat_map(|(service, methods)| {
                methods.iter().map(move |method| format!("/{service}/{}", method.name))
            })
            .collect();
        let all = rows.len();
        for file in &contracts.file {
            for service in &file.service {
                for declared in &service.method {
                    let path = format!("/{}.{}/{}", file.package(), service.name(), declared.name());
                    let method = of_path(&path).unwrap_or_else(|| panic!("{path} has no row"));
                    assert!(
                        is_right(method, declared, messages[declared.input_type()]),
                        "{path}: {method:?}"
                    );
                    rows.retain(|row| *row != path);
                }
            }
        }
        assert!(rows.is_empty() && all > 50, "rows of no method: {rows:?}");
    }

    #[test]
    fn a_redemption_is_let_in_before_all_others() {
        let class = |path| of_path(path).map(|method| method.class);
        assert_eq!(class("/segue.issuer.v1.CodeIssuerService/RedeemCode"), Some(Class::Critical));
        assert_eq!(class("/segue.router.v1.PriorityRouterService/AdmitHandoff"), Some(Class::Critical));
        assert_eq!(class("/segue.router.v1.PriorityRouterService/ListContacts"), Some(Class::Bulk));
        assert_eq!(class("/segue.router.v1.PriorityRouterService/Nothing"), None);
        assert!(Class::Critical < Class::Normal && Class::Normal < Class::Bulk);
    }
}
