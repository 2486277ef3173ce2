use prost::Message;
use sha2::{Digest as _, Sha256};

/// The request id for a write of this content: the same each time, so that a repeated load repeats its requests instead
/// of making new ones. A UUID of version 8 (RFC 9562) from a SHA-256.
pub(super) fn request_id(method: &str, content: &impl Message) -> String {
    let mut hash = Sha256::new();
    hash.update((method.len() as u64).to_be_bytes());
    hash.update(method);
    hash.update(content.encode_to_vec());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().hyphenated().to_string()
}
