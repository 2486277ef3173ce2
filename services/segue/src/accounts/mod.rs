//! `segue accounts import`: a CSV file of accounts into the directory, with a progress bar. A broken import is started again
//! by the same command and goes on where it was.

mod csv;
mod import;

use std::{fmt::Write as _, fs, path::PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};

use crate::config::SelectorFlag;
use import::{Outcome, Refused};

/// Refused rows that are shown.
const SHOWN: usize = 20;

/// What to do with accounts.
#[derive(Debug, Clone, Subcommand)]
pub enum AccountsCommand {
    /// Import a CSV file with a head line: `platform`, `account`, and `phone`, `email`, `member_id`, `union_id` or
    /// `shared_account` as often as needed
    Import(ImportFlags),
}

/// What to import.
#[derive(Debug, Clone, Args)]
pub struct ImportFlags {
    /// The CSV file
    file: PathBuf,
    /// Name of the import, by which it goes on after a break; made of the file's content unless given
    #[arg(long)]
    import_id: Option<String>,
    /// File to write the refused rows to: line, field, what is wrong
    #[arg(long)]
    refused: Option<PathBuf>,
    #[command(flatten)]
    selector: SelectorFlag,
}

/// Runs the command.
pub async fn run(AccountsCommand::Import(flags): AccountsCommand) -> anyhow::Result<()> {
    let source = csv::Source::open(&flags.file, flags.import_id)
        .with_context(|| format!("can't import {}", flags.file.display()))?;
    let outcome = import::run(flags.selector.connect_for_streams()?, &source).await?;
    say(&outcome.to_string());
    if let Some(path) = &flags.refused {
        fs::write(path, table(&outcome.refused))
            .with_context(|| format!("can't write {}", path.display()))?;
    }
    report(&outcome)
}

fn report(outcome: &Outcome) -> anyhow::Result<()> {
    if outcome.rejected == 0 {
        return Ok(());
    }
    let shown: String = outcome.refused.iter().take(SHOWN).fold(String::new(), |mut text, row| {
        // Writing to a text can't fail.
        let _ = write!(text, "\n  line {}: {} {}", row.line, row.field, row.description);
        text
    });
    bail!("{} rows were refused; the others are imported{shown}", outcome.rejected)
}

fn table(refused: &[Refused]) -> String {
    let head = "line,field,description\n".to_owned();
    refused.iter().fold(head, |table, row| {
        table + &format!("{},{},\"{}\"\n", row.line, row.field, row.description.replace('"', "\"\""))
    })
}

#[expect(clippy::print_stdout, reason = "what the command is for")]
fn say(text: &str) {
    println!("{text}");
}
