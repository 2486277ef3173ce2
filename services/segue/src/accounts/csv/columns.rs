//! What a table's columns are.

use anyhow::{bail, ensure};
use segue_proto::{common::v1::Identity, selector::v1::ImportAccountsRequest};

use super::record::Delimiter;

const NAMES: &str = "platform, account, phone, email, member_id, union_id, shared_account";
const IDENTITIES: &str = "phone, email, member_id, union_id, shared_account";

/// The columns of a table, by its head line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns(Vec<Column>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Column {
    /// As the head line has it.
    name: String,
    holds: Holds,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Platform,
    Account,
    Identity {
        kind: &'static str,
        /// The platform has not verified it.
        unverified: bool,
    },
    /// Of a delimiter behind the last name.
    Nothing,
}

/// Why a row is refused. Never with what stands in it, which is personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::accounts) struct Refusal {
    pub(in crate::accounts) line: i64,
    /// The column's name, or `row` for all of it.
    pub(in crate::accounts) column: String,
    pub(in crate::accounts) description: String,
}

/// A row to be sent, and which column each of its identities is from.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::accounts) struct Row {
    pub(in crate::accounts) request: ImportAccountsRequest,
    pub(in crate::accounts) columns: Vec<String>,
}

impl Columns {
    /// Reads the head line, at the line that it stands on.
    pub(super) fn read(head: &[String], line: u64) -> anyhow::Result<Self> {
        let column = |name: &String| -> anyhow::Result<Column> {
            let name = name.trim();
            let normal = name.to_lowercase().replace([' ', '-'], "_");
            let (unverified, plain) = match normal.strip_prefix("unverified_") {
                Some(plain) => (true, plain),
                None => (false, normal.as_str()),
            };
            let identity = |kind| Holds::Identity { kind, unverified };
            let holds = match plain {
                "platform" | "account" | "" if unverified => {
                    bail!("line {line}: no column is called {name}; columns are {NAMES}")
                }
                "platform" => Holds::Platform,
                "account" => Holds::Account,
                "phone" => identity("phone"),
                "email" | "e_mail" => identity("email"),
                "member_id" => identity("member_id"),
                "union_id" => identity("union_id"),
                "shared_account" => identity("account"),
                "" => Holds::Nothing,
                _ => bail!("line {line}: no column is called {name}; columns are {NAMES}"),
            };
            Ok(Column { name: name.to_owned(), holds })
        };
        let columns: Vec<Column> = head.iter().map(column).collect::<anyhow::Result<_>>()?;
        for (needed, name) in [(Holds::Platform, "platform"), (Holds::Account, "account")] {
            let count = columns.iter().filter(|column| column.holds == needed).count();
            ensure!(
                count == 1,
                "line {line}: there must be one column {name}, and there are {count}; columns are {NAMES}"
            );
        }
        Ok(Self(columns))
    }

    /// The delimiter by which the head line has the columns; without one, what is wrong by that which splits it most.
    pub(super) fn find(head: &str, line: u64) -> anyhow::Result<(Delimiter, Self)> {
        let mut most: Option<(usize, anyhow::Error)> = None;
        for delimiter in Delimiter::FOUND {
            let Ok(cells) = delimiter.split(head) else {
                bail!("line {line}: a quote is opened and not closed")
            };
            match Self::read(&cells, line) {
                Ok(columns) => return Ok((delimiter, columns)),
                Err(error) if most.as_ref().is_none_or(|(count, _)| cells.len() > *count) => {
                    most = Some((cells.len(), error));
                }
                Err(_) => {}
            }
        }
        Err(most.map_or_else(|| anyhow::anyhow!("line {line}: there are no columns"), |(_, error)| error))
    }

    /// A row from its cells; cells behind the last column are blank, as spreadsheets write them.
    pub(super) fn row(&self, line: i64, cells: &[String]) -> Result<Row, Refusal> {
        let refuse =
            |column: &str, description: String| Refusal { line, column: column.to_owned(), description };
        if cells.len() < self.0.len() || cells.iter().skip(self.0.len()).any(|cell| !cell.trim().is_empty()) {
            let (has, expected) = (cells.len(), self.0.len());
            return Err(refuse(
                "row",
                format!("has {has} cells, and {expected} are expected, as in the head line"),
            ));
        }
        let mut row = Row { request: ImportAccountsRequest { line, ..Default::default() }, columns: vec![] };
        for (index, (column, cell)) in self.0.iter().zip(cells).enumerate() {
            let name = column.name.as_str();
            if is_shortened(cell.trim()) {
                return Err(refuse(
                    name,
                    "is a number that a spreadsheet has shortened: make the column one of text, \
                    enter the numbers anew and export again"
                        .to_owned(),
                ));
            }
            if cell.chars().any(is_line_break) {
                return Err(refuse(name, "has a line break in it, and none is expected".to_owned()));
            }
            match column.holds {
                Holds::Platform => cell.trim().clone_into(&mut row.request.platform),
                Holds::Account => cell.clone_into(&mut row.request.account),
                _ if cell.trim().is_empty() => {}
                Holds::Identity { kind, unverified } => {
                    row.request.identities.push(Identity {
                        kind: kind.to_owned(),
                        value: cell.clone(),
                        unverified,
                    });
                    row.columns.push(name.to_owned());
                }
                Holds::Nothing => {
                    let number = index + 1;
                    return Err(refuse("row", format!("has a cell in column {number}, which has no name")));
                }
            }
        }
        if row.request.identities.is_empty() {
            return Err(refuse(
                "row",
                format!("has no account information, and one of {IDENTITIES} is expected"),
            ));
        }
        Ok(row)
    }
}

/// The column's name for a field of a request, as the service names it; `columns` are those of the row's identities.
pub(in crate::accounts) fn column_name(field: &str, columns: &[String]) -> String {
    let identity = field.strip_prefix("identities[").and_then(|rest| rest.split(']').next());
    let column = identity.and_then(|index| columns.get(index.parse::<usize>().ok()?));
    column.cloned().unwrap_or_else(|| field.to_owned())
}

/// `8.61371E+12`, also with a comma as in Europe. The last digits are lost for good.
fn is_shortened(cell: &str) -> bool {
    let Some((number, exponent)) = cell.split_once(['E', 'e']) else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, rest) = number.split_once(['.', ',']).unwrap_or((number, "0"));
    digits(whole) && digits(rest) && exponent.strip_prefix('+').is_some_and(digits)
}

/// Those that do not end a line of a file, but do in other programs.
fn is_line_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn a_head_line_must_say_what_is_what() {
        for (head, wrong) in [
            ("platform,phone", "line 1: there must be one column account, and there are 0"),
            ("platform;account;platform", "there must be one column platform, and there are 2"),
            (
                "platform,account,shoe_size",
                "no column is called shoe_size; columns are platform, account, phone",
            ),
            ("platform,\"account", "line 1: a quote is opened and not closed"),
        ] {
            let error = Columns::find(head, 1).unwrap_err().to_string();
            assert!(error.contains(wrong), "{error}");
        }
    }

    #[test]
    fn head_lines_of_spreadsheets_are_read() {
        for head in
            ["Platform, Account ,Phone", "PLATFORM;account;phone;", "platform\t\"account\"\tPHONE\t\t"]
        {
            let (_, columns) = Columns::find(head, 1).unwrap();
            let width = columns.0.len();
            let mut full = cells(&["app", "a1", "+1"]);
            full.resize(width, String::new());
            let row = columns.row(2, &full).unwrap();
            assert_eq!((row.request.platform.as_str(), row.request.identities.len()), ("app", 1), "{head}");
        }
        let columns = Columns::read(&cells(&["Platform", "account", "Member ID", "e-mail"]), 1).unwrap();
        let row = columns.row(2, &cells(&["app", "a1", "", "a@x.com", "", ""])).unwrap();
        assert_eq!(row.request.identities[0].kind, "email");
        assert_eq!(column_name("identities[0].value", &row.columns), "e-mail");
        assert_eq!(column_name("account", &row.columns), "account");
    }

    #[test]
    fn a_refusal_names_the_column_and_what_was_expected() {
        let columns = Columns::read(&cells(&["platform", "account", "Phone", ""]), 1).unwrap();
        for (row, column, description) in [
            (&["app", "a1"][..], "row", "has 2 cells, and 4 are expected"),
            (&["app", "a1", "+1", "", "x"], "row", "has 5 cells, and 4 are expected"),
            (&["app", "a1", "+1", "x"], "row", "has a cell in column 4, which has no name"),
            (&["app", "a1", "8.61371E+12", ""], "Phone", "a number that a spreadsheet has shortened"),
            (&["app", "a1", " ", ""], "row", "has no account information, and one of phone, email"),
            (&["app", "8,61E+5", "", ""], "account", "a number that a spreadsheet has shortened"),
            (&["app", "a\u{2028}1", "", ""], "account", "has a line break in it"),
        ] {
            let refusal = columns.row(9, &cells(row)).unwrap_err();
            assert_eq!((refusal.line, refusal.column.as_str()), (9, column), "{row:?}");
            assert!(refusal.description.contains(description), "{refusal:?}");
        }
        // Ids that look a little like it.
        for id in ["1E5", "E+5", "8.61E+", "1.2.3E+4"] {
            columns.row(9, &cells(&["app", id, "+1", ""])).unwrap();
        }
    }
}
