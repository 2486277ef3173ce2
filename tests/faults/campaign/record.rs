//! The finished parts of a campaign. What was under way when it stopped counts as nothing.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt,
    fs::{self, File},
    io::Write as _,
    path::PathBuf,
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// A part that was finished, with nothing lost and nothing done twice.
#[derive(Debug, Serialize, Deserialize)]
pub struct Part {
    redemptions: usize,
    seconds: f64,
    /// Milliseconds until a handoff that began after a fault was over, by the kind of fault.
    recoveries_ms: BTreeMap<String, Vec<u64>>,
}

impl Part {
    pub fn new(redemptions: usize) -> Self {
        Self { redemptions, seconds: 0.0, recoveries_ms: BTreeMap::new() }
    }

    pub fn note(&mut self, fault: &str, back: Duration) {
        let back = u64::try_from(back.as_millis()).unwrap();
        self.recoveries_ms.entry(fault.to_owned()).or_default().push(back);
    }

    pub fn faults(&self) -> usize {
        self.recoveries_ms.values().map(Vec::len).sum()
    }

    pub fn took(&mut self, time: Duration) {
        self.seconds = time.as_secs_f64();
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { redemptions, seconds, .. } = self;
        write!(
            f,
            "{redemptions} redemptions and {} faults in {seconds:.0} s, 0 lost, 0 doubled",
            self.faults()
        )
    }
}

/// All finished parts, and the file that they are kept in, a line each.
pub struct Record {
    parts: Vec<Part>,
    file: Option<PathBuf>,
}

impl Record {
    pub fn open(folder: Option<OsString>) -> Self {
        let file = folder.map(|folder| {
            fs::create_dir_all(&folder).unwrap();
            PathBuf::from(folder).join("parts.jsonl")
        });
        let text = file.as_ref().and_then(|file| fs::read_to_string(file).ok()).unwrap_or_default();
        // A line that a kill has cut off is not a part.
        let parts = text.lines().map_while(|line| serde_json::from_str(line).ok()).collect();
        Self { parts, file }
    }

    pub fn parts(&self) -> usize {
        self.parts.len()
    }

    pub fn redemptions(&self) -> usize {
        self.parts.iter().map(|part| part.redemptions).sum()
    }

    pub fn add(&mut self, part: Part) {
        self.parts.push(part);
        let Some(path) = &self.file else { return };
        let lines: Vec<String> = self.parts.iter().map(|part| serde_json::to_string(part).unwrap()).collect();
        let new = path.with_extension("new");
        let mut file = File::create(&new).unwrap();
        writeln!(file, "{}", lines.join("\n")).unwrap();
        file.sync_all().unwrap();
        fs::rename(new, path).unwrap();
    }

    /// What all parts come to.
    pub fn summary(&self) -> String {
        let mut kinds: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for (kind, recoveries) in self.parts.iter().flat_map(|part| &part.recoveries_ms) {
            kinds.entry(kind).or_default().extend(recoveries);
        }
        let faults: usize = kinds.values().map(Vec::len).sum();
        let seconds: f64 = self.parts.iter().map(|part| part.seconds).sum();
        let redemptions = self.redemptions();
        let mut text =
            format!("{redemptions} redemptions, {faults} faults, {seconds:.0} s: 0 lost, 0 doubled");
        for (kind, mut recoveries) in kinds {
            recoveries.sort_unstable();
            let at = |share: usize| recoveries[(recoveries.len() - 1) * share / 100];
            text += &format!(
                "\n  {kind}: {} times, back after {} ms (median), {} ms (99%), {} ms (most)",
                recoveries.len(),
                at(50),
                at(99),
                at(100)
            );
        }
        text
    }
}
