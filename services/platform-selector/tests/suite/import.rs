use segue_proto::{
    common::v1::ErrorReason,
    selector::v1::{GetImportRequest, ImportAccountsRequest, ImportAccountsResponse, RejectedRow},
};
use segue_runtime::reason_of;
use segue_testkit::{Databases, refused, wait_for_some};
use tokio::sync::mpsc;
use tokio_stream::{iter, wrappers::ReceiverStream};
use tonic::Code;

use crate::{
    accounts::{PHONE, find},
    harness::{Client, Selector, identities, invalid, platform, refusal},
};

pub async fn run(databases: &Databases) {
    rows_are_imported_in_batches(Selector::start(databases).await).await;
    bad_rows_are_reported_and_skipped(Selector::start(databases).await).await;
    a_pause_is_answered(Selector::start(databases).await).await;
    repeating_changes_nothing(Selector::start(databases).await).await;
    an_import_ends_with_the_service(Selector::start(databases).await).await;
    an_import_is_resumed(Selector::start(databases).await).await;
    one_stream_at_a_time(Selector::start(databases).await).await;
    lines_must_rise_to_be_resumed(Selector::start(databases).await).await;
}

fn row(line: i64, platform: &str, account: &str, of: &[(&str, &str)]) -> ImportAccountsRequest {
    ImportAccountsRequest {
        line,
        platform: platform.to_owned(),
        account: account.to_owned(),
        identities: identities(of),
        import_id: String::new(),
    }
}

/// Of an import that can be resumed.
fn resumable(line: i64) -> ImportAccountsRequest {
    ImportAccountsRequest { import_id: "accounts.csv-1".to_owned(), ..numbered(line) }
}

async fn progress(selector: &mut Selector) -> Result<(i64, i64, i64), tonic::Status> {
    let request = GetImportRequest { import_id: "accounts.csv-1".to_owned() };
    let answer = selector.client.get_import(request).await?.into_inner();
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
    ];
    assert_eq!(rejected, expected);
    assert_eq!(totals(answers.last().unwrap()), (2, 5, 16));
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
    let rows = || {
        let mut rows: Vec<_> = (1..=20).map(numbered).collect();
        // Of one account's rows the last counts, in one batch as in two.
        rows.insert(0, row(0, "app", "a7", &[PHONE]));
        rows
    };
    for _ in 0..2 {
        assert_eq!(totals(import(&mut selector, rows()).await.last().unwrap()), (21, 0, 20));
        assert_eq!(find(&mut selector, &[PHONE], &[]).await, []);
        let found = find(&mut selector, &[("phone", "+8613800000007")], &[]).await;
        assert_eq!(found.len(), 1);
    }
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
    drop((rows, answers));
    // Sent again from the start, what is done is skipped. The service may still be committing what it had taken from the
    // first stream; until then it tells the second to wait.
    let mut client = selector.client.clone();
    let answer = wait_for_some("the import to be free", || send_all(client.clone())).await;
    assert_eq!(totals(&answer), (1499, 1, 1500));
    assert_eq!(progress(&mut selector).await.unwrap(), (1499, 1, 1500));
    let again = import(&mut selector, vec![resumable(1501)]).await;
    assert_eq!(totals(again.last().unwrap()), (1500, 1, 1501));
    for line in [1, 900, 1300, 1500] {
        let phone = format!("+86138{line:08}");
        assert_eq!(find(&mut selector, &[("phone", &phone)], &[]).await.len(), 1, "{line}");
    }
    let odd = GetImportRequest { import_id: String::new() };
    assert_eq!(refused(client.get_import(odd).await), invalid(&["import_id"]));
}

async fn send_all(mut client: Client) -> Option<ImportAccountsResponse> {
    let rows = iter((1..=1500).map(resumable));
    let mut answers = client.import_accounts(rows).await.unwrap().into_inner();
    let mut last = None;
    loop {
        match answers.message().await {
            Ok(Some(answer)) => last = Some(answer),
            Ok(None) => return last,
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
