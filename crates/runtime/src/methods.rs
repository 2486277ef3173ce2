//! What the chassis has to know of each method: how important its calls are when there are too many, and whether a call may
//! be made again when nobody knows what became of it. One table; a test holds it against the contracts.
//!
//! A new method gets a row here. One that is in no row is let in last and never repeated.

use crate::MAX_MESSAGE_BYTES;

/// The largest message of a call that names things and says little about them.
pub(crate) const SMALL_MESSAGE_BYTES: usize = 32 * 1024;

/// How important a call is when not all can be served. The order is that in which calls are let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// A customer waits for it with a code in hand.
    Critical,
    /// A stream opens. After a replica was away all desks come back at once: they may wait for each other.
    Opening,
    /// Everything else.
    Normal,
    /// Can be asked again later: lists, statistics, imports.
    Bulk,
}

impl Class {
    /// As metrics name it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Opening => "opening",
            Self::Normal => "normal",
            Self::Bulk => "bulk",
        }
    }
}

/// Whether a call may be made again when nobody knows what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// It changes nothing.
    Read,
    /// Its receiver knows it again by its `request_id`.
    ByRequest,
    /// The second time changes nothing: its receiver knows it by the handoff that it is about, or it sets what is set.
    Idempotent,
    /// It is a stream: whoever reads it opens it again, from where it was.
    Stream,
}

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Method {
    pub(crate) name: &'static str,
    pub(crate) class: Class,
    pub(crate) again: Again,
    /// The largest message of a call, in bytes.
    pub(crate) most_bytes: usize,
    /// Whether the audit log has a record of each call that was done, and of those that were refused.
    pub(crate) is_audited: bool,
}

impl Method {
    /// Takes messages as large as there are: what it is told has lists, texts or pictures.
    const fn large(self) -> Self {
        Self { most_bytes: MAX_MESSAGE_BYTES, ..self }
    }

    /// Somebody may have to account for it.
    const fn audited(self) -> Self {
        Self { is_audited: true, ..self }
    }

    /// Whether a client may repeat it.
    pub(crate) fn repeatable(self) -> bool {
        self.again != Again::Stream
    }
}

const fn critical(name: &'static str, again: Again) -> Method {
    Method { name, class: Class::Critical, again, most_bytes: SMALL_MESSAGE_BYTES, is_audited: false }
}

const fn normal(name: &'static str, again: Again) -> Method {
    Method { name, class: Class::Normal, again, most_bytes: SMALL_MESSAGE_BYTES, is_audited: false }
}

const fn opening(name: &'static str) -> Method {
    Method {
        name,
        class: Class::Opening,
        again: Again::Stream,
        most_bytes: SMALL_MESSAGE_BYTES,
        is_audited: false,
    }
}

const fn bulk(name: &'static str, again: Again) -> Method {
    Method { name, class: Class::Bulk, again, most_bytes: SMALL_MESSAGE_BYTES, is_audited: false }
}

const ISSUER: &[Method] = &[
    critical("RedeemCode", Again::ByRequest).audited(),
    // Somebody else has entered the code: that has to end at once.
    critical("RevokeHandoff", Again::ByRequest).audited(),
    normal("CreateHandoff", Again::ByRequest).large().audited(),
    normal("GetHandoff", Again::Read),
    opening("WatchHandoff"),
    normal("CancelHandoff", Again::ByRequest).audited(),
    normal("ReissueCode", Again::ByRequest).audited(),
    bulk("ListHandoffs", Again::Read),
];

const ROUTER: &[Method] = &[
    critical("AdmitHandoff", Again::Idempotent),
    opening("WatchAssignments"),
    critical("AcknowledgeAssignments", Again::Idempotent),
    normal("PutAgent", Again::ByRequest).large().audited(),
    normal("GetAgent", Again::Read),
    normal("SetPresence", Again::ByRequest),
    normal("SubmitContact", Again::ByRequest).large(),
    normal("GetContact", Again::Read),
    normal("GetSessionContact", Again::Read),
    opening("WatchContact"),
    normal("AcceptContact", Again::ByRequest),
    normal("DeclineContact", Again::ByRequest),
    normal("CompleteContact", Again::ByRequest),
    normal("AbandonContact", Again::ByRequest),
    normal("SetContactPriority", Again::ByRequest).audited(),
    normal("FinishWrapUp", Again::ByRequest),
    normal("PutServiceListEntry", Again::Idempotent).large(),
    normal("ReleaseServiceListEntry", Again::Idempotent),
    bulk("ListAgents", Again::Read),
    bulk("ListContacts", Again::Read),
    bulk("ListContactEvents", Again::Read),
    bulk("GetQueueStats", Again::Read),
    bulk("ListServiceList", Again::Read),
];

const SELECTOR: &[Method] = &[
    normal("SelectPlatform", Again::Read).large(),
    normal("CreatePlatform", Again::ByRequest).large().audited(),
    normal("GetPlatform", Again::Read),
    normal("UpdatePlatform", Again::ByRequest).large().audited(),
    normal("DeletePlatform", Again::ByRequest).audited(),
    normal("ApproveAdapterChange", Again::ByRequest).audited(),
    normal("RejectAdapterChange", Again::ByRequest).audited(),
    normal("ReportPlatformLoad", Again::Idempotent),
    normal("PutFeatureDefinition", Again::ByRequest).large().audited(),
    normal("DeleteFeatureDefinition", Again::ByRequest).audited(),
    normal("PutWorkProfile", Again::ByRequest).large().audited(),
    normal("GetWorkProfile", Again::Read),
    normal("DeleteWorkProfile", Again::ByRequest).audited(),
    normal("LinkAccount", Again::ByRequest).audited(),
    normal("UnlinkAccount", Again::ByRequest).audited(),
    normal("FindAccounts", Again::Read),
    normal("ForgetCustomer", Again::ByRequest).audited(),
    bulk("ListPlatforms", Again::Read),
    bulk("ListFeatureDefinitions", Again::Read),
    bulk("ListWorkProfiles", Again::Read),
    bulk("ListWorkProfileVersions", Again::Read),
    bulk("SimulateSelections", Again::Read).large(),
    bulk("ImportAccounts", Again::Stream).audited(),
    bulk("GetImport", Again::Read),
    bulk("GetDirectoryStatus", Again::Read),
];

const CHANNEL: &[Method] = &[
    normal("DeliverAccessInfo", Again::Idempotent).large(),
    normal("CloseSession", Again::Idempotent),
    normal("FindAccounts", Again::Read),
];

const AUDIT: &[Method] = &[bulk("ListAuditRecords", Again::Read)];

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
        match method.again {
            Again::Stream => streams,
            Again::Read => !streams && reads && !has_request_id,
            Again::ByRequest => !streams && has_request_id,
            Again::Idempotent => !streams && IDEMPOTENT.contains(&method.name),
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
