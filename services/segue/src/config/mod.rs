//! `segue config`: features, platforms and work profiles as a file that can live in git. What would change is shown before
//! anything is changed.

mod apply;
mod diff;
mod document;
mod file;
mod remote;

use std::{
    io::{IsTerminal as _, Write as _},
    path::PathBuf,
};

use anyhow::{bail, ensure};
use clap::{Args, Subcommand};
use segue_runtime::{
    Credentials,
    peer::{Peer, PeerUri},
};

pub use diff::{Change, Plan};
pub use document::Document;
pub use file::Format;

/// What to do with the configuration.
#[derive(Debug, Clone, Subcommand)]
pub enum ConfigCommand {
    /// Write what the selector has, as YAML or JSON
    Export(ExportFlags),
    /// Show what applying a file would change
    Diff(DiffFlags),
    /// Show what a file would change, and change it once that is agreed to
    Apply(ApplyFlags),
}

/// As whom to call.
#[derive(Debug, Clone, Args)]
pub struct CredentialFlags {
    /// PEM file of a certificate to be known by, where callers are told apart
    #[arg(long, env = "SEGUE_TLS_CERTIFICATE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// PEM file of the certificate's private key
    #[arg(long, env = "SEGUE_TLS_KEY", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// PEM file of the authorities that the service's certificate must come from
    #[arg(long, env = "SEGUE_TLS_CA")]
    tls_ca: Option<PathBuf>,
}

impl CredentialFlags {
    /// Reads the files.
    pub fn open(&self) -> anyhow::Result<Credentials> {
        let path = |given: &Option<PathBuf>| given.clone().unwrap_or_default();
        Credentials::open(
            path(&self.tls_certificate),
            path(&self.tls_key),
            path(&self.tls_ca),
            PathBuf::new(),
        )
        .map_err(anyhow::Error::msg)
    }
}

/// Which selector.
#[derive(Debug, Clone, Args)]
pub struct SelectorFlag {
    /// platform-selector
    #[arg(long, env = "SEGUE_SELECTOR_URI", default_value = "http://127.0.0.1:50051")]
    selector: PeerUri,
    #[command(flatten)]
    credentials: CredentialFlags,
}

impl SelectorFlag {
    /// A channel for calls.
    pub fn connect(&self) -> anyhow::Result<Peer> {
        Ok(self.selector.connect(&self.credentials.open()?))
    }

    /// A channel for long streams.
    pub fn connect_for_streams(&self) -> anyhow::Result<Peer> {
        Ok(self.selector.connect_for_streams(&self.credentials.open()?))
    }
}

/// Where the export goes.
#[derive(Debug, Clone, Args)]
pub struct ExportFlags {
    /// File to write, ending in .yaml, .yml or .json; without one YAML is printed
    file: Option<PathBuf>,
    #[command(flatten)]
    selector: SelectorFlag,
}

/// What to compare.
#[derive(Debug, Clone, Args)]
pub struct DiffFlags {
    /// File to read, ending in .yaml, .yml or .json
    file: PathBuf,
    /// Also remove what the file does not have
    #[arg(long)]
    prune: bool,
    #[command(flatten)]
    selector: SelectorFlag,
}

/// What to apply.
#[derive(Debug, Clone, Args)]
pub struct ApplyFlags {
    #[command(flatten)]
    diff: DiffFlags,
    /// Don't ask
    #[arg(long)]
    yes: bool,
}

/// Runs the command.
pub async fn run(command: ConfigCommand) -> anyhow::Result<()> {
    match command {
        ConfigCommand::Export(flags) => export(flags).await,
        ConfigCommand::Diff(flags) => diff(flags).await,
        ConfigCommand::Apply(flags) => apply(flags).await,
    }
}

async fn export(flags: ExportFlags) -> anyhow::Result<()> {
    let there = remote::read(flags.selector.connect()?).await?;
    match flags.file {
        None => say(file::write(Format::Yaml, &there)?.trim_end()),
        Some(path) => file::save(&path, &there)?,
    }
    Ok(())
}

async fn diff(flags: DiffFlags) -> anyhow::Result<()> {
    let wanted = file::load(&flags.file)?;
    let there = remote::read(flags.selector.connect()?).await?;
    say(&Plan::between(&there, &wanted, flags.prune)?.to_string());
    Ok(())
}

async fn apply(flags: ApplyFlags) -> anyhow::Result<()> {
    let wanted = file::load(&flags.diff.file)?;
    let peer = flags.diff.selector.connect()?;
    let there = remote::read(peer.clone()).await?;
    let plan = Plan::between(&there, &wanted, flags.diff.prune)?;
    say(&plan.to_string());
    if plan.is_empty() || !(flags.yes || agreed()?) {
        return Ok(());
    }
    let changes = apply::apply(peer, &plan).await?;
    say(&format!("{changes} applied."));
    Ok(())
}

/// Asks on a terminal. Where there is none nobody can have seen the changes.
fn agreed() -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("nobody can agree without a terminal: add --yes");
    }
    let mut out = std::io::stdout();
    write!(out, "Apply? [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer)?;
    ensure!(read > 0, "no answer");
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

#[expect(clippy::print_stdout, reason = "what the command is for")]
fn say(text: &str) {
    println!("{text}");
}
