//! Named, timed steps: each says when it starts and how long it took, and a table closes the run.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// The steps of one run, in the order in which they ended.
#[derive(Default)]
pub struct Steps(Vec<Step>);

struct Step {
    name: String,
    took: Duration,
    passed: bool,
}

impl Steps {
    /// Runs one step. Its failure is the caller's to hand on, so that the first one ends the run.
    pub fn run(&mut self, name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
        println!("==> {name}");
        let start = Instant::now();
        let outcome = work();
        let step = Step { name: name.to_owned(), took: start.elapsed(), passed: outcome.is_ok() };
        println!("    {name}: {} in {}", step.verdict(), seconds(step.took));
        self.0.push(step);
        outcome.with_context(|| format!("step `{name}`"))
    }

    /// Prints the closing table, if anything ran.
    pub fn print_summary(&self) {
        if !self.0.is_empty() {
            println!("\n{}", self.summary());
        }
    }

    fn summary(&self) -> String {
        let width = self.0.iter().map(|step| step.name.len()).max().unwrap_or_default();
        let total = self.0.iter().map(|step| step.took).sum();
        let row = |name: &str, took, verdict: &str| format!("{name:width$}  {:>9}  {verdict}", seconds(took));
        let mut rows: Vec<String> =
            self.0.iter().map(|step| row(&step.name, step.took, step.verdict())).collect();
        rows.push(row("total", total, ""));
        rows.iter().map(|row| row.trim_end()).collect::<Vec<_>>().join("\n")
    }
}

impl Step {
    fn verdict(&self) -> &'static str {
        if self.passed { "ok" } else { "FAILED" }
    }
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_is_named_in_the_error_and_in_the_table() {
        let mut steps = Steps::default();
        steps.run("first", || Ok(())).unwrap();
        let error = steps.run("second", || anyhow::bail!("broken")).unwrap_err();

        assert_eq!(format!("{error:#}"), "step `second`: broken");
        let summary = steps.summary();
        let rows: Vec<&str> = summary.lines().collect();
        assert!(rows[0].starts_with("first ") && rows[0].ends_with("ok"), "{summary}");
        assert!(rows[1].starts_with("second") && rows[1].ends_with("FAILED"), "{summary}");
        assert!(rows[2].starts_with("total"), "{summary}");
    }
}
