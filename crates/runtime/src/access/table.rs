//! The table: who may call what.

use crate::identity::Role;

/// One way to be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allow {
    /// Whatever it is about.
    All(Role),
    /// For the caller's own agents or platforms.
    Own(Role, By),
}

/// What says whose a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// A field of the request names the agent or platform.
    Field(&'static str),
    /// A field of the request names a thing, whose owner the service is asked for.
    IdOf(&'static str),
}

/// Who may call a method.
#[derive(Debug)]
pub struct Rule {
    /// The method's name.
    pub method: &'static str,
    /// Any of these is enough.
    pub allow: &'static [Allow],
}

const fn rule(method: &'static str, allow: &'static [Allow]) -> Rule {
    Rule { method, allow }
}

const OPERATOR: Allow = Allow::All(Role::Operator);
// Who administers reads what it administers; `admin` is all of them.
const PLATFORM_ADMIN: Allow = Allow::All(Role::PlatformAdmin);
const ACCOUNT_ADMIN: Allow = Allow::All(Role::AccountAdmin);
const ROUTING_ADMIN: Allow = Allow::All(Role::RoutingAdmin);
const HANDOFF_ADMIN: Allow = Allow::All(Role::HandoffAdmin);
const AUDITOR: Allow = Allow::All(Role::Auditor);
const ISSUER: Allow = Allow::All(Role::Issuer);
const SELECTOR: Allow = Allow::All(Role::Selector);

const fn desk(field: &'static str) -> Allow {
    Allow::Own(Role::Desk, By::Field(field))
}
const fn desk_of(id: &'static str) -> Allow {
    Allow::Own(Role::Desk, By::IdOf(id))
}
const fn platform(field: &'static str) -> Allow {
    Allow::Own(Role::Platform, By::Field(field))
}
const fn platform_of(id: &'static str) -> Allow {
    Allow::Own(Role::Platform, By::IdOf(id))
}

/// What everybody may call, unknown callers too: probes have no identity.
const OPEN: &str = "/grpc.health.v1.Health/";
/// What everybody with a role may call: it tells what is in the public contracts.
const FOR_THE_KNOWN: [&str; 2] =
    ["/grpc.reflection.v1.ServerReflection/", "/grpc.reflection.v1alpha.ServerReflection/"];

/// Methods that are sent a stream of messages; they are for those who may do it for all.
pub(super) const TAKE_STREAMS: [&str; 1] = ["/segue.selector.v1.PlatformSelectorService/ImportAccounts"];

pub(super) fn is_open(path: &str) -> bool {
    path.starts_with(OPEN)
}

pub(super) fn is_for_the_known(path: &str) -> bool {
    FOR_THE_KNOWN.iter().any(|service| path.starts_with(service))
}

/// Who may call each RPC of each service. Nobody who only reads is given a code: `CreateHandoff` and `ReissueCode` answer
/// with one and are for the agent's desk alone, `DeliverAccessInfo` carries one and comes from code-issuer alone.
pub const TABLE: &[(&str, &[Rule])] = &[
    (
        "segue.selector.v1.PlatformSelectorService",
        &[
            rule("SelectPlatform", &[ISSUER, OPERATOR, PLATFORM_ADMIN]),
            rule("SimulateSelections", &[OPERATOR, PLATFORM_ADMIN]),
            rule("CreatePlatform", &[PLATFORM_ADMIN]),
            rule("GetPlatform", &[OPERATOR, PLATFORM_ADMIN, platform("id")]),
            rule("ListPlatforms", &[OPERATOR, PLATFORM_ADMIN]),
            rule("UpdatePlatform", &[PLATFORM_ADMIN]),
            rule("DeletePlatform", &[PLATFORM_ADMIN]),
            rule("ApproveAdapterChange", &[PLATFORM_ADMIN]),
            rule("RejectAdapterChange", &[PLATFORM_ADMIN]),
            rule("ReportPlatformLoad", &[PLATFORM_ADMIN, platform("platform")]),
            rule("PutFeatureDefinition", &[PLATFORM_ADMIN]),
            rule("ListFeatureDefinitions", &[OPERATOR, PLATFORM_ADMIN]),
            rule("DeleteFeatureDefinition", &[PLATFORM_ADMIN]),
            rule("PutWorkProfile", &[PLATFORM_ADMIN]),
            rule("GetWorkProfile", &[OPERATOR, PLATFORM_ADMIN]),
            rule("ListWorkProfiles", &[OPERATOR, PLATFORM_ADMIN]),
            rule("ListWorkProfileVersions", &[OPERATOR, PLATFORM_ADMIN]),
            rule("DeleteWorkProfile", &[PLATFORM_ADMIN]),
            rule("LinkAccount", &[ACCOUNT_ADMIN, platform("platform")]),
            rule("UnlinkAccount", &[ACCOUNT_ADMIN, platform("platform")]),
            rule("ImportAccounts", &[ACCOUNT_ADMIN]),
            rule("GetImport", &[OPERATOR, ACCOUNT_ADMIN]),
            rule("FindAccounts", &[OPERATOR, ACCOUNT_ADMIN]),
            rule("ForgetCustomer", &[ACCOUNT_ADMIN]),
            rule("GetDirectoryStatus", &[OPERATOR, ACCOUNT_ADMIN]),
        ],
    ),
    (
        "segue.issuer.v1.CodeIssuerService",
        &[
            rule("CreateHandoff", &[desk("agent")]),
            rule("GetHandoff", &[OPERATOR, HANDOFF_ADMIN, desk_of("id"), platform_of("id")]),
            rule("ListHandoffs", &[OPERATOR, HANDOFF_ADMIN, desk("agent")]),
            rule("WatchHandoff", &[OPERATOR, HANDOFF_ADMIN, desk_of("id"), platform_of("id")]),
            rule("CancelHandoff", &[HANDOFF_ADMIN, desk_of("id")]),
            rule("ReissueCode", &[desk_of("id")]),
            rule("RevokeHandoff", &[HANDOFF_ADMIN, desk_of("id"), platform_of("id")]),
            rule("RedeemCode", &[platform("platform")]),
        ],
    ),
    (
        "segue.router.v1.PriorityRouterService",
        &[
            rule("PutAgent", &[ROUTING_ADMIN]),
            rule("DeleteAgent", &[ROUTING_ADMIN]),
            rule("GetAgent", &[OPERATOR, ROUTING_ADMIN, ISSUER, desk("id")]),
            rule("ListAgents", &[OPERATOR, ROUTING_ADMIN]),
            rule("SetPresence", &[ROUTING_ADMIN, desk("agent")]),
            rule("WatchAssignments", &[desk("agent")]),
            rule("AcknowledgeAssignments", &[desk("agent")]),
            rule("SubmitContact", &[platform("platform")]),
            rule("GetContact", &[OPERATOR, ROUTING_ADMIN, desk_of("id"), platform_of("id")]),
            rule("GetSessionContact", &[OPERATOR, ROUTING_ADMIN, ISSUER, platform("platform")]),
            rule("ListContacts", &[OPERATOR, ROUTING_ADMIN, desk("agent"), platform("platform")]),
            rule("WatchContact", &[OPERATOR, ROUTING_ADMIN, desk_of("id"), platform_of("id")]),
            rule("AcceptContact", &[desk("agent")]),
            rule("DeclineContact", &[desk("agent")]),
            rule("CompleteContact", &[desk("agent")]),
            rule("AbandonContact", &[ROUTING_ADMIN, ISSUER, platform_of("id")]),
            rule("SetContactPriority", &[ROUTING_ADMIN]),
            // Without an agent it is by a supervisor, whom `desk` never is: it names its own.
            rule("TransferContact", &[ROUTING_ADMIN, desk("agent")]),
            rule("FinishWrapUp", &[desk("agent")]),
            rule("ListContactEvents", &[OPERATOR, ROUTING_ADMIN, desk_of("id")]),
            rule("GetQueueStats", &[OPERATOR, ROUTING_ADMIN, platform("platform")]),
            rule("PutServiceListEntry", &[ISSUER]),
            rule("AdmitHandoff", &[ISSUER]),
            rule("ReleaseServiceListEntry", &[ISSUER]),
            rule("ListServiceList", &[OPERATOR, ROUTING_ADMIN, desk("agent")]),
        ],
    ),
    (
        "segue.channel.v1.ChannelService",
        &[
            rule("DeliverAccessInfo", &[ISSUER]),
            rule("CloseSession", &[ISSUER]),
            rule("FindAccounts", &[SELECTOR]),
        ],
    ),
    ("segue.audit.v1.AuditService", &[rule("ListAuditRecords", &[AUDITOR])]),
];

/// The table as documentation.
pub fn document() -> String {
    let mut text = String::new();
    for (service, rules) in TABLE {
        text += &format!("\n## {service}\n\n| method | who |\n|---|---|\n");
        for Rule { method, allow } in *rules {
            let who: Vec<String> = allow.iter().map(|allow| who(*allow)).collect();
            text += &format!("| `{method}` | {} |\n", who.join("; "));
        }
    }
    text
}

fn who(allow: Allow) -> String {
    match allow {
        Allow::All(role) => role.name().to_owned(),
        Allow::Own(role, By::Field(field)) => format!("{} whose own is named in `{field}`", role.name()),
        Allow::Own(role, By::IdOf(id)) => format!("{} to whom `{id}` belongs", role.name()),
    }
}
