//! `segue audit`: the audit log of a service, one JSON object a line, each checked against the hashes before it is printed.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Write as _},
    path::PathBuf,
};

use anyhow::{Context as _, bail, ensure};
use clap::{Args, Subcommand};
use prost::Message as _;
use prost_reflect::{DynamicMessage, MessageDescriptor};
use segue_proto::{
    ContractError,
    audit::v1::{
        AuditHead, AuditRecord, ListAuditRecordsRequest, ListAuditRecordsResponse,
        audit_service_client::AuditServiceClient,
    },
    message_descriptor,
};
use segue_runtime::{
    audit::{chain_of, record_of},
    peer::PeerUri,
};
use segue_store::audit::Chain;

use crate::{config::CredentialFlags, refused};

const PAGE_SIZE: i32 = 1000;

/// What to do with an audit log.
#[derive(Debug, Clone, Subcommand)]
pub enum AuditCommand {
    /// Print a service's records, one JSON object a line. The exit status tells whether the log is whole
    Export(Box<ExportFlags>),
    /// Check a file of exported records: that each follows the one before, and that none was changed
    Check(CheckFlags),
}

/// Which service, and which of its records.
#[derive(Debug, Clone, Args)]
pub struct ExportFlags {
    /// The service: each has a log of its own
    service: PeerUri,
    /// Only records behind this one; what is printed then goes on where an earlier export ended
    #[arg(long, default_value_t = 0)]
    after: i64,
    /// Only those of this subject. With a filter there are gaps, and nothing is checked
    #[arg(long)]
    subject: Option<String>,
    /// Only those of this method
    #[arg(long)]
    method: Option<String>,
    /// Only those about this thing, for example `platform/app`
    #[arg(long)]
    resource: Option<String>,
    #[command(flatten)]
    credentials: CredentialFlags,
}

/// What to check.
#[derive(Debug, Clone, Args)]
pub struct CheckFlags {
    /// A file of `segue audit export`, from the first record that was kept
    file: PathBuf,
    /// Hash of the record before the first one in the file; without it the first one's is believed
    #[arg(long)]
    behind: Option<String>,
    /// Hash that the last record must have, for example from the service's own log
    #[arg(long)]
    head: Option<String>,
}

/// Runs the command.
pub async fn run(command: AuditCommand) -> anyhow::Result<()> {
    match command {
        AuditCommand::Export(flags) => export(*flags).await,
        AuditCommand::Check(flags) => check(&flags),
    }
}

async fn export(flags: ExportFlags) -> anyhow::Result<()> {
    let peer = flags.service.connect(&flags.credentials.open()?);
    let mut client =
        AuditServiceClient::new(peer).max_decoding_message_size(segue_runtime::MAX_MESSAGE_BYTES);
    let kind = kind()?;
    let is_filtered = flags.subject.is_some() || flags.method.is_some() || flags.resource.is_some();
    let mut request = ListAuditRecordsRequest {
        page_size: PAGE_SIZE,
        page_token: String::new(),
        after_sequence: flags.after,
        subject: flags.subject.unwrap_or_default(),
        method: flags.method.unwrap_or_default(),
        resource: flags.resource.unwrap_or_default(),
    };
    let mut whole = Whole::behind(flags.after);
    let mut out = std::io::stdout().lock();
    loop {
        let page = client.list_audit_records(request.clone()).await.map_err(|status| refused(&status))?;
        let page = page.into_inner();
        for record in &page.records {
            writeln!(out, "{}", to_json(&kind, record)?)?;
        }
        request.page_token.clone_from(&page.next_page_token);
        if !is_filtered {
            whole.take(&page).context("THE AUDIT LOG IS NOT WHAT WAS WRITTEN")?;
        }
        if request.page_token.is_empty() {
            return Ok(());
        }
    }
}

/// Whether all that was written is there: from what was forgotten, or from where an earlier export ended, to the log's end.
struct Whole {
    after: i64,
    chain: Option<Chain>,
}

impl Whole {
    fn behind(after: i64) -> Self {
        Self { after, chain: None }
    }

    fn take(&mut self, page: &ListAuditRecordsResponse) -> anyhow::Result<()> {
        let head = page.head.clone().unwrap_or_default();
        for record in &page.records {
            self.follow(&head, record)?;
            if record.sequence == head.sequence {
                ensure!(record.hash == head.hash, "the last record is not the one that was written last");
            }
        }
        // The head is read before the records, of which there may be more by then, and never fewer.
        let end = self.chain.as_ref().map_or(self.after.max(head.forgotten_sequence), Chain::sequence);
        let is_last = page.next_page_token.is_empty();
        ensure!(!is_last || end >= head.sequence, "records {} to {} are missing", end + 1, head.sequence);
        Ok(())
    }

    fn follow(&mut self, head: &AuditHead, record: &AuditRecord) -> anyhow::Result<()> {
        let known = record_of(record);
        let Some(chain) = &mut self.chain else {
            let before = self.after.max(head.forgotten_sequence);
            let missing = before + 1..record.sequence;
            ensure!(missing.is_empty(), "records {} to {} are missing", missing.start, missing.end - 1);
            let mut chain = chain_of(head);
            if chain.sequence() == before {
                chain.follow(&known)?;
            } else {
                // The hash of the one before is in the earlier export.
                chain = Chain::behind(record.sequence, record.hash.clone());
            }
            self.chain = Some(chain);
            return Ok(());
        };
        Ok(chain.follow(&known)?)
    }
}

fn check(flags: &CheckFlags) -> anyhow::Result<()> {
    let file = File::open(&flags.file).with_context(|| format!("can't read {}", flags.file.display()))?;
    let kind = kind()?;
    let mut chain: Option<Chain> = None;
    for (number, line) in (1..).zip(BufReader::new(file).lines()) {
        let record = from_json(&kind, &line?).with_context(|| format!("line {number}"))?;
        match (&mut chain, &flags.behind) {
            (Some(chain), _) => chain.follow(&record_of(&record)),
            (None, behind) => {
                let before = record.sequence - 1;
                let mut begin = match behind {
                    Some(hash) => Chain::behind(before, hash.clone()),
                    None if before == 0 => Chain::behind(0, ""),
                    None => Chain::behind(record.sequence, record.hash.clone()),
                };
                let followed =
                    if begin.sequence() == before { begin.follow(&record_of(&record)) } else { Ok(()) };
                chain = Some(begin);
                followed
            }
        }
        .with_context(|| format!("line {number}"))?;
    }
    let Some(chain) = chain else { bail!("{} has no records", flags.file.display()) };
    if let Some(head) = &flags.head {
        ensure!(
            *head == chain.hash(),
            "the last record does not have the hash {head}: records were cut off or changed"
        );
    }
    say(&format!("whole, up to record {} with the hash {}", chain.sequence(), chain.hash()));
    Ok(())
}

fn kind() -> Result<MessageDescriptor, ContractError> {
    message_descriptor("segue.audit.v1.AuditRecord")
}

fn to_json(kind: &MessageDescriptor, record: &AuditRecord) -> anyhow::Result<String> {
    let message = DynamicMessage::decode(kind.clone(), record.encode_to_vec().as_slice())?;
    Ok(serde_json::to_string(&message)?)
}

fn from_json(kind: &MessageDescriptor, line: &str) -> anyhow::Result<AuditRecord> {
    let mut json = serde_json::Deserializer::from_str(line);
    let message = DynamicMessage::deserialize(kind.clone(), &mut json)?;
    json.end()?;
    Ok(message.transcode_to()?)
}

#[expect(clippy::print_stdout, reason = "what the command is for")]
fn say(text: &str) {
    println!("{text}");
}

#[cfg(test)]
mod tests {
    use segue_store::audit::{Entry, Record};

    use super::*;

    fn written(count: i64) -> Vec<AuditRecord> {
        let mut hash = String::new();
        (1..=count)
            .map(|sequence| {
                let record =
                    Record::behind(&hash, sequence, Entry { occurrences: sequence, ..Entry::default() });
                hash.clone_from(&record.hash);
                let occurrences = record.entry.occurrences;
                AuditRecord { sequence, occurrences, hash: record.hash, ..AuditRecord::default() }
            })
            .collect()
    }

    fn told(after: i64, forgotten: usize, records: &[AuditRecord]) -> String {
        let all = written(9);
        let hash_of = |count: usize| count.checked_sub(1).map_or_else(String::new, |at| all[at].hash.clone());
        let head = AuditHead {
            sequence: 9,
            hash: hash_of(9),
            forgotten_sequence: i64::try_from(forgotten).unwrap(),
            forgotten_hash: hash_of(forgotten),
        };
        let page = ListAuditRecordsResponse {
            records: records.to_vec(),
            next_page_token: String::new(),
            head: Some(head),
        };
        Whole::behind(after).take(&page).map_or_else(|error| error.to_string(), |()| "whole".to_owned())
    }

    #[test]
    fn a_log_without_its_beginning_or_its_end_is_not_whole() {
        let all = written(9);
        assert_eq!(told(0, 0, &all), "whole");
        assert_eq!(told(0, 4, &all[4..]), "whole");
        assert_eq!(told(6, 4, &all[6..]), "whole");
        assert_eq!(told(9, 0, &[]), "whole");
        assert_eq!(told(0, 0, &all[3..]), "records 1 to 3 are missing");
        assert_eq!(told(0, 4, &all[5..]), "records 5 to 5 are missing");
        assert_eq!(told(0, 0, &all[..7]), "records 8 to 9 are missing");
        assert_eq!(told(0, 0, &[]), "records 1 to 9 are missing");
        let mut another = all.clone();
        another[8].hash = "another".to_owned();
        assert_ne!(told(8, 0, &another[8..]), "whole");
    }
}
