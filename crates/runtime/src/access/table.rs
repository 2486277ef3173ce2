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
const ADMIN: Allow = Allow::All(Role::Admin);
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
            rule("SelectPlatform", &[ISSUER, OPERATOR, ADMIN]),
            rule("SimulateSelections", &[OPERATOR, ADMIN]),
            rule("CreatePlatform", &[ADMIN]),
            rule("GetPlatform", &[OPERATOR, ADMIN, platform("id")]),
            rule("ListPlatforms", &[OPERATOR, ADMIN]),
            rule("UpdatePlatform", &[ADMIN]),
            rule("DeletePlatform", &[ADMIN]),
            rule("ReportPlatformLoad", &[ADMIN, platform("platform")]),
            rule("PutFeatureDefinition", &[ADMIN]),
            rule("ListFeatureDefinitions", &[OPERATOR, ADMIN]),
            rule("DeleteFeatureDefinition", &[ADMIN]),
            rule("PutWorkProfile", &[ADMIN]),
            rule("GetWorkProfile", &[OPERATOR, ADMIN]),
            rule("ListWorkProfiles", &[OPERATOR, ADMIN]),
            rule("ListWorkProfileVersions", &[OPERATOR, ADMIN]),
            rule("DeleteWorkProfile", &[ADMIN]),
            rule("LinkAccount", &[ADMIN, platform("platform")]),
            rule("UnlinkAccount", &[ADMIN, platform("platform")]),
            rule("ImportAccounts", &[ADMIN]),
            rule("GetImport", &[OPERATOR, ADMIN]),
            rule("FindAccounts", &[OPERATOR, ADMIN]),
            rule("ForgetCustomer", &[ADMIN]),
            rule("GetDirectoryStatus", &[OPERATOR, ADMIN]),
        ],
    ),
    (
        "segue.issuer.v1.CodeIssuerService",
        &[
            rule("CreateHandoff", &[desk("agent")]),
            rule("GetHandoff", &[OPERATOR, ADMIN, desk_of("id"), platform_of("id")]),
            rule("ListHandoffs", &[OPERATOR, ADMIN, desk("agent")]),
            rule("WatchHandoff", &[OPERATOR, ADMIN, desk_of("id"), platform_of("id")]),
            rule("CancelHandoff", &[ADMIN, desk_of("id")]),
            rule("ReissueCode", &[desk_of("id")]),
            rule("RevokeHandoff", &[ADMIN, desk_of("id"), platform_of("id")]),
            rule("RedeemCode", &[platform("platform")]),
        ],
    ),
    (
        "segue.router.v1.PriorityRouterService",
        &[
            rule("PutAgent", &[ADMIN]),
            rule("GetAgent", &[OPERATOR, ADMIN, ISSUER, desk("id")]),
            rule("ListAgents", &[OPERATOR, ADMIN]),
            rule("SetPresence", &[ADMIN, desk("agent")]),
            rule("WatchAssignments", &[desk("agent")]),
            rule("AcknowledgeAssignments", &[desk("agent")]),
            rule("SubmitContact", &[platform("platform")]),
            rule("GetContact", &[OPERATOR, ADMIN, desk_of("id"), platform_of("id")]),
            rule("GetSessionContact", &[OPERATOR, ADMIN, ISSUER, platform("platform")]),
            rule("ListContacts", &[OPERATOR, ADMIN, desk("agent"), platform("platform")]),
            rule("WatchContact", &[OPERATOR, ADMIN, desk_of("id"), platform_of("id")]),
            rule("AcceptContact", &[desk("agent")]),
            rule("DeclineContact", &[desk("agent")]),
            rule("CompleteContact", &[desk("agent")]),
            rule("AbandonContact", &[ADMIN, ISSUER, platform_of("id")]),
            rule("SetContactPriority", &[ADMIN]),
            rule("FinishWrapUp", &[desk("agent")]),
            rule("ListContactEvents", &[OPERATOR, ADMIN, desk_of("id")]),
            rule("GetQueueStats", &[OPERATOR, ADMIN, platform("platform")]),
            rule("PutServiceListEntry", &[ISSUER]),
            rule("AdmitHandoff", &[ISSUER]),
            rule("ReleaseServiceListEntry", &[ISSUER]),
            rule("ListServiceList", &[OPERATOR, ADMIN, desk("agent")]),
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
