use uuid::Builder;

use crate::Random;

/// A new identifier: a prefix that tells what it names, and a UUID version 7 (RFC 9562), so that ids sort by age.
pub fn new_id(prefix: &str, now_ms: i64, random: &Random) -> String {
    let millis = u64::try_from(now_ms).unwrap_or_default();
    let uuid = Builder::from_unix_timestamp_millis(millis, &random.bytes()).into_uuid();
    format!("{prefix}_{}", uuid.simple())
}

/// Whether an id chosen by operations is well formed: 1 to 63 of a-z, 0-9, `_` and `-`, starting with a letter.
pub fn is_slug(id: &str) -> bool {
    id.len() <= 63
        && id.starts_with(|c: char| c.is_ascii_lowercase())
        && id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-'))
}
/// A UUID in its usual form, lower case with hyphens, whatever form it has; none of what is no UUID.
pub fn canonical_uuid(text: &str) -> Option<String> {
    uuid::Uuid::try_parse(text).ok().map(|id| id.hyphenated().to_string())
}
