use std::time::Duration;

use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, Value};
use segue::demo_data::DEMO_AGENT;
use segue_proto::common::v1::ErrorReason;
use segue_runtime::{
    Role,
    access::{Allow, By, TABLE},
    reason_of,
};
use tonic::{Request, Status, client::Grpc};
use tonic_prost::ProstCodec;

use super::cast::{Cast, PLATFORM, Who, callers, role};

/// A stream that was let in says nothing for a while.
const LET_IN: Duration = Duration::from_millis(500);

/// What the table means for a caller, said once more and in another way than the gate does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    LetIn,
    Unknown,
    NotAllowed,
    NotOwner,
}

fn expected(allow: &[Allow], who: Who) -> Expected {
    let side = match who {
        Who::Stranger => return Expected::Unknown,
        Who::Nobody => return Expected::NotAllowed,
        Who::With(side) | Who::Foreign(side) => role(side),
    };
    let all = side.includes().iter().any(|included| allow.contains(&Allow::All(*included)));
    let own = allow.iter().any(|allow| matches!(allow, Allow::Own(role, _) if *role == side));
    match (all, own, who) {
        (true, _, _) | (false, true, Who::With(_)) => Expected::LetIn,
        (false, true, _) => Expected::NotOwner,
        (false, false, _) => Expected::NotAllowed,
    }
}

/// What the answer says about the gate. Whatever the service itself says, it was asked.
fn outcome(answer: &Result<(), Status>) -> Expected {
    match answer.as_ref().err().and_then(reason_of) {
        Some(ErrorReason::CallerUnknown) => Expected::Unknown,
        Some(ErrorReason::CallerNotAllowed) => Expected::NotAllowed,
        Some(ErrorReason::CallerNotOwner) => Expected::NotOwner,
        _ => Expected::LetIn,
    }
}

/// A message that is about what the caller of a role owns, and about nothing else.
fn message(
    cast: &Cast,
    request: &MessageDescriptor,
    allow: &[Allow],
    who: Who,
    service: &str,
) -> DynamicMessage {
    let mut message = DynamicMessage::new(request.clone());
    let (Who::With(side) | Who::Foreign(side)) = who else { return message };
    for allow in allow {
        let Allow::Own(owner, by) = allow else { continue };
        if *owner != role(side) {
            continue;
        }
        let (field, value) = match by {
            By::Field(field) if *owner == Role::Desk => (field, DEMO_AGENT),
            By::Field(field) => (field, PLATFORM),
            By::IdOf(field) if service.contains("issuer") => (field, cast.handoff.as_str()),
            By::IdOf(field) => (field, cast.contact.as_str()),
        };
        message.set_field_by_name(field, Value::String(value.to_owned()));
    }
    message
}

async fn call(
    cast: &Cast,
    who: Who,
    service: &str,
    method: &str,
    message: DynamicMessage,
) -> Result<(), Status> {
    let mut client = Grpc::new(cast.channel(who, service));
    client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let path = format!("/{service}/{method}").parse().unwrap();
    let codec = ProstCodec::<DynamicMessage, ()>::default();
    let answered = async {
        let mut answers = client.server_streaming(Request::new(message), path, codec).await?.into_inner();
        answers.message().await.map(drop)
    };
    // Nothing said in time is a stream that stays open.
    tokio::time::timeout(LET_IN, answered).await.unwrap_or(Ok(()))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_rpc_for_every_caller() {
    let cast = Cast::gather().await;
    let pool = DescriptorPool::decode(segue_proto::DESCRIPTORS).unwrap();
    let mut counted = std::collections::BTreeMap::new();
    for service in pool.services().filter(|service| service.full_name().starts_with("segue.")) {
        let name = service.full_name();
        let (_, rules) = TABLE.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("{name}"));
        assert_eq!(rules.len(), service.methods().len(), "{name}: each method has one rule");
        for method in service.methods() {
            let rule = rules.iter().find(|rule| rule.method == method.name());
            let allow = rule.unwrap_or_else(|| panic!("no rule for {}", method.full_name())).allow;
            assert!(!allow.is_empty(), "{} is for nobody", method.full_name());
            for who in callers() {
                let expected = expected(allow, who);
                let asked = message(&cast, &method.input(), allow, who, name);
                let answer = call(&cast, who, name, method.name(), asked).await;
                assert_eq!(outcome(&answer), expected, "{} by {who:?}: {answer:?}", method.full_name());
                *counted.entry(format!("{expected:?}")).or_insert(0) += 1;
                if matches!(allow, [.., Allow::Own(_, By::Field(_))]) && expected == Expected::LetIn {
                    check_nobodys(&cast, allow, who, name, &method).await;
                }
            }
        }
    }
    println!("calls by what the gate said: {counted:?}");
    assert_eq!(cast.handoffs().await, 1, "nothing was made by all this");
}

/// A call that names nobody's agent or platform is nobody's own.
async fn check_nobodys(
    cast: &Cast,
    allow: &[Allow],
    who: Who,
    service: &str,
    method: &prost_reflect::MethodDescriptor,
) {
    let Who::With(side) = who else { return };
    if role(side).includes().iter().any(|included| allow.contains(&Allow::All(*included))) {
        return;
    }
    let empty = DynamicMessage::new(method.input());
    let answer = call(cast, who, service, method.name(), empty).await;
    assert_eq!(outcome(&answer), Expected::NotOwner, "{} by {who:?}, of nobody", method.full_name());
}

/// What our own programs call, and as what, read from their sources and not from the table: whoever forgets a line there breaks
/// something that is owed and made where nobody looks.
#[test]
fn our_own_programs_may_make_their_calls() {
    let issuer = [
        "SelectPlatform",
        "GetAgent",
        "PutServiceListEntry",
        "AdmitHandoff",
        "ReleaseServiceListEntry",
        "AbandonContact",
        "DeliverAccessInfo",
        "CloseSession",
    ];
    let platform =
        ["SubmitContact", "GetContact", "WatchContact", "AbandonContact", "RedeemCode", "RevokeHandoff"];
    let desk = [
        "CreateHandoff",
        "GetHandoff",
        "WatchHandoff",
        "CancelHandoff",
        "ReissueCode",
        "RevokeHandoff",
        "GetAgent",
        "SetPresence",
        "WatchAssignments",
        "AcknowledgeAssignments",
        "AcceptContact",
        "DeclineContact",
        "CompleteContact",
        "FinishWrapUp",
        "GetContact",
        "ListContacts",
    ];
    let admin = [
        "ListFeatureDefinitions",
        "PutFeatureDefinition",
        "DeleteFeatureDefinition",
        "ListPlatforms",
        "CreatePlatform",
        "UpdatePlatform",
        "DeletePlatform",
        "ListWorkProfiles",
        "PutWorkProfile",
        "DeleteWorkProfile",
        "GetImport",
        "ImportAccounts",
        "PutAgent",
        "LinkAccount",
    ];
    let calls: [(Role, &[&str]); 5] = [
        (Role::Issuer, &issuer),
        (Role::Selector, &["FindAccounts"]),
        (Role::Platform, &platform),
        (Role::Desk, &desk),
        (Role::Admin, &admin),
    ];
    let rules = || TABLE.iter().flat_map(|(_, rules)| *rules);
    for (role, methods) in calls {
        for method in methods {
            let allows = |allow: &Allow| matches!(allow, Allow::All(r) | Allow::Own(r, _) if role.includes().contains(r));
            let may = rules().any(|rule| rule.method == *method && rule.allow.iter().any(allows));
            assert!(may, "{method} by {role:?}");
        }
    }
}

/// What only shows something is for operators, whatever it is about; but for an agent's stream of assignments, which is its lease,
/// what platforms are asked for, and the audit log.
#[test]
fn operators_read_everything() {
    let reads = ["Get", "List", "Watch", "Find", "Simulate"];
    let others = ["segue.channel.v1.ChannelService", "segue.audit.v1.AuditService"];
    for (service, rules) in TABLE.iter().filter(|(name, _)| !others.contains(name)) {
        for rule in rules.iter().filter(|rule| reads.iter().any(|read| rule.method.starts_with(read))) {
            let for_readers = rule.allow.contains(&Allow::All(Role::Operator));
            assert_eq!(for_readers, rule.method != "WatchAssignments", "{service}/{}", rule.method);
        }
    }
}

/// Whoever administers one thing changes nothing else, and an auditor changes nothing.
#[test]
fn who_administers_one_thing_changes_no_other() {
    let reads = ["Get", "List", "Watch", "Find", "Simulate", "Select"];
    let writes_of = |role: Role| -> Vec<&str> {
        let rules = TABLE.iter().flat_map(|(_, rules)| *rules);
        rules
            .filter(|rule| rule.allow.contains(&Allow::All(role)))
            .map(|rule| rule.method)
            .filter(|method| !reads.iter().any(|read| method.starts_with(read)))
            .collect()
    };
    assert_eq!(
        writes_of(Role::AccountAdmin),
        ["LinkAccount", "UnlinkAccount", "ImportAccounts", "ForgetCustomer"]
    );
    assert_eq!(writes_of(Role::HandoffAdmin), ["CancelHandoff", "RevokeHandoff"]);
    assert_eq!(
        writes_of(Role::RoutingAdmin),
        ["PutAgent", "DeleteAgent", "SetPresence", "AbandonContact", "SetContactPriority", "TransferContact"]
    );
    assert!(writes_of(Role::Auditor).is_empty() && writes_of(Role::Operator).is_empty());
    assert!(writes_of(Role::PlatformAdmin).contains(&"UpdatePlatform"));
}

/// Codes are in the answers of two methods and in one request: none of them is for those who only read.
#[test]
fn nobody_who_only_reads_is_given_a_code() {
    for (service, method) in [
        ("segue.issuer.v1.CodeIssuerService", "CreateHandoff"),
        ("segue.issuer.v1.CodeIssuerService", "ReissueCode"),
        ("segue.channel.v1.ChannelService", "DeliverAccessInfo"),
    ] {
        let (_, rules) = TABLE.iter().find(|(name, _)| *name == service).unwrap();
        let rule = rules.iter().find(|rule| rule.method == method).unwrap();
        for reader in Role::Admin.includes().iter().copied() {
            assert!(!rule.allow.contains(&Allow::All(reader)), "{method} is for {reader:?}");
        }
    }
    let pool = DescriptorPool::decode(segue_proto::DESCRIPTORS).unwrap();
    let with_codes =
        pool.services().flat_map(|service| service.methods().collect::<Vec<_>>()).filter(|method| {
            method.output().fields().any(|field| {
                field
                    .kind()
                    .as_message()
                    .is_some_and(|inner| inner.full_name() == "segue.common.v1.AccessInfo")
            })
        });
    let names: Vec<String> = with_codes.map(|method| method.name().to_owned()).collect();
    assert_eq!(names, ["CreateHandoff", "ReissueCode"], "no other answer holds a code");
}
