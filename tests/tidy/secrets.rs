//! A message that holds a code or personal data can't be printed by accident: it is on the list of `crates/proto/build.rs`.

use prost::Message as _;
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    field_descriptor_proto::Type,
};

use crate::repository::{files, none};

/// Fields of these names hold codes, personal data or what people wrote about a customer.
const TELLING: [&str; 17] = [
    "account",
    "accounts",
    "attributes",
    "code",
    "codes",
    "context",
    "display",
    "entry_uri",
    "message",
    "png",
    "reason",
    "source_address",
    "speech",
    "subject",
    "summary",
    "svg",
    "value",
];

/// Fields of such a name that may be printed: opaque references, keyed hashes of a platform's account ids.
const HARMLESS: [&str; 6] = [
    "segue.issuer.v1.HandoffTarget.account",
    "segue.issuer.v1.HandoffTarget.accounts",
    "segue.selector.v1.SelectPlatformResponse.accounts",
    "segue.selector.v1.Account.account",
    "segue.selector.v1.LinkAccountResponse.account",
    "segue.selector.v1.SelectPlatformResponse.account",
];

#[test]
fn messages_with_secrets_have_no_derived_debug() {
    let contracts = FileDescriptorSet::decode(segue_proto::DESCRIPTORS).unwrap();
    let ours: Vec<_> =
        contracts.file.into_iter().filter(|file| file.package().starts_with("segue.")).collect();
    let telling: Vec<String> = ours.iter().flat_map(telling_fields).collect();
    for harmless in HARMLESS {
        assert!(telling.iter().any(|field| field == harmless), "{harmless} is an exception of nothing");
    }
    let build = files().into_iter().find(|file| file.path == "crates/proto/build.rs").unwrap().text;
    let printable = |field: &String| {
        let message = field.rsplit_once('.').unwrap().0;
        !HARMLESS.contains(&field.as_str()) && !build.contains(&format!("\"{message}\""))
    };
    let wrong: Vec<String> = telling.iter().filter(|field| printable(field)).cloned().collect();
    none("a message with such a field is in SECRET_MESSAGES, or its field in HARMLESS", &wrong);
}

#[test]
fn a_telling_field_is_found_when_it_holds_text() {
    let field = |name: &str, kind: Type, type_name: &str| FieldDescriptorProto {
        name: Some(name.to_owned()),
        r#type: Some(kind.into()),
        type_name: Some(type_name.to_owned()),
        ..Default::default()
    };
    let message = DescriptorProto {
        name: Some("M".to_owned()),
        field: vec![
            field("code", Type::String, ""),
            field("png", Type::Bytes, ""),
            field("context", Type::Message, ".p.M.ContextEntry"),
            field("message", Type::Enum, ".p.E"),
            field("account", Type::Message, ".p.Account"),
            field("id", Type::String, ""),
        ],
        ..Default::default()
    };
    let file = FileDescriptorProto {
        package: Some("p".to_owned()),
        message_type: vec![message],
        ..Default::default()
    };
    assert_eq!(telling_fields(&file), ["p.M.code", "p.M.png", "p.M.context"]);
}

/// The text is in these themselves; a field of another message is that message's concern.
fn telling_fields(file: &FileDescriptorProto) -> Vec<String> {
    let mut found = Vec::new();
    for message in &file.message_type {
        let name = format!("{}.{}", file.package(), message.name());
        for field in &message.field {
            let is_map = field.type_name().starts_with(&format!(".{name}."));
            let holds_text = matches!(field.r#type(), Type::String | Type::Bytes) || is_map;
            if holds_text && TELLING.contains(&field.name()) {
                found.push(format!("{name}.{}", field.name()));
            }
        }
    }
    found
}
