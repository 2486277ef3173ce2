//! `docs/performance.md`.

use super::{COST, Results, THROUGHPUT, table};

const START: &str = "\
# Performance

What Segue does in a second, beside what the same machine does for a bare server of the same library in the same run. `cargo xtask bench`
measures all of it in less than 15 minutes after its build and writes this page.

";

const READING: &str = "
## How to read it

Calls, processes and databases share the cores with the callers, so that rates tell about the machine as much as about Segue. The
**ratios** can be compared between machines:

- **to echo**: calls a second, divided by those of a bare tonic server, in a process of its own, which were measured in the same round just before. All
  calls count, as the services count them: 3 for a contact; for a handoff 5 of the caller and 5 of the services among themselves; 2 for a redemption.
- **compared**: beside another figure: three replicas beside one; with contacts waiting beside none; redemptions beside `pgbench`, which sends the
  statements of redemptions as code-issuer was seen to send them, one redemption at a time; contacts beside what a job queue does on the same server.
- **CPU s/1,000**: seconds of a processor that the services' processes (a peer's: none) took for 1,000 of them. Their callers and the database's
  processes are not in it.

Each value is the median of the rounds; a ratio is the median of the rounds' own ratios. p50 and p99 are what a caller waits for one: for all
three calls of a contact, all five of a handoff.

| measured | what is done |
|---|---|
| echo | a unary call to a server without anything of Segue |
| read | `GetAgent` at the router |
| select | `SelectPlatform`, with a directory of accounts; with 1,000 platforms an answer has 200 KB |
| contact | `SubmitContact`, `AcceptContact`, `CompleteContact`; of those waiting the next is found by `ListContacts`, a fourth call |
| handoff | a contact is submitted and accepted; `CreateHandoff`; `RedeemCode` on the other platform; `CompleteContact` there. It counts when code-issuer has closed the old session |
| contact, 10,000 agents | the same three calls where so many agents are free, in place of 499 |
| handoff, seen | from `RedeemCode` until the agent's desk has the contact on its stream, one at a time, while 16 callers have contacts; p50 and p99 are of that, the rate is of whole handoffs |
| redeem | `RedeemCode` for codes that were created before |
| graphile-worker, pg-boss, BullMQ | a job is added, fetched, done; 64 at a time; each job is kept on the disk before it counts |

Each service is a process of its own, on loopback without TLS, with the log at `warn`. Settings other than the defaults: `target-latency-ms=0` and `max-calls=1024`,
so that nobody is turned away; `offer-timeout-seconds=600`, so that agents who are not asked stay.

## How to repeat it

`cargo xtask bench` needs what `cargo xtask tools` installs. `redis-server` is used where it is. `cargo xtask bench --quick` checks in less than two minutes that all of it
works, with programs that are not optimised, and writes nothing here. `cargo xtask bench --render` writes this page again from what was measured last.
";

/// The page.
pub fn render(results: &Results) -> String {
    let facts: String =
        results.machine.iter().map(|fact| format!("| {} | {} |\n", fact.name, cell(&fact.value))).collect();
    let skipped: String =
        results.skipped.iter().map(|skipped| format!("- {}: {}\n", skipped.what, skipped.why)).collect();
    let skipped = if skipped.is_empty() { String::new() } else { format!("\nLeft out:\n\n{skipped}") };
    let minutes = results.took_seconds.div_ceil(60);
    let warning =
        if results.is_quick { "**This was a quick check: its figures say nothing.**\n\n" } else { "" };
    format!(
        "{START}{warning}## Where it was measured\n\n| | |\n|---|---|\n{facts}| the whole run | {minutes} minutes |\n{skipped}
## Medians\n\n{}
![Whole handoffs a second, over callers]({THROUGHPUT})

![What a contact costs, over contacts that wait]({COST})

## A handoff in PostgreSQL\n\n{}
Statements are counted by the server, `BEGIN` and `COMMIT` among them, in the databases of all services; the services' own looking after due work is
in them. With many callers several share a transaction, and several transactions a flush.
{READING}",
        table::medians(results),
        table::statements(results),
    )
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::performance::results::example;

    #[test]
    fn the_page_tells_the_machine_and_what_was_left_out() {
        let page = render(&example());
        for text in
            ["| cores | 2 |", "- BullMQ: no redis-server", "| the whole run | 2 minutes |", "60.0", "a queue"]
        {
            assert!(page.contains(text), "{text}: {page}");
        }
        assert!(!page.contains("say nothing"));
        assert!(render(&Results { is_quick: true, ..example() }).contains("say nothing"));
    }
}
