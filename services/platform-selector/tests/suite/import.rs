use segue_proto::selector::v1::{ImportAccountsRequest, ImportAccountsResponse, RejectedRow};
use segue_testkit::Databases;
use tokio::sync::mpsc;
use tokio_stream::{iter, wrappers::ReceiverStream};

use crate::{
    accounts::{PHONE, find},
    harness::{Selector, identities, platform},
};

pub async fn run(databases: &Databases) {
    rows_are_imported_in_batches(Selector::start(databases).await).await;
    bad_rows_are_reported_and_skipped(Selector::start(databases).await).await;
    a_pause_is_answered(Selector::start(databases).await).await;
    repeating_changes_nothing(Selector::start(databases).await).await;
    an_import_ends_with_the_service(Selector::start(databases).await).await;
}

fn row(line: i64, platform: &str, account: &str, of: &[(&str, &str)]) -> ImportAccountsRequest {
    ImportAccountsRequest {
        line,
        platform: platform.to_owned(),
        account: account.to_owned(),
        identities: identities(of),
    }
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
    assert_eq!(status.code(), tonic::Code::Unavailable);
    drop((rows, answers));
    tokio::time::timeout(segue_testkit::WAIT, ended).await.unwrap().unwrap();
}
