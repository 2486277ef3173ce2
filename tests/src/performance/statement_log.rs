//! Statements as PostgreSQL logs them with `log_statement = all`, so that they can be sent again.

use std::collections::{BTreeMap, BTreeSet};

const EXECUTED: &str = "LOG:  execute ";
const STATEMENT: &str = "LOG:  statement: ";
const PARAMETERS: &str = "DETAIL:  parameters: ";

/// What was sent to a database, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct StatementLog {
    /// Texts with parameters, by the name under which they are prepared.
    pub prepared: BTreeMap<String, String>,
    /// What was sent in each transaction, without semicolons at the end; a statement outside of any is one of its own.
    pub transactions: Vec<Vec<String>>,
}

impl StatementLog {
    /// What the server must be set to: each entry of its log begins with a mark, the database and the session.
    pub const SETTING: &str = "log_line_prefix=#%d|%c|";

    /// Reads what a server has logged about a database. A transaction that does not end in it is left out.
    pub fn read(log: &str, database: &str) -> Self {
        let mut this = Self::default();
        let (mut names, mut open) = (BTreeMap::new(), BTreeMap::<String, usize>::new());
        for (session, entry) in entries(log, database) {
            let sent = if let Some(text) = entry.strip_prefix(STATEMENT) {
                text.trim_end_matches(';').to_owned()
            } else if let Some((_, text)) =
                entry.strip_prefix(EXECUTED).and_then(|rest| rest.split_once(": "))
            {
                let (text, parameters) = text.split_once(PARAMETERS).unwrap_or((text, ""));
                let number = names.len();
                let name = names.entry(text.to_owned()).or_insert_with(|| format!("s{number}")).clone();
                this.prepared.insert(name.clone(), text.to_owned());
                let values = values(parameters);
                if values.is_empty() {
                    format!("EXECUTE {name}")
                } else {
                    format!("EXECUTE {name}({})", values.join(", "))
                }
            } else {
                continue;
            };
            this.add(&mut open, session, sent);
        }
        let unfinished: BTreeSet<usize> = open.into_values().collect();
        let all = std::mem::take(&mut this.transactions).into_iter().enumerate();
        this.transactions =
            all.filter(|(at, _)| !unfinished.contains(at)).map(|(_, transaction)| transaction).collect();
        this
    }

    /// Leaves transactions out that touch a table.
    pub fn leave_out(&mut self, table: &str) {
        let touching = self.prepared.iter().filter(|(_, text)| text.contains(table));
        let calls: Vec<String> = touching.map(|(name, _)| format!("EXECUTE {name}")).collect();
        let touches = |sent: &String| {
            let is_call = |call: &String| {
                sent.strip_prefix(call).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
            };
            sent.contains(table) || calls.iter().any(is_call)
        };
        self.transactions.retain(|transaction| !transaction.iter().any(touches));
    }

    fn add(&mut self, open: &mut BTreeMap<String, usize>, session: String, sent: String) {
        let (begins, ends) = (sent.starts_with("BEGIN"), is_end(&sent));
        if let Some(at) = open.get(&session).copied() {
            self.transactions[at].push(sent);
            if ends {
                open.remove(&session);
            }
            return;
        }
        if begins {
            open.insert(session, self.transactions.len());
        }
        // The end of one that began before the log is left out.
        if !ends {
            self.transactions.push(vec![sent]);
        }
    }
}

fn is_end(sent: &str) -> bool {
    ["COMMIT", "ROLLBACK"].contains(&sent)
}

/// The session and the text of each entry. A line that begins with a tab goes on with the entry before, as do the parameters of a
/// statement.
fn entries(log: &str, database: &str) -> Vec<(String, String)> {
    let mut entries: Vec<(String, String)> = vec![];
    let mut is_ours = false;
    for line in log.lines() {
        let begins = line.strip_prefix('#').and_then(|line| line.split_once('|'));
        let (more, separator) = match (line.strip_prefix('\t'), begins) {
            (Some(rest), _) => (rest, "\n"),
            (None, Some((name, rest))) => {
                is_ours = name == database;
                let Some((session, text)) = rest.split_once('|') else { continue };
                if is_ours && !text.starts_with(PARAMETERS) {
                    entries.push((session.to_owned(), text.to_owned()));
                    continue;
                }
                (text, "")
            }
            (None, None) => {
                is_ours = false;
                continue;
            }
        };
        if is_ours && let Some((_, last)) = entries.last_mut() {
            last.push_str(separator);
            last.push_str(more);
        }
    }
    entries
}

/// `$1 = 'it''s', $2 = NULL` as `'it''s'` and `NULL`.
fn values(parameters: &str) -> Vec<String> {
    let mut values = vec![];
    let mut rest = parameters;
    while let Some((_, value)) = rest.split_once(" = ") {
        let end = end_of(value);
        values.push(value[..end].to_owned());
        rest = &value[end..];
    }
    values
}

/// Where a value ends: a quote that is doubled is a part of it.
fn end_of(value: &str) -> usize {
    if !value.starts_with('\'') {
        return value.find(", $").unwrap_or(value.len());
    }
    let bytes = value.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        if bytes[at] == b'\'' {
            if bytes.get(at + 1) != Some(&b'\'') {
                return at + 1;
            }
            at += 1;
        }
        at += 1;
    }
    value.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
#db|1|LOG:  statement: BEGIN;
#other|7|LOG:  execute sqlx_s_1: SELECT 1
#db|2|LOG:  statement: BEGIN
#db|1|LOG:  execute sqlx_s_7: UPDATE codes
\tSET text = $1, handoff = $2
#db|1|DETAIL:  parameters: $1 = 'it''s, $2 = ''x''
\ty', $2 = NULL
not ours
#db|3|LOG:  execute sqlx_s_8: SELECT 2
#db|2|LOG:  execute sqlx_s_9: UPDATE codes
\tSET text = $1, handoff = $2
#db|2|DETAIL:  parameters: $1 = '5', $2 = 'a'
#db|1|LOG:  statement: COMMIT
#db|1|ERROR:  something
#db|4|LOG:  statement: ROLLBACK
";

    #[test]
    fn statements_of_a_database_are_read_with_their_values() {
        let log = StatementLog::read(LOG, "db");
        let first = ["BEGIN", "EXECUTE s0('it''s, $2 = ''x''\ny', NULL)", "COMMIT"];
        assert_eq!(log.transactions, [first.as_slice(), &["EXECUTE s1"]]);
        let prepared: Vec<(&str, &str)> =
            log.prepared.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!(prepared, [("s0", "UPDATE codes\nSET text = $1, handoff = $2"), ("s1", "SELECT 2")]);
    }

    #[test]
    fn transactions_that_touch_a_table_are_left_out() {
        let mut log = StatementLog::read(LOG, "db");
        log.leave_out("codes");
        assert_eq!(log.transactions, [["EXECUTE s1"]]);
    }
}
