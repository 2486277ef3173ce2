use segue_proto::selector::v1::{ImportAccountsRequest, SelectPlatformRequest, UnlinkAccountRequest};
use segue_testkit::{Databases, Storage, request_id};

use crate::harness::{Selector, customer, identities, platform};

const PHONE: &str = "+8613912345678";
const EMAIL: &str = "canary.person@example.com";
const ACCOUNT: &str = "canary-account-4711";

/// Whatever was said to the service, the database's files hold no account information in clear.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_customer_is_stored_in_clear() {
    let databases = Databases::start(Storage::SqliteFile);
    let mut selector = Selector::start(&databases).await;
    selector.create([platform("hotline", &[]), platform("app", &[])]).await;
    selector.link("app", ACCOUNT, &[("phone", PHONE), ("email", EMAIL)]).await;
    let row = ImportAccountsRequest {
        line: 1,
        platform: "hotline".to_owned(),
        account: ACCOUNT.to_owned(),
        identities: identities(&[("phone", PHONE), ("member_id", ACCOUNT)]),
        import_id: "canaries.csv".to_owned(),
        ..ImportAccountsRequest::default()
    };
    let mut answers = selector.client.import_accounts(tokio_stream::iter([row])).await.unwrap().into_inner();
    while answers.message().await.unwrap().is_some() {}
    let asked = SelectPlatformRequest {
        source_platform: "hotline".to_owned(),
        customer: customer(&[("phone", PHONE)]),
        ..SelectPlatformRequest::default()
    };
    assert!(selector.client.select_platform(asked).await.unwrap().into_inner().candidates[0].has_account);
    let removal = UnlinkAccountRequest {
        request_id: request_id(),
        platform: "app".to_owned(),
        account: ACCOUNT.to_owned(),
    };
    selector.client.unlink_account(removal).await.unwrap();

    // The database file and its log, which hold all tables and what was deleted from them.
    let files: Vec<Vec<u8>> = std::fs::read_dir(databases.directory())
        .unwrap()
        .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .collect();
    let stored = String::from_utf8_lossy(&files.concat()).to_lowercase();
    assert!(stored.contains("the hotline"), "the files are not the database's");
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    for text in [PHONE, "13912345678", "12345678", EMAIL, "canary", ACCOUNT] {
        assert!(!stored.contains(text), "{text} is stored in clear");
        assert!(!stored.contains(&hex(text)), "{text} is stored in hexadecimal");
    }
}
