//! Opaque page and resume tokens. A token names what it was made for, so that it can't be used elsewhere, and carries a
//! checksum that tells a damaged one. It is not a secret and grants nothing.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use segue_proto::common::v1::ErrorReason;
use sha2::{Digest as _, Sha256};

use crate::{MAX_MESSAGE_BYTES, Refusal};

/// What an answer's rows may take; the rest is left for the token and what else is in it.
const MAX_PAGE_BYTES: usize = MAX_MESSAGE_BYTES - 16 * 1024;
/// A tag and a length come with each row.
const BYTES_BESIDE_ROW: usize = 8;
const CHECK_BYTES: usize = 6;

/// Makes a token for a scope (the RPC and its filters) that goes on after a key.
pub fn encode(scope: &str, after: &str) -> String {
    let mut token = check(scope, after).to_vec();
    token.extend(after.as_bytes());
    URL_SAFE_NO_PAD.encode(token)
}

/// Reads a token of this scope.
pub fn decode(scope: &str, token: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (given, after) = bytes.split_first_chunk::<CHECK_BYTES>()?;
    let after = String::from_utf8(after.to_vec()).ok()?;
    (check(scope, &after) == *given).then_some(after)
}

/// Where a page starts: after this key, or at the beginning for an empty token.
pub fn start(scope: &str, page_token: &str) -> Result<Option<String>, Refusal> {
    if page_token.is_empty() {
        return Ok(None);
    }
    decode(scope, page_token).map(Some).ok_or_else(|| {
        Refusal::new(
            ErrorReason::InvalidPageToken,
            "the page token is not one of ours, or belongs to other filters",
        )
        .field("page_token", "must be the next_page_token of an answer to the same request")
    })
}

/// Cuts a list that was read one row longer than the page, and makes the token of the next page.
pub fn finish<T>(scope: &str, rows: &mut Vec<T>, page_size: i64, key: impl Fn(&T) -> String) -> String {
    let size = usize::try_from(page_size).unwrap_or(usize::MAX);
    if rows.len() <= size {
        return String::new();
    }
    rows.truncate(size);
    rows.last().map(|last| encode(scope, &key(last))).unwrap_or_default()
}

/// The same, and cuts also where the answer would be too large to be sent. `bytes` tells the encoded length of a row. A
/// page has at least one row, so that lists get on; no row may be near the limit by itself.
pub fn cut<T>(
    scope: &str,
    rows: &mut Vec<T>,
    page_size: i64,
    bytes: impl Fn(&T) -> usize,
    key: impl Fn(&T) -> String,
) -> String {
    let mut left = MAX_PAGE_BYTES;
    let fitting = rows.iter().take_while(|row| {
        let rest = left.checked_sub(bytes(row) + BYTES_BESIDE_ROW);
        left = rest.unwrap_or_default();
        rest.is_some()
    });
    let fitting = i64::try_from(fitting.count()).unwrap_or(i64::MAX);
    finish(scope, rows, page_size.min(fitting.max(1)), key)
}

fn check(scope: &str, after: &str) -> [u8; CHECK_BYTES] {
    let mut hash = Sha256::new();
    hash.update((scope.len() as u64).to_be_bytes());
    hash.update(scope);
    hash.update(after);
    let mut short = [0; CHECK_BYTES];
    short.copy_from_slice(&hash.finalize()[..CHECK_BYTES]);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_works_for_its_own_scope_only() {
        let token = encode("ListX|a", "key");
        assert_eq!(decode("ListX|a", &token).as_deref(), Some("key"));
        assert_eq!(decode("ListX|b", &token), None);
        assert_eq!(decode("ListX|a", "bm90IG91cnM"), None);
        assert_eq!(decode("ListX|a", "%%%"), None);
    }

    #[test]
    fn a_page_ends_before_it_is_too_large() {
        let page = |sizes: &[usize], page_size| {
            let mut rows = sizes.to_vec();
            let token = cut("s", &mut rows, page_size, |size| *size, usize::to_string);
            (rows.len(), !token.is_empty())
        };
        assert_eq!(page(&[MAX_PAGE_BYTES - 8, 1], 10), (1, true));
        assert_eq!(page(&[MAX_PAGE_BYTES / 3; 4], 10), (2, true));
        assert_eq!(page(&[MAX_PAGE_BYTES / 2 - 8; 2], 10), (2, false));
        assert_eq!(page(&[1, 1, 1], 2), (2, true));
        assert_eq!(page(&[MAX_MESSAGE_BYTES, 1], 10), (1, true));
        assert_eq!(page(&[], 10), (0, false));
    }

    #[test]
    fn the_last_page_has_no_token() {
        let mut rows = vec![1, 2, 3];
        assert_eq!(finish("s", &mut rows, 3, i32::to_string), "");
        let token = finish("s", &mut rows, 2, i32::to_string);
        assert_eq!((rows, decode("s", &token).as_deref()), (vec![1, 2], Some("2")));
    }
}
