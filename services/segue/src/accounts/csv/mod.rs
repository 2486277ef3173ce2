//! A CSV file of accounts, as spreadsheets and databases write it.
//!
//! A file is read twice: once to find its encoding, its delimiter and what nobody should begin with (a quote that is not closed),
//! once to send it. Both times line by line, so that memory stays flat, and so that no cell ever holds a line break: in this
//! table a quote over several lines is a stray one, and would make two customers one.

mod columns;
mod encoding;
mod lines;
mod record;
mod rows;
mod scan;
mod source;

pub(super) use columns::{Refusal, Row, column_name};
pub use encoding::Encoding;
pub use record::Delimiter;
pub(super) use source::Source;
