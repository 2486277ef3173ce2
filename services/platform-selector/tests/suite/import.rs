use segue_proto::{
    common::v1::ErrorReason,
    selector::v1::{
        GetDirectoryStatusRequest, GetImportRequest, ImportAccountsRequest, ImportAccountsResponse,
        RejectedRow, UnlinkAccountRequest,
    },
};
use segue_runtime::reason_of;
use segue_testkit::{Databases, refused, request_id, wait_for_some};
use tokio::sync::mpsc;
use tokio_stream::{iter, wrappers::ReceiverStream};
use tonic::Code;

use crate::{
    accounts::{PHONE, find},
    harness::{Client, Selector, identities, invalid, keys, platform, refusal},
};

segue_testkit::on_every_engine!(crate::harness::with_selector =>
    rows_are_imported_in_batches,
    bad_rows_are_reported_and_skipped,
    a_pause_is_answered,
    repeating_changes_nothing,
    rows_of_one_account_join,
    a_finished_import_starts_anew,
    a_dry_run_only_tells,
    an_import_ends_with_the_service,
    an_import_is_resumed,
    one_stream_at_a_time,
    lines_must_rise_to_be_resumed,
);
segue_testkit::on_every_engine!(segue_testkit::with_databases => an_import_under_another_key_is_not_resumed);

fn row(line: i64, platform: &str, account: &str, of: &[(&str, &str)]) -> ImportAccountsRequest {
    ImportAccountsRequest {
        line,
        platform: platform.to_owned(),
        account: account.to_owned(),
        identities: identities(of),
        ..ImportAccountsRequest::default()
    }
}

/// Of an import that can be resumed.
fn resumable(line: i64) -> ImportAccountsRequest {
    ImportAccountsRequest { import_id: "accounts.csv-1".to_owned(), ..numbered(line) }
}

async fn progress(selector: &mut Selector) -> Result<(i64, i64, i64), tonic::Status> {
    let answer = selector.client.get_import(named_import()).await?.into_inner();
    assert!(answer.update_time.is_some());
    Ok((answer.imported, answer.rejected, answer.through_line))
}

fn numbered(line: i64) -> ImportAccountsRequest {
    row(line, "app", &format!("a{line}"), &[("phone", &format!("+86138{line:08}"))])
}

async fn import(selector: &mut Selector, rows: Vec<ImportAccountsRequest>) -> Vec<ImportAccountsResponse> {
    let mut answers = selector.client.import_accounts(iter(rows)).await.unwrap().into_inner();
    let mut all = vec![];
    while let Some(answer) = answers.message().await.unwrap() {
        all.push(answer);
    }
    all
}

fn totals(answer: &ImportAccountsResponse) -> (i64, i64, i64) {
    (answer.imported, answer.rejected, answer.through_line)
}

async fn rows_are_imported_in_batches(mut selector: Selector) {
    selector.create([platform("app", &[])]).await;
    let answers = import(&mut selector, (1..=1234).map(numbered).collect()).await;
    assert!(answers.len() >= 3, "{answers:?}");
    assert!(answers.is_sorted_by_key(|answer| answer.imported));
    assert!(answers.iter().all(|answer| answer.imported == answer.through_line));
    assert_eq!(totals(answers.last().unwrap()), (1234, 0, 1234));
    for line in [1, 500, 501, 1234] {
        let phone = format!("+86138{line:08}");
        assert_eq!(find(&mut selector, &[("phone", &phone)], &[]).await.len(), 1, "{line}");
    }
    assert_eq!(import(&mut selector, vec![]).await, [ImportAccountsResponse::default()]);
}

async fn bad_rows_are_reported_and_skipped(mut selector: Selector) {
    selector.create([platform("app", &[])]).await;
    let answers = import(
        &mut selector,
        vec![
            row(10, "app", "good", &[PHONE]),
            row(11, "moon", "no-platform", &[PHONE]),
            row(12, "app", "", &[PHONE]),
            row(13, "app", "odd-phone", &[("phone", "13800138000")]),
            row(14, "app", "nothing", &[]),
            row(15, "A B", "two faults", &[]),
            row(15, "app", "ran\ntogether", &[PHONE]),
            row(16, "app", "also-good", &[PHONE]),
        ],
    )
    .await;
    let rejected: Vec<_> = answers
        .iter()
        .flat_map(|answer| &answer.rejections)
        .map(|RejectedRow { line, field, .. }| (*line, field.as_str()))
        .collect();
    let expected = [
        (11, "platform"),
        (12, "account"),
        (13, "identities[0].value"),
        (14, "identities"),
        (15, "platform"),
        (15, "account"),
    ];
    assert_eq!(rejected, expected);
    assert_eq!(totals(answers.last().unwrap()), (2, 6, 16));
    let said = format!("{answers:?}");
    assert!(!said.contains("13800138000"), "{said}");
    assert_eq!(find(&mut selector, &[PHONE], &[]).await.len(), 2);
}

async fn a_pause_is_answered(mut selector: Selector) {
    selector.create([platform("app", &[])]).await;
    let (rows, taken) = mpsc::channel(8);
    let mut answers = selector.client.import_accounts(ReceiverStream::new(taken)).await.unwrap().into_inner();
    for line in 1..=3 {
        rows.send(numbered(line)).await.unwrap();
        // The row is committed although the stream is still open.
        let answer = answers.message().await.unwrap().unwrap();
        assert_eq!(totals(&answer), (line, 0, line));
        let phone = format!("+86138{line:08}");
        assert_eq!(find(&mut selector, &[("phone", &phone)], &[]).await.len(), 1);
    }
    drop(rows);
    assert_eq!(totals(&answers.message().await.unwrap().unwrap()), (3, 0, 3));
    assert_eq!(answers.message().await.unwrap(), None);
}

async fn repeating_changes_nothing(mut selector: Selector) {
    selector.create([platform("app", &[])]).await;
    selector.link("app", "a1", &[PHONE]).await;
    let rows = || (1..=20).map(numbered).collect();
    for unchanged in [0, 20] {
        let answer = import(&mut selector, rows()).await.pop().unwrap();
        assert_eq!((totals(&answer), answer.unchanged, answer.skipped), ((20, 0, 20), unchanged, 0));
        // What the account had before is replaced.
        assert_eq!(find(&mut selector, &[PHONE], &[]).await, []);
    }
}

/// Of an account whose rows are apart by more than a batch, too.
async fn rows_of_one_account_join(mut selector: Selector) {
    selector.create([platform("app", &[])]).await;
    selector.link("app", "a7", &[("member_id", "old")]).await;
    let joined = [PHONE, ("email", "a7@x.com"), ("phone", "+8613800000007")];
    let rows = || {
        let mut rows: Vec<_> = (1..=1200).map(resumable).collect();
        for (line, identity) in [(2, joined[0]), (1100, joined[1])] {
            let row = &mut rows[line - 1];
            row.account = "a7".to_owned();
            row.identities = identities(&[identity]);
        }
        rows
    };
    for _ in 0..2 {
        let answer = import(&mut selector, rows()).await.pop().unwrap();
        assert_eq!(totals(&answer), (1200, 0, 1200));
        let found = find(&mut selector, &[joined[0], joined[1], joined[2]], &[]).await;
        assert_eq!(found.len(), 1, "one account has them all");
        assert_eq!(found[0].matched_kinds, ["email", "phone"]);
        assert_eq!(find(&mut selector, &[("member_id", "old")], &[]).await, []);
    }
    // An account with too many is told.
    let phone = |number: i64| ("phone".to_owned(), format!("+86139{number:08}"));
    let rows = (1..=20).map(|line| {
        let (kind, value) = phone(line);
        row(line, "app", "many", &[(kind.as_str(), value.as_str())])
    });
    let answer = import(&mut selector, rows.collect()).await.pop().unwrap();
    assert_eq!(totals(&answer), (16, 4, 20));
    let lines: Vec<_> = answer.rejections.iter().map(|row| (row.line, row.field.as_str())).collect();
    assert_eq!(lines, (17..=20).map(|line| (line, "identities")).collect::<Vec<_>>());
    // A later import says anew what the account has.
    let (_, first) = phone(1);
    import(&mut selector, vec![row(1, "app", "many", &[PHONE])]).await;
    assert_eq!(find(&mut selector, &[("phone", first.as_str())], &[]).await, []);
}

/// Sent again, a finished import does everything again, and so what could not be done before.
async fn a_finished_import_starts_anew(mut selector: Selector) {
    let rows = || vec![resumable(1), ImportAccountsRequest { platform: "app".to_owned(), ..resumable(2) }];
    let answer = import(&mut selector, rows()).await.pop().unwrap();
    assert_eq!(totals(&answer), (0, 2, 2));
    selector.create([platform("app", &[])]).await;
    let answer = import(&mut selector, rows()).await.pop().unwrap();
    assert_eq!((totals(&answer), answer.unchanged), ((2, 0, 2), 0));
    let unlink = UnlinkAccountRequest {
        request_id: request_id(),
        platform: "app".to_owned(),
        account: "a1".to_owned(),
    };
    selector.client.unlink_account(unlink).await.unwrap();
    let answer = import(&mut selector, rows()).await.pop().unwrap();
    assert_eq!((totals(&answer), answer.unchanged), ((2, 0, 2), 1));
    assert_eq!(find(&mut selector, &[("phone", "+8613800000001")], &[]).await.len(), 1);
    let told = selector.client.get_import(named_import()).await.unwrap().into_inner();
    assert_eq!((told.imported, told.unchanged, told.finished), (2, 1, true));
    assert_eq!(refused_import(&mut selector, resuming(3, 2)).await, not_resumable());
}

/// Rows under the key before would be lost with it.
async fn an_import_under_another_key_is_not_resumed(databases: &Databases) {
    let url = databases.create();
    if url.starts_with("sqlite::memory:") {
        return;
    }
    let mut before = Selector::on(&url, keys(1, None)).await;
    before.create([platform("app", &[])]).await;
    begin_and_break_off(&mut before).await;
    before.end().await;
    let mut during = Selector::on(&url, keys(2, Some(1))).await;
    assert_eq!(refused_import(&mut during, resuming(2, 1)).await, not_resumable());
    let answer = import(&mut during, vec![resumable(1), resumable(2)]).await.pop().unwrap();
    assert_eq!((totals(&answer), answer.unchanged), ((2, 0, 2), 0));
    let status = during.client.get_directory_status(GetDirectoryStatusRequest {}).await.unwrap().into_inner();
    assert_eq!((status.current_key, status.previous_key), (2, 0));
}

async fn a_dry_run_only_tells(mut selector: Selector) {
    selector.create([platform("app", &[])]).await;
    selector.link("app", "a1", &[("phone", "+8613800000001")]).await;
    let dry = |row: ImportAccountsRequest| ImportAccountsRequest { dry_run: true, ..row };
    let rows = vec![
        dry(numbered(1)),
        dry(numbered(2)),
        dry(row(3, "moon", "a", &[PHONE])),
        dry(row(4, "app", "", &[])),
    ];
    let answer = import(&mut selector, rows).await.pop().unwrap();
    assert_eq!((totals(&answer), answer.unchanged), ((2, 2, 4), 1));
    assert_eq!(find(&mut selector, &[("phone", "+8613800000002")], &[]).await, []);
    assert_eq!(refused_import(&mut selector, dry(resumable(1))).await, invalid(&["dry_run"]));
    let odd = ImportAccountsRequest { resume_after_line: 1, ..numbered(2) };
    assert_eq!(refused_import(&mut selector, odd).await, invalid(&["resume_after_line"]));
}

fn named_import() -> GetImportRequest {
    GetImportRequest { import_id: "accounts.csv-1".to_owned() }
}

fn resuming(line: i64, after: i64) -> ImportAccountsRequest {
    ImportAccountsRequest { resume_after_line: after, ..resumable(line) }
}

fn not_resumable() -> segue_testkit::Refused {
    refusal(Code::FailedPrecondition, ErrorReason::ImportNotResumable, &["resume_after_line"])
}

/// How an import that begins with a row is refused.
async fn refused_import(selector: &mut Selector, row: ImportAccountsRequest) -> segue_testkit::Refused {
    let mut answers = selector.client.import_accounts(iter([row])).await.unwrap().into_inner();
    refused(answers.message().await)
}

/// One row is committed, and the stream does not end well.
async fn begin_and_break_off(selector: &mut Selector) {
    let (rows, taken) = mpsc::channel(8);
    let mut answers = selector.client.import_accounts(ReceiverStream::new(taken)).await.unwrap().into_inner();
    rows.send(resumable(1)).await.unwrap();
    assert_eq!(totals(&answers.message().await.unwrap().unwrap()), (1, 0, 1));
    rows.send(resumable(1)).await.unwrap();
    answers.message().await.unwrap_err();
}

async fn an_import_ends_with_the_service(mut selector: Selector) {
    selector.create([platform("app", &[])]).await;
    let (rows, taken) = mpsc::channel(8);
    let mut answers = selector.client.import_accounts(ReceiverStream::new(taken)).await.unwrap().into_inner();
    rows.send(numbered(1)).await.unwrap();
    assert_eq!(totals(&answers.message().await.unwrap().unwrap()), (1, 0, 1));
    let ended = tokio::spawn(selector.end());
    let status = answers.message().await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    drop((rows, answers));
    tokio::time::timeout(segue_testkit::WAIT, ended).await.unwrap().unwrap();
}

async fn an_import_is_resumed(mut selector: Selector) {
    selector.create([platform("app", &[])]).await;
    let none = refusal(Code::NotFound, ErrorReason::ImportNotFound, &["import_id"]);
    assert_eq!(refused(progress(&mut selector).await), none);
    // A stream that is cut off after its second batch, while more rows are on their way.
    let (rows, taken) = mpsc::channel(2000);
    let mut answers = selector.client.import_accounts(ReceiverStream::new(taken)).await.unwrap().into_inner();
    for line in 1..=1300 {
        let row = match line {
            // A bad one among them.
            400 => ImportAccountsRequest { account: String::new(), ..resumable(line) },
            _ => resumable(line),
        };
        rows.send(row).await.unwrap();
    }
    while answers.message().await.unwrap().unwrap().through_line < 1000 {}
    // With its rows ended it would be finished.
    drop(answers);
    // Sent from the start and told how far it was, what is done is skipped. The service may still be committing what it had
    // taken from the first stream; until then it tells the second to wait.
    let mut client = selector.client.clone();
    let (done, answer) = wait_for_some("the import to be free", || resume_all(client.clone())).await;
    assert_eq!((totals(&answer), answer.skipped), ((1499, 1, 1500), done));
    drop(rows);
    assert_eq!(progress(&mut selector).await.unwrap(), (1499, 1, 1500));
    for line in [1, 900, 1300, 1500] {
        let phone = format!("+86138{line:08}");
        assert_eq!(find(&mut selector, &[("phone", &phone)], &[]).await.len(), 1, "{line}");
    }
    let odd = GetImportRequest { import_id: String::new() };
    assert_eq!(refused(client.get_import(odd).await), invalid(&["import_id"]));
}

async fn resume_all(mut client: Client) -> Option<(i64, ImportAccountsResponse)> {
    let told = client.get_import(named_import()).await.unwrap().into_inner();
    assert!(!told.finished);
    let done = told.through_line;
    let rows = iter((1..=1500).map(move |line| resuming(line, done)));
    let mut answers = client.import_accounts(rows).await.unwrap().into_inner();
    let mut last = None;
    loop {
        match answers.message().await {
            Ok(Some(answer)) => last = Some(answer),
            Ok(None) => return last.map(|last| (done, last)),
            Err(status) => {
                assert_eq!(reason_of(&status), Some(ErrorReason::ImportInProgress));
                return None;
            }
        }
    }
}

async fn one_stream_at_a_time(mut selector: Selector) {
    selector.create([platform("app", &[])]).await;
    let (first, taken) = mpsc::channel(8);
    let mut answers = selector.client.import_accounts(ReceiverStream::new(taken)).await.unwrap().into_inner();
    first.send(resumable(1)).await.unwrap();
    assert_eq!(totals(&answers.message().await.unwrap().unwrap()), (1, 0, 1));
    let second = import(&mut selector, (1..=3).map(resumable).collect()).await;
    assert_eq!(totals(second.last().unwrap()), (3, 0, 3));
    first.send(resumable(2)).await.unwrap();
    let overtaken = refused(answers.message().await);
    assert_eq!(overtaken, refusal(Code::Aborted, ErrorReason::ImportInProgress, &["import_id"]));
    assert_eq!(progress(&mut selector).await.unwrap(), (3, 0, 3));
}

async fn lines_must_rise_to_be_resumed(mut selector: Selector) {
    selector.create([platform("app", &[])]).await;
    for lines in [vec![1, 3, 2], vec![1, 1], vec![0]] {
        let rows = iter(lines.into_iter().map(resumable));
        let mut answers = selector.client.import_accounts(rows).await.unwrap().into_inner();
        let status = loop {
            match answers.message().await {
                Ok(answer) => assert!(answer.is_some(), "the import ended well"),
                Err(status) => break status,
            }
        };
        assert_eq!(refused::<()>(Err(status)), invalid(&["line"]));
    }
    let odd = ImportAccountsRequest { import_id: "a b".to_owned(), ..numbered(1) };
    let mut answers = selector.client.import_accounts(iter([odd])).await.unwrap().into_inner();
    assert_eq!(refused(answers.message().await), invalid(&["import_id"]));
}
