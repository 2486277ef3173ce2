use prost::Message;
use segue_runtime::{MAX_MESSAGE_BYTES, page};

/// Left for the rest of the answer.
const MARGIN_BYTES: usize = 16 * 1024;

/// Cuts a list that was read one row longer than the page, also where the answer would grow too large to be sent, and
/// makes the token of the next page.
pub(crate) fn cut<T: Message>(
    scope: &str,
    rows: &mut Vec<T>,
    page_size: i64,
    key: impl Fn(&T) -> String,
) -> String {
    let mut budget = MAX_MESSAGE_BYTES - MARGIN_BYTES;
    let fitting = rows.iter().take_while(|row| {
        // A tag and a length come with each row.
        let bytes = row.encoded_len() + 8;
        let fits = bytes <= budget;
        budget = budget.saturating_sub(bytes);
        fits
    });
    let fitting = i64::try_from(fitting.count()).unwrap_or(i64::MAX);
    page::finish(scope, rows, page_size.min(fitting.max(1)), key)
}
