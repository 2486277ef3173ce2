//! Everything in the contracts is documented.

use std::collections::BTreeMap;

use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, SourceCodeInfo, source_code_info::Location,
};

use crate::{comments, repository::none};

#[test]
fn every_rpc_message_field_and_value_is_documented() {
    let comments = comments::of_contracts();
    for known in [
        "segue.issuer.v1.CodeIssuerService.RedeemCode",
        "segue.issuer.v1.RedeemCodeRequest.code",
        "segue.common.v1.ErrorReason.ERROR_REASON_INTERNAL",
    ] {
        assert!(comments.contains_key(known), "{known} was not looked at");
    }
    none("every RPC, message, field and value has a comment", &undocumented(&comments));
}

#[test]
fn an_undocumented_field_is_found() {
    let message = DescriptorProto {
        name: Some("M".to_owned()),
        field: vec![FieldDescriptorProto { name: Some("f".to_owned()), ..Default::default() }],
        ..Default::default()
    };
    let said = Location {
        path: vec![4, 0],
        leading_comments: Some(" A message.\n".to_owned()),
        ..Default::default()
    };
    let file = FileDescriptorProto {
        package: Some("p".to_owned()),
        message_type: vec![message],
        source_code_info: Some(SourceCodeInfo { location: vec![said] }),
        ..Default::default()
    };
    let comments = comments::of_files([&file].into_iter());
    assert_eq!(comments["p.M"], "A message.");
    assert_eq!(undocumented(&comments), ["p.M.f"]);
}

fn undocumented(comments: &BTreeMap<String, String>) -> Vec<String> {
    comments.iter().filter(|(_, comment)| comment.is_empty()).map(|(name, _)| name.clone()).collect()
}
