//! What the program is asked to do. `cargo xtask bench` asks.

use std::path::PathBuf;

pub struct Arguments {
    pub is_quick: bool,
    /// Renders what was measured last, and measures nothing.
    pub only_renders: bool,
    /// The only stage that is measured, by its name in `main.rs`; none: all of them.
    pub only: Option<String>,
    /// The file of what was measured.
    pub results: PathBuf,
    /// Where the document goes; none: nowhere.
    pub document: Option<PathBuf>,
}

impl Arguments {
    pub fn read() -> Self {
        let words: Vec<String> = std::env::args().skip(1).collect();
        let has = |word: &str| words.iter().any(|given| given == word);
        let word_after = |word: &str| {
            let at = words.iter().position(|given| given == word)?;
            words.get(at + 1).cloned()
        };
        let after = |word: &str| word_after(word).map(PathBuf::from);
        let results = segue_testkit::repository().join("target/performance.json");
        Self {
            is_quick: has("--quick"),
            only_renders: has("--render"),
            only: word_after("--only"),
            results: after("--results").unwrap_or(results),
            document: after("--document"),
        }
    }
}
