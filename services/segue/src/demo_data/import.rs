//! The customers' accounts, sent as one stream; the answers on the way back tell how far it has come.

use anyhow::{Context as _, ensure};
use segue_proto::selector::v1::{
    ImportAccountsRequest, ImportAccountsResponse, RejectedRow,
    platform_selector_service_client::PlatformSelectorServiceClient,
};

use super::{Customer, Progress, Step, Summary, Targets, customers, refused};

/// Sends all accounts and fills in its part of the summary.
pub(super) async fn accounts(
    targets: &Targets,
    progress: &(dyn Fn(Progress) + Sync),
) -> anyhow::Result<Summary> {
    send(targets, progress).await.with_context(|| format!("demo data, {}", Step::Accounts))
}

async fn send(targets: &Targets, progress: &(dyn Fn(Progress) + Sync)) -> anyhow::Result<Summary> {
    // Making the customers twice costs less than keeping them.
    let wanted = || customers().map(|all| all.take(targets.customers));
    let totals = wanted()?.fold(Summary::default(), |sum, customer| Summary {
        customers: sum.customers + 1,
        accounts: sum.accounts + customer.accounts.len() as u64,
        ..sum
    });
    let tell = |done| progress(Progress { step: Step::Accounts, done, total: totals.accounts });
    tell(0);
    let rows = tokio_stream::iter(rows(wanted()?));
    let mut selector = PlatformSelectorServiceClient::new(targets.selector.clone());
    let mut answers = selector.import_accounts(rows).await.map_err(|status| refused(&status))?.into_inner();
    let mut last = ImportAccountsResponse::default();
    let mut rejection = None;
    while let Some(answer) = answers.message().await.map_err(|status| refused(&status))? {
        rejection = rejection.or_else(|| answer.rejections.first().cloned());
        tell(u64::try_from(answer.imported + answer.rejected).unwrap_or_default());
        last = answer;
    }
    check(&last, rejection.as_ref(), totals.accounts)?;
    Ok(totals)
}

fn rows(customers: impl Iterator<Item = Customer>) -> impl Iterator<Item = ImportAccountsRequest> {
    let accounts = customers.flat_map(|customer| customer.accounts);
    (1..).zip(accounts).map(|(line, account)| ImportAccountsRequest {
        line,
        platform: account.platform,
        account: account.id,
        identities: account.identities,
        ..ImportAccountsRequest::default()
    })
}

fn check(last: &ImportAccountsResponse, rejection: Option<&RejectedRow>, sent: u64) -> anyhow::Result<()> {
    if let Some(RejectedRow { line, field, description }) = rejection {
        anyhow::bail!("{} rows refused, the first is line {line}: {field} {description}", last.rejected);
    }
    ensure!(
        u64::try_from(last.imported) == Ok(sent),
        "{sent} rows sent, but the answer counts {} imported and {} refused",
        last.imported,
        last.rejected
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_count_from_one_and_repeat_each_time() {
        let lines: Vec<i64> = rows(customers().unwrap()).take(3).map(|row| row.line).collect();
        assert_eq!(lines, [1, 2, 3]);
        assert!(rows(customers().unwrap()).take(500).eq(rows(customers().unwrap()).take(500)));
    }

    #[test]
    fn refused_and_missing_rows_are_errors() {
        let answer = |imported, rejected| ImportAccountsResponse { imported, rejected, ..Default::default() };
        check(&answer(5, 0), None, 5).unwrap();
        let short = check(&answer(4, 0), None, 5).unwrap_err().to_string();
        assert_eq!(short, "5 rows sent, but the answer counts 4 imported and 0 refused");
        let row = RejectedRow { line: 7, field: "account".to_owned(), description: "is empty".to_owned() };
        let refused = check(&answer(4, 1), Some(&row), 5).unwrap_err().to_string();
        assert_eq!(refused, "1 rows refused, the first is line 7: account is empty");
    }
}
