//! The selector as a whole: a large import that breaks, and the table of `docs/selection-cases.md`, played against the real selector with the demo's platforms, work profiles and
//! agents, one case a row, each with a selector of its own.
//!
//! To add a case, add a row; what a cell can say is written above the table.

#[cfg(test)]
mod import;
#[cfg(test)]
mod play;
#[cfg(test)]
mod progress;
#[cfg(test)]
mod table;

#[tokio::test(flavor = "multi_thread")]
async fn the_table_is_true() {
    let cases = table::read();
    assert!(cases.len() >= 40, "only {} cases", cases.len());
    let mut wrong = vec![];
    for case in &cases {
        let said = play::play(case).await;
        if let Some(difference) = case.differs_from(&said) {
            wrong.push(format!("case {}: {difference}", case.number));
        }
    }
    assert!(wrong.is_empty(), "docs/selection-cases.md:\n{}", wrong.join("\n"));
}
