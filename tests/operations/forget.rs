//! A person is forgotten as the document says, and nobody who shares their phone.

use segue_core::{Key, Random};
use segue_testkit::{Databases, Storage, request_id};

use crate::selector::{add_platform, found, run, start};

const PHONE: &str = "+8613800138000";
const FAMILY: &str = "platform,account,phone,email
app,li,+8613800138000,li@example.com
app,wang,+8613800138000,
app,zhao,+8613800138000,
";

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_forgotten_and_their_family_is_not() {
    let databases = Databases::start(Storage::SqliteFile);
    let folder = databases.directory();
    let key = Key::generate(&Random::secure()).to_base64();
    let (mut selector, port) = start(&databases.create(), folder, &key, "").await;
    add_platform(port, "app").await;
    let file = folder.join("accounts.csv");
    std::fs::write(&file, FAMILY).unwrap();
    run("import-accounts", port, &[("ACCOUNTS", &file.display().to_string())]);

    let identities = format!(
        r#"[{{"kind": "phone", "value": "{PHONE}"}}, {{"kind": "email", "value": "li@example.com"}}]"#
    );
    let request = request_id();
    let whom = [("REQUEST_ID", request.as_str()), ("IDENTITIES", identities.as_str())];
    run("forget-dry-run", port, &whom);
    assert_eq!(found(port, "phone", PHONE).await, 3, "a dry run changes nothing");
    run("forget", port, &whom);
    assert_eq!(found(port, "email", "li@example.com").await, 0);
    assert_eq!(found(port, "phone", PHONE).await, 2, "the others stay");
    selector.terminate();
}
