//! Finds commands in a Markdown text: lines that begin with `$ ` in blocks marked `console`, and what is shown after them.

/// A command and what it is shown to print.
#[derive(Debug, PartialEq, Eq)]
pub struct Block {
    /// The command line.
    pub command: String,
    /// The lines after it. `...` stands for any lines, `…` for any text within one.
    pub shown: Vec<String>,
}

/// All commands of a text, in order.
pub fn blocks(markdown: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut inside = false;
    for line in markdown.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if inside {
            match (line.strip_prefix("$ "), found.last_mut()) {
                (Some(command), _) => found.push(Block { command: command.to_owned(), shown: vec![] }),
                (None, Some(block)) => block.shown.push(line.to_owned()),
                (None, None) => panic!("a console block begins with a command, not with {line:?}"),
            }
        }
    }
    found
}

#[test]
fn commands_and_what_they_print_are_found() {
    let found = blocks("text\n```console\n$ a b\n1\n2\n```\n```text\n$ no\n```\n```console\n$ c\n```\n");
    let block = |command: &str, shown: &[&str]| Block {
        command: command.to_owned(),
        shown: shown.iter().map(|line| (*line).to_owned()).collect(),
    };
    assert_eq!(found, [block("a b", &["1", "2"]), block("c", &[])]);
}
