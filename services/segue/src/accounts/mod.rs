//! `segue accounts import`: a table of accounts into the directory, with a progress bar. All rows are sent each time, and a
//! repeated row changes nothing; one that has a name goes on after a break where it was.

mod csv;
mod import;
mod outcome;
mod reader;

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use segue_core::Random;

use crate::config::SelectorFlag;
use csv::{Delimiter, Encoding, Source};
use import::Import;
use outcome::Refusals;

/// The longest name, so that it stays an import's id with the file's digest behind it.
const MAX_NAME_BYTES: usize = 40;

/// What to do with accounts.
#[derive(Debug, Clone, Subcommand)]
pub enum AccountsCommand {
    /// Import a CSV file with a head line: `platform`, `account`, and `phone`, `email`, `member_id`, `union_id` or
    /// `shared_account` as often as needed. All rows are sent; one that the directory has already changes nothing. An
    /// account's further rows add their identities to those of its first
    Import(ImportFlags),
}

/// What to import.
#[derive(Debug, Clone, Args)]
pub struct ImportFlags {
    /// The CSV file; `-` for standard input
    file: PathBuf,
    /// Name of the import: an import of this name and of the same file that did not finish goes on where it was, unless rows
    /// of it were refused; up to 40 letters, digits, `_`, `-` and `.`
    #[arg(long, value_parser = name)]
    import_id: Option<String>,
    /// What is between cells: comma, semicolon, tab or another mark; found unless given
    #[arg(long)]
    delimiter: Option<Delimiter>,
    /// What the file is written in: utf-8, utf-16le, gb18030, windows-1252 or another; found unless given
    #[arg(long)]
    encoding: Option<Encoding>,
    /// Only tell what would come of each row
    #[arg(long)]
    dry_run: bool,
    /// File to write the refused rows to: line, column, what is wrong
    #[arg(long)]
    refused: Option<PathBuf>,
    #[command(flatten)]
    selector: SelectorFlag,
}

/// Runs the command.
pub async fn run(AccountsCommand::Import(flags): AccountsCommand) -> anyhow::Result<()> {
    let ImportFlags { file, import_id, delimiter, encoding, dry_run, refused, selector } = flags;
    let failed = || format!("can't import {}; nothing was sent", file.display());
    let source = Source::open(&file, encoding, delimiter).with_context(failed)?;
    say(&format!("{} rows, read as {}", source.rows, source.format()));
    let refusals = Refusals::new(refused.as_deref())?;
    let import = Import { source: &source, name: import_id, dry_run };
    let import_id = import.import_id(&Random::secure());
    if import.name.is_some() {
        say(&format!("import id {import_id}"));
    }
    let outcome = import.run(import_id, selector.connect_for_streams()?, refusals).await?;
    say(&outcome.to_string());
    outcome.verdict()
}

fn name(text: &str) -> anyhow::Result<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if text.is_empty() || text.len() > MAX_NAME_BYTES || !text.chars().all(plain) {
        bail!("must be 1 to {MAX_NAME_BYTES} letters, digits, _, - and .");
    }
    Ok(text.to_owned())
}

#[expect(clippy::print_stdout, reason = "what the command is for")]
fn say(text: &str) {
    println!("{text}");
}
