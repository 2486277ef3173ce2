//! Compares what is printed with what is shown.

/// Panics with both when they differ. Nothing shown means that nothing is promised.
pub fn compare(command: &str, shown: &[String], printed: &str) {
    let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
    let lines: Vec<&str> = printed.lines().collect();
    assert!(
        shown.is_empty() || matches(&shown, &lines),
        "{command}\nis shown to print\n{}\nbut prints\n{printed}",
        shown.join("\n")
    );
}

fn matches(shown: &[&str], printed: &[&str]) -> bool {
    glob(shown, printed, |line| *line == "...", |line, other| line_matches(line, other))
}

fn line_matches(shown: &str, printed: &str) -> bool {
    let [shown, printed]: [Vec<char>; 2] = [shown, printed].map(|line| line.trim().chars().collect());
    glob(&shown, &printed, |c| *c == '…', |c, other| c == other)
}

/// Whether the pattern fits, where a wildcard stands for any number of items. It's enough to go back to the last wildcard,
/// since what an earlier one took can only leave less.
fn glob<T>(
    pattern: &[T],
    items: &[T],
    is_wildcard: impl Fn(&T) -> bool,
    fits: impl Fn(&T, &T) -> bool,
) -> bool {
    let (mut at, mut item) = (0, 0);
    let mut last_wildcard = None;
    while item < items.len() {
        if pattern.get(at).is_some_and(&is_wildcard) {
            last_wildcard = Some((at, item));
            at += 1;
        } else if pattern.get(at).is_some_and(|wanted| fits(wanted, &items[item])) {
            at += 1;
            item += 1;
        } else if let Some((wildcard, taken)) = last_wildcard {
            last_wildcard = Some((wildcard, taken + 1));
            at = wildcard + 1;
            item = taken + 1;
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(is_wildcard)
}

#[test]
fn dots_stand_for_what_differs_from_run_to_run() {
    let compare = |shown: &[&str], printed: &[&str]| matches(shown, printed);
    assert!(compare(&["a", "...", "d"], &["a", "b", "c", "d"]));
    assert!(compare(&["...", "id …;", "..."], &["x", "id 17;", "y"]));
    assert!(compare(&["took (… ms)"], &["  took (12.5 ms)"]));
    assert!(compare(&["\"… … …\","], &["\"1234 5678 9\","]));
    assert!(!compare(&["a"], &["b"]));
    assert!(!compare(&["a", "..."], &["b", "a"]));
    assert!(!compare(&["a"], &["a", "b"]));
    assert!(!compare(&["id …;"], &["id 17"]));
}
