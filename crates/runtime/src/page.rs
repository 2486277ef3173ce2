//! Opaque page and resume tokens. A token names what it was made for, so that it can't be used elsewhere, and carries a
//! checksum that tells a damaged one. It is not a secret and grants nothing.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use segue_proto::common::v1::ErrorReason;
use sha2::{Digest as _, Sha256};

use crate::Refusal;

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
    fn the_last_page_has_no_token() {
        let mut rows = vec![1, 2, 3];
        assert_eq!(finish("s", &mut rows, 3, i32::to_string), "");
        let token = finish("s", &mut rows, 2, i32::to_string);
        assert_eq!((rows, decode("s", &token).as_deref()), (vec![1, 2], Some("2")));
    }
}
