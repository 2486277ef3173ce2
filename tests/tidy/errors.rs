//! `docs/errors.md` is generated: what each refusal means, from the contract and from what the chassis sends.

use segue_proto::common::v1::ErrorReason;
use segue_runtime::{ERROR_DOMAIN, Refusal, code_of};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::{comments, repository::is_up_to_date};

const PREFIX: &str = "segue.common.v1.ErrorReason.";
const HEAD: &str = "# Errors

Every refusal carries a `google.rpc.ErrorInfo` with the domain `segue` and one of these reasons. Program against the
reason: several share a status code, and messages are for people and may change. Where a field is at fault, the
details have a `google.rpc.BadRequest` that names each; where a thing is missing, a `google.rpc.ResourceInfo`.

A reason with a retry delay may be retried after it, a write with the same `request_id`: it is then done once, however
often it is sent. Without one, the same call will be refused again.

Generated from `proto/segue/common/v1/error_reason.proto` by `SEGUE_BLESS=1 cargo test -p segue-tests --test tidy`.

| reason | status code | retry after | meaning |
|---|---|---|---|
";

#[test]
fn errors_are_documented() {
    is_up_to_date("docs/errors.md", &document());
}

fn document() -> String {
    let comments = comments::of_contracts();
    let mut reasons: Vec<(ErrorReason, &str)> = comments
        .iter()
        .filter_map(|(name, comment)| {
            Some((ErrorReason::from_str_name(name.strip_prefix(PREFIX)?)?, comment.as_str()))
        })
        .filter(|(reason, _)| *reason != ErrorReason::Unspecified)
        .collect();
    reasons.sort_by_key(|(reason, _)| i32::from(*reason));
    assert!(!reasons.is_empty());
    reasons.iter().fold(HEAD.to_owned(), |document, (reason, meaning)| document + &row(*reason, meaning))
}

fn row(reason: ErrorReason, meaning: &str) -> String {
    let status = Status::from(Refusal::new(reason, "as sent"));
    let details = status.get_error_details();
    let info = details.error_info().unwrap();
    assert_eq!((info.domain.as_str(), status.code()), (ERROR_DOMAIN, code_of(reason)));
    let delay = details.retry_info().and_then(|info| info.retry_delay);
    let delay = delay.map_or("-".to_owned(), |delay| format!("{} ms", delay.as_millis()));
    format!("| `{}` | `{}` | {delay} | {meaning} |\n", info.reason, name_of(status.code()))
}

/// The code as the gRPC documentation writes it.
fn name_of(code: Code) -> String {
    let mut name = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(letter.to_uppercase());
    }
    name
}
