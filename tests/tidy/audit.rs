//! `docs/audit.md` is generated from the table of methods.

use segue_runtime::audit::document;

use crate::repository::is_up_to_date;

const HEAD: &str = r#"# The audit log

Each service keeps a log of who did what, in its own database and in the transaction of the act (ADR 0027). Role `auditor` reads it:

```
segue audit export https://code-issuer:50052 >> issuer.jsonl
segue audit check issuer.jsonl --head HASH
grpcurl ... platform-selector:50051 segue.audit.v1.AuditService/ListAuditRecords
```

`export` prints a JSON object a line and fails when the log is not what was written; with `--after SEQUENCE` it goes on where an earlier
export ended. `check` says the same of a file. Records are kept for `audit-days` (400).

## What is recorded

Calls of the methods in the table that were done, and those that were refused, with the reason. Of all other methods: calls of those
who may not make them (`CALLER_UNKNOWN`, `CALLER_NOT_ALLOWED`, `CALLER_NOT_OWNER`, `CONTACT_NOT_YOURS`, `SESSION_NOT_OF_AGENT`). Also
`SetPresence`, `AbandonContact` and `TransferContact` by a `routing-admin`, and `ImportAccounts` when a stream begins to change accounts, and at the end of one
with an `import_id`. A repeated request is one act.

The first refusal of a subject, method and reason is recorded within a second, those that follow once a minute, with their number
(`occurrences`) by thing. Whoever proves nothing is one kind, whatever is called. What a process had counted is lost when it's killed. Not recorded
are calls that failed because of the database, of a dependency, of too many calls or of a deadline, codes with a typing error, and what is refused in the
middle of a stream of rows to `ImportAccounts`.

| field | what |
|---|---|
| `sequence` | from 1, without a gap |
| `time` | when it was decided |
| `subject` | the SPIFFE id of the certificate or the `sub` of the token; empty where nobody was proven, or callers are not told apart |
| `method`, `request_id` | the call |
| `resource` | what it was about: `platform/ID`, `work_profile/ID`, `feature/NAME`, `account/PLATFORM/REFERENCE`, `customer`, `import/ID`, `agent/ID`, `contact/ID`, `handoff/ID` |
| `outcome` | `OK`, or the reason of the refusal (errors.md) |
| `old_value`, `new_value` | JSON; no codes and no account information: accounts are named by their references |
| `hash` | see below |

| service | audited methods |
|---|---|
"#;

const TAIL: &str = r#"
## Hashes

`hash` is the SHA-256, in lower-case hex, of these fields, each as a netstring (its length in bytes in decimal, `:`, the bytes, `,`): the hash
of the record before (empty for the first), `sequence`, the time in milliseconds since 1970, `subject`, `method`, `resource`, `request_id`,
`outcome`, `occurrences`, `old_value`, `new_value`.

The database refuses to change records, and to delete those of the last 30 days; whoever may change its schema can do so all the same, and is
found by the hashes. Whoever writes a whole new log, or has old records forgotten before their time, is not, except by somebody who knows
where the real one ended: keep exports or heads elsewhere. Every replica writes the end of the log to its own log, with `sequence` and `hash`, every
ten minutes when it has grown, and when it stops.

Records that are older than `audit-days` are deleted from the beginning. The head then names the last of them and its hash
(`forgotten_sequence`, `forgotten_hash`), from which the first that is kept goes on.

## Two people for an adapter's address

With `adapter-changes=two-people` a new or changed `adapter_uri` is not taken at once. It's shown as the platform's
`proposed_adapter_change`, for seven days, until another subject calls `ApproveAdapterChange` with the same address; `RejectAdapterChange` drops
it, and a later update of the address takes its place. All other fields of the same update are in force at once, `entry_uri_template`
too, which decides where links with codes lead: watch the log for it.
"#;

#[test]
fn what_is_audited_is_documented() {
    is_up_to_date("docs/audit.md", &format!("{HEAD}{}{TAIL}", document()));
}
