//! Fields of messages in the encoding of protobuf (<https://protobuf.dev/programming-guides/encoding/>), each by its key: its number, and
//! that it is a text or a message.

/// The keys of [`SelectPlatformResponse`](segue_proto::selector::v1::SelectPlatformResponse).
pub(super) const ANSWER_CANDIDATE: u8 = key(3);
pub(super) const ANSWER_TARGET: u8 = key(4);
pub(super) const ANSWER_SOURCE: u8 = key(5);
/// The keys of [`Candidate`](segue_proto::selector::v1::Candidate).
pub(super) const CANDIDATE_PLATFORM: u8 = key(1);
pub(super) const CANDIDATE_REASON: u8 = key(5);
pub(super) const CANDIDATE_EXPLANATION: u8 = key(6);
/// The keys of [`Explanation`](segue_proto::selector::v1::Explanation).
pub(super) const EXPLANATION_LOCALE: u8 = key(1);
pub(super) const EXPLANATION_SENTENCE: u8 = key(2);

/// The type of a field that begins with its length.
const LENGTH_DELIMITED: u8 = 2;

const fn key(number: u8) -> u8 {
    number << 3 | LENGTH_DELIMITED
}

/// Adds a field whose content comes in pieces.
pub(super) fn put(bytes: &mut Vec<u8>, key: u8, pieces: &[&[u8]]) {
    bytes.push(key);
    let mut length: usize = pieces.iter().map(|piece| piece.len()).sum();
    while length > 0x7f {
        bytes.push(length.to_le_bytes()[0] | 0x80);
        length >>= 7;
    }
    bytes.push(length.to_le_bytes()[0]);
    pieces.iter().for_each(|piece| bytes.extend_from_slice(piece));
}
