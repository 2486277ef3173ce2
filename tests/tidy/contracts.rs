//! Everything in the contracts is documented, and what breaks a client of the last release is refused.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, SourceCodeInfo, source_code_info::Location,
};
use segue_testkit::repository;

use crate::{
    comments,
    repository::{files, none},
};

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

/// What `buf breaking` says of contracts against those of the last release.
fn breaks(contracts: &Path) -> String {
    let output = Command::new(segue_tests::tools().join("venv/bin/buf"))
        .arg("breaking")
        .arg(contracts)
        .arg("--against")
        .arg(repository().join("proto/released.yaml"))
        .output()
        .expect("buf, which `cargo xtask tools` installs");
    assert_eq!(output.stdout.is_empty(), output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_breaks_clients_of_the_last_release_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let all = files()
        .into_iter()
        .filter(|file| file.path.starts_with("proto/") && !file.path.ends_with("released.yaml"));
    for file in all {
        let path = folder.path().join(file.path.strip_prefix("proto/").unwrap());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file.text).unwrap();
    }
    let customer = folder.path().join("segue/common/v1/customer.proto");
    let sound = fs::read_to_string(&customer).unwrap();
    let breaks_with = |from: &str, to: &str| {
        assert!(sound.contains(from), "{from:?} is not in the contract");
        fs::write(&customer, sound.replace(from, to)).unwrap();
        breaks(folder.path())
    };
    assert_eq!(breaks_with("// A conversation on a platform.", "// Another comment."), "");
    assert_eq!(breaks_with("string session = 2;", "string session = 2;\n  string added = 3;"), "");
    for (from, to) in [
        ("string session = 2;", ""),
        ("string session = 2;", "string session = 3;"),
        ("string session = 2;", "string conversation = 2;"),
        ("string session = 2;", "bytes session = 2;"),
    ] {
        assert!(breaks_with(from, to).contains("segue/common/v1/customer.proto"), "{to:?}");
    }
}

fn undocumented(comments: &BTreeMap<String, String>) -> Vec<String> {
    comments.iter().filter(|(_, comment)| comment.is_empty()).map(|(name, _)| name.clone()).collect()
}
