//! Tables of a run, which read well in a terminal and are Markdown.

use super::{Engine, Figure, Results, Subject, results::grouped};

/// One row for each figure.
pub fn medians(results: &Results) -> String {
    let head = [
        "measured",
        "on",
        "replicas",
        "callers",
        "a second",
        "to echo",
        "p50 ms",
        "p99 ms",
        "CPU s/1,000",
        "compared",
    ];
    let rows = results.figures.iter().map(|figure| {
        vec![
            figure.subject.to_string(),
            figure.engine.map_or("-", Engine::name).to_owned(),
            figure.replicas.to_string(),
            figure.callers.to_string(),
            whole(figure.per_second()),
            decimals(figure.to_echo(), 3),
            decimals(figure.middle(|round| round.p50_ms), 1),
            decimals(figure.middle(|round| round.p99_ms), 1),
            decimals(figure.middle(|round| round.cpu_ms), 2),
            compared(results, figure),
        ]
    });
    markdown(&head, rows.collect())
}

/// What PostgreSQL does for a handoff.
pub fn statements(results: &Results) -> String {
    let head = ["replicas", "callers", "RPCs", "statements", "transactions", "flushes of the log"];
    let counted = results.figures.iter().filter(|figure| {
        figure.subject == Subject::Handoff && figure.middle(|round| round.statements).is_some()
    });
    let rows = counted.map(|figure| {
        vec![
            figure.replicas.to_string(),
            figure.callers.to_string(),
            decimals(figure.middle(|round| round.rpcs), 1),
            decimals(figure.middle(|round| round.statements), 1),
            decimals(figure.middle(|round| round.commits), 1),
            decimals(figure.middle(|round| round.flushes), 2),
        ]
    });
    markdown(&head, rows.collect())
}

/// A figure beside the one that it is to be compared with.
fn compared(results: &Results, figure: &Figure) -> String {
    let Figure { subject, engine, replicas, callers, .. } = figure;
    let find = |subject: &Subject, replicas| results.find(subject, *engine, replicas, *callers);
    let beside =
        |other: Option<&Figure>, text: &str| other.map(|other| format!("{} of {text}", ratio(figure, other)));
    let told = match subject {
        _ if *replicas > 1 => beside(find(subject, 1), "1 replica"),
        Subject::ContactInLine { waiting } if *waiting > 0 => {
            beside(find(&Subject::ContactInLine { waiting: 0 }, 1), "0 waiting")
        }
        Subject::ContactAmong { .. } => beside(find(&Subject::Contact, 1), "contact"),
        Subject::Redeem => beside(find(&Subject::Pgbench, 1), "pgbench"),
        Subject::Peer { .. } => results
            .find(&Subject::Contact, Some(Engine::Postgres), 1, *callers)
            .map(|contact| format!("contact: {} of it", ratio(contact, figure))),
        _ => None,
    };
    told.unwrap_or_default()
}

fn ratio(figure: &Figure, other: &Figure) -> String {
    decimals(Some(figure.per_second() / other.per_second()), 2)
}

/// Columns are as wide as their widest cell. Numbers are at the right.
fn markdown(head: &[&str], rows: Vec<Vec<String>>) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([head[column].chars().count()]).max().unwrap_or_default()
    };
    let is_number = |column: usize| {
        rows.iter().all(|row| row[column].chars().all(|c| c.is_ascii_digit() || ".,-".contains(c)))
    };
    let line = |cells: Vec<&str>| {
        let padded = cells.iter().enumerate().map(|(column, cell)| {
            let width = width(column);
            if is_number(column) { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        format!("| {} |\n", padded.collect::<Vec<_>>().join(" | "))
    };
    let rules = (0..head.len()).map(|column| {
        let dashes = "-".repeat(width(column) + 1);
        if is_number(column) { format!("{dashes}:") } else { format!("{dashes}-") }
    });
    let rules = format!("|{}|\n", rules.collect::<Vec<_>>().join("|"));
    let body: String = rows.iter().map(|row| line(row.iter().map(String::as_str).collect())).collect();
    format!("{}{rules}{body}", line(head.to_vec()))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate")]
fn whole(value: f64) -> String {
    if value < 100.0 { format!("{value:.1}") } else { grouped(value.round() as usize) }
}

fn decimals(value: Option<f64>, places: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.places$}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::performance::results::example;

    #[test]
    fn the_table_has_medians_ratios_and_comparisons() {
        let expected = "\
| measured               | on         | replicas | callers | a second | to echo | p50 ms | p99 ms | CPU s/1,000 | compared            |
|------------------------|------------|---------:|--------:|---------:|--------:|-------:|-------:|------------:|---------------------|
| echo                   | -          |        1 |      64 |   10,000 |   1.000 |    2.0 |   12.5 |        0.50 |                     |
| read                   | PostgreSQL |        1 |      64 |    6,000 |   0.600 |    2.0 |   12.5 |        0.50 |                     |
| contact                | PostgreSQL |        1 |      64 |    1,000 |   0.300 |    2.0 |   12.5 |        0.50 |                     |
| contact                | PostgreSQL |        3 |      64 |      900 |   0.270 |    2.0 |   12.5 |        0.50 | 0.90 of 1 replica   |
| contact, 0 waiting     | PostgreSQL |        1 |      64 |      800 |   0.320 |    2.0 |   12.5 |        0.50 |                     |
| contact, 1,000 waiting | PostgreSQL |        1 |      64 |      400 |   0.160 |    2.0 |   12.5 |        0.50 | 0.50 of 0 waiting   |
| handoff                | PostgreSQL |        1 |       1 |     50.0 |   0.050 |    2.0 |   12.5 |        0.50 |                     |
| handoff                | PostgreSQL |        1 |      64 |      250 |   0.275 |    2.0 |   12.5 |        0.50 |                     |
| redeem                 | PostgreSQL |        1 |      64 |      500 |   0.050 |    2.0 |   12.5 |        0.50 | 0.50 of pgbench     |
| pgbench, redeem        | PostgreSQL |        1 |      64 |    1,000 |       - |    2.0 |   12.5 |        0.50 |                     |
| a queue                | PostgreSQL |        1 |      64 |      500 |       - |      - |      - |           - | contact: 2.00 of it |
";
        assert_eq!(medians(&example()), expected);
    }

    #[test]
    fn statements_are_those_of_the_handoffs_that_were_counted() {
        let expected = "\
| replicas | callers | RPCs | statements | transactions | flushes of the log |
|---------:|--------:|-----:|-----------:|-------------:|-------------------:|
|        1 |      64 | 11.0 |       60.0 |          9.5 |               1.25 |
";
        assert_eq!(statements(&example()), expected);
    }
}
