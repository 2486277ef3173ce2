//! `segue accounts`, as a program, against a selector.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use std::fs::File;

use segue_proto::{
    common::v1::{Customer, Identity},
    selector::v1::{
        FindAccountsRequest, UnlinkAccountRequest,
        platform_selector_service_client::PlatformSelectorServiceClient,
    },
};
use support::{Said, Selector};
use tonic::transport::{Channel, Endpoint};

async fn start() -> Selector {
    let selector = Selector::start().await;
    add_platform(&selector, "app").await;
    selector
}

async fn add_platform(selector: &Selector, id: &str) {
    let file = selector.file("platforms.yaml", format!("platforms: [{{id: {id}}}]"));
    assert!(selector.segue(&["config", "apply", "--yes", &file]).await.well);
}

async fn import(selector: &Selector, text: impl AsRef<[u8]>, flags: &[&str]) -> Said {
    let file = selector.file("accounts.csv", text);
    selector.segue(&[&["accounts", "import", &file][..], flags].concat()).await
}

fn client(selector: &Selector) -> PlatformSelectorServiceClient<Channel> {
    let endpoint = Endpoint::from_shared(selector.running.uri()).unwrap();
    PlatformSelectorServiceClient::new(endpoint.connect_lazy())
}

/// How many accounts hold an identity.
async fn found(selector: &Selector, kind: &str, value: &str) -> usize {
    let identity = Identity { kind: kind.to_owned(), value: value.to_owned(), unverified: false };
    let customer = Some(Customer { identities: vec![identity] });
    let request = FindAccountsRequest { customer, platforms: vec![] };
    client(selector).find_accounts(request).await.unwrap().into_inner().accounts.len()
}

fn rows(count: usize) -> Vec<String> {
    (1..=count).map(|row| format!("app,a{row},+8613800000{row:03}")).collect()
}

fn table(rows: &[String]) -> String {
    format!("platform,account,phone\n{}\n", rows.join("\n"))
}

fn counts(said: &Said, counts: &str) {
    assert!(said.out.lines().last().unwrap_or_default().contains(counts), "{counts} in {said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_rows_are_told_by_line_and_column() {
    let selector = start().await;
    let csv = "platform,account,Phone,email\n\
               app,a1,+86 138 0013 8001,\n\
               app,a2,13800138002,\n\
               moon,a3,+8613800138003,\n\
               app,a4\n\
               app,a5,,a5@example.com\n\
               app,a6,8.61371E+12,a6@example.com\n\
               app,a7,,not an address\n";
    let refused = selector.folder.path().join("refused.csv").display().to_string();
    let said = import(&selector, csv, &["--refused", &refused]).await;
    assert!(!said.well);
    counts(&said, "7 rows: 2 written, 0 unchanged, 0 skipped, 5 refused");
    for line in [
        "line 3: Phone must be a phone number",
        "line 4: platform names nothing",
        "line 5: row has 2 cells, and 4 are expected",
        "line 7: Phone is a number that a spreadsheet has shortened",
        "line 8: email must be an e-mail address",
    ] {
        assert!(said.err.contains(line), "{line} in {said:?}");
    }
    assert!(!said.err.contains("13800138002") && !said.err.contains("8.61371"), "{said:?}");
    let table = std::fs::read_to_string(refused).unwrap();
    let lines: Vec<&str> = table.lines().filter_map(|line| line.split(',').next()).collect();
    assert_eq!(lines, ["line", "3", "4", "5", "7", "8"]);
    let said = import(&selector, "platform,shoe_size\n", &[]).await;
    assert!(!said.well && said.err.contains("no column is called shoe_size"), "{said:?}");
    selector.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_file_again_does_what_is_left_to_do() {
    let selector = start().await;
    let csv = table(&[rows(3), vec!["web,w1,+8613900139000".to_owned()]].concat());
    let said = import(&selector, &csv, &[]).await;
    assert!(!said.well);
    counts(&said, "4 rows: 3 written, 0 unchanged, 0 skipped, 1 refused");
    // What was refused is taken once its platform is there, and what is gone comes back; also under the same name.
    add_platform(&selector, "web").await;
    let unlink = UnlinkAccountRequest {
        request_id: "7c0e4f5a-9d0b-4a64-8f2e-1d1b6d4c9f01".to_owned(),
        platform: "app".to_owned(),
        account: "a2".to_owned(),
    };
    client(&selector).unlink_account(unlink).await.unwrap();
    let said = import(&selector, &csv, &["--import-id", "nightly"]).await;
    assert!(said.well, "{said:?}");
    counts(&said, "4 rows: 2 written, 2 unchanged, 0 skipped, 0 refused");
    assert_eq!(found(&selector, "phone", "+8613800000002").await, 1);
    let said = import(&selector, &csv, &["--import-id", "nightly"]).await;
    counts(&said, "4 rows: 0 written, 4 unchanged, 0 skipped, 0 refused");
    selector.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quote_that_is_not_closed_ends_the_import_before_it_begins() {
    let selector = start().await;
    let mut one = rows(100);
    one[1] = "app,\"a2,+8613800000002".to_owned();
    let mut two = one.clone();
    two[2] = "app,\"a3,+8613800000003".to_owned();
    for file in [table(&one), table(&two)] {
        let said = import(&selector, file, &[]).await;
        assert!(!said.well && said.err.contains("line 3: a quote is opened and not closed"), "{said:?}");
        assert!(said.err.contains("nothing was sent"), "{said:?}");
        assert_eq!(found(&selector, "phone", "+8613800000001").await, 0);
    }
    // A line that is not of the file's encoding is refused alone.
    let mut bytes =
        table(&rows(20)).replace("app,a7,", "app,Ä7,").replace("app,a9,", "app,中9,").into_bytes();
    let broken = bytes.windows(6).position(|part| part == b"app,a8").unwrap();
    bytes[broken + 4] = 0xff;
    let said = import(&selector, bytes, &[]).await;
    counts(&said, "20 rows: 19 written, 0 unchanged, 0 skipped, 1 refused");
    assert!(said.err.contains("line 9: row is not written in UTF-8"), "{said:?}");
    selector.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_on_two_rows_has_the_identities_of_both() {
    let selector = start().await;
    let csv =
        "platform,account,phone,email\napp,a1,+8613800000001,\napp,a2,+8613800000002,\napp,a1,,a1@x.com\n";
    let said = import(&selector, csv, &[]).await;
    counts(&said, "3 rows: 3 written, 0 unchanged, 0 skipped, 0 refused");
    for (kind, value) in [("phone", "+8613800000001"), ("email", "a1@x.com")] {
        assert_eq!(found(&selector, kind, value).await, 1, "{value}");
    }
    counts(&import(&selector, csv, &[]).await, "3 rows: 0 written, 3 unchanged");
    selector.end().await;
}

/// As spreadsheets of Europe and China save them, and databases.
#[tokio::test(flavor = "multi_thread")]
async fn tables_of_spreadsheets_are_taken() {
    let selector = start().await;
    let utf_16 =
        |order: fn(u16) -> [u8; 2], text: &str| text.encode_utf16().flat_map(order).collect::<Vec<u8>>();
    let latin = |text: &str| text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect::<Vec<u8>>();
    let european =
        "Platform;Account ;Phone;\r\napp;Müller;+4915112345678;\r\napp;Société;+33612345678;\r\n;;;\r\n";
    let tabs = "platform\taccount\tphone\r\napp\tMüller\t+4915112345678\r\napp\tSociété\t+33612345678\r\n";
    // 林 and 陈, in GB18030.
    let chinese = b"platform,account,phone\r\napp,\xc1\xd6\xca\xe9\xd1\xfe,+8613800138000\r\napp,\xb3\xc2\xcf\xfe,+8613800138001\r\n";
    let files: [(&str, Vec<u8>, &str); 7] = [
        (
            "semicolons in UTF-8 with a mark",
            format!("\u{feff}{european}").into_bytes(),
            "UTF-8, delimited by semicolons",
        ),
        ("Latin-1", latin(european), "windows-1252, delimited by semicolons"),
        ("UTF-16", utf_16(u16::to_le_bytes, &format!("\u{feff}{tabs}")), "UTF-16LE, delimited by tabs"),
        (
            "UTF-16, the other way",
            utf_16(u16::to_be_bytes, &format!("\u{feff}{tabs}")),
            "UTF-16BE, delimited by tabs",
        ),
        ("UTF-16 without a mark", utf_16(u16::to_le_bytes, tabs), "UTF-16LE, delimited by tabs"),
        ("GB18030", chinese.to_vec(), "gb18030, delimited by commas"),
        ("told by itself", format!("sep=;\r\n{european}").into_bytes(), "UTF-8, delimited by semicolons"),
    ];
    for (name, bytes, format) in files {
        let said = import(&selector, bytes, &[]).await;
        assert!(
            said.well && said.out.starts_with(&format!("2 rows, read as {format}\n")),
            "{name}: {said:?}"
        );
    }
    // The account is the same one in each.
    let said = import(&selector, latin(european), &["--encoding", "latin1", "--delimiter", ";"]).await;
    counts(&said, "2 rows: 0 written, 2 unchanged");
    let said = import(&selector, table(&rows(1)), &["--delimiter", "semicolon"]).await;
    assert!(
        !said.well && said.err.contains("line 1: no column is called platform,account,phone"),
        "{said:?}"
    );
    selector.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn standard_input_and_a_dry_run() {
    let selector = start().await;
    let file = selector.file("a.csv", table(&rows(5)).replace("app,a4", "moon,a4"));
    let run = async |flags: &[&str]| {
        let arguments = [&["accounts", "import", "-"][..], flags].concat();
        selector.segue_with(&arguments, File::open(&file).unwrap()).await
    };
    let said = run(&["--dry-run"]).await;
    assert!(!said.well && said.err.contains("line 5: platform names nothing"), "{said:?}");
    counts(&said, "dry run, nothing is changed; 5 rows: 4 written, 0 unchanged, 0 skipped, 1 refused");
    assert_eq!(found(&selector, "phone", "+8613800000001").await, 0);
    counts(&run(&[]).await, "5 rows: 4 written, 0 unchanged, 0 skipped, 1 refused");
    counts(&run(&["--dry-run"]).await, "5 rows: 0 written, 4 unchanged, 0 skipped, 1 refused");
    assert_eq!(found(&selector, "phone", "+8613800000001").await, 1);
    selector.end().await;
}
