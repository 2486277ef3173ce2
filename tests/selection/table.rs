//! Reading the table.

use std::collections::BTreeMap;

use segue_proto::selector::v1::SelectPlatformResponse;
use tonic::Status;
use tonic_types::StatusExt as _;

/// A row.
pub struct Case {
    pub number: String,
    pub source: String,
    /// A work profile, or terms such as `video` or `file_upload.max_mb>=20`.
    pub business: String,
    pub accounts: Vec<String>,
    /// An agent's number, or empty for all platforms.
    pub agent: String,
    pub time: String,
    pub also: Vec<String>,
    pub outcome: String,
    /// By platform, the reasons that must be among its own.
    pub why: BTreeMap<String, Vec<String>>,
}

/// What the selector said.
pub type Said = Result<SelectPlatformResponse, Status>;

/// All rows.
pub fn read() -> Vec<Case> {
    let path = segue_testkit::repository().join("docs/selection-cases.md");
    let text = std::fs::read_to_string(path).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| # "));
    rows.map(row).collect()
}

fn row(line: &str) -> Case {
    let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
    let [number, source, business, accounts, agent, time, also, outcome, why] = cells[..] else {
        panic!("a row has nine cells: {line}");
    };
    let words = |cell: &str| cell.split(", ").filter(|word| *word != "-").map(str::to_owned).collect();
    Case {
        number: number.to_owned(),
        source: source.to_owned(),
        business: business.to_owned(),
        accounts: words(accounts),
        agent: agent.trim_matches('-').to_owned(),
        time: time.to_owned(),
        also: words(also),
        outcome: outcome.to_owned(),
        why: reasons(why),
    }
}

/// `app: CHOSEN, LOADED; web: DISABLED`.
fn reasons(cell: &str) -> BTreeMap<String, Vec<String>> {
    let platforms = cell.split("; ").filter(|part| *part != "-");
    platforms
        .map(|part| {
            let (platform, reasons) = part.split_once(": ").unwrap_or_else(|| panic!("{part}"));
            (platform.to_owned(), reasons.split(", ").map(str::to_owned).collect())
        })
        .collect()
}

impl Case {
    /// What is not as the table says.
    pub fn differs_from(&self, said: &Said) -> Option<String> {
        let (outcome, reasons) = match said {
            Ok(answer) if answer.platform.is_empty() => ("agent chooses".to_owned(), answer_reasons(answer)),
            Ok(answer) => (answer.platform.clone(), answer_reasons(answer)),
            Err(status) => refusal(status),
        };
        if outcome != self.outcome {
            return Some(format!("goes to {outcome}, not to {}: {reasons:?}", self.outcome));
        }
        let missing = self.why.iter().find_map(|(platform, wanted)| {
            let found = reasons.get(platform).cloned().unwrap_or_default();
            wanted.iter().any(|reason| !found.contains(reason)).then_some((platform, wanted, found))
        });
        missing.map(|(platform, wanted, found)| format!("{platform}: {wanted:?} is not in {found:?}"))
    }
}

fn answer_reasons(answer: &SelectPlatformResponse) -> BTreeMap<String, Vec<String>> {
    let short = |name: &str| name.trim_start_matches("SELECTION_REASON_CODE_").to_owned();
    answer
        .candidates
        .iter()
        .map(|candidate| {
            let reasons = candidate.reasons.iter().map(|reason| {
                let name = short(reason.code().as_str_name());
                if reason.feature.is_empty() { name } else { format!("{name} {}", reason.feature) }
            });
            (candidate.platform.clone(), reasons.collect())
        })
        .collect()
}

/// A refusal has the first reason of each platform, without its feature.
fn refusal(status: &Status) -> (String, BTreeMap<String, Vec<String>>) {
    let info = status.get_error_details().error_info().unwrap().clone();
    let reasons = info.metadata.into_iter().map(|(platform, reason)| (platform, vec![reason]));
    (info.reason, reasons.collect())
}
