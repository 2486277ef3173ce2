//! Keys from configuration, and the two things made with them: keyed hashes and sealed payloads.
//!
//! A [`KeyRing`] has a current key, and while keys are being rotated a previous one. New hashes and seals are made with
//! the current key; look-ups try both.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit as _, Nonce,
    aead::{Aead as _, Payload},
};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::{Random, hex};

const NONCE_BYTES: usize = 12;
const KEY_BYTES: usize = 32;
const BLOCK_BYTES: usize = 64;

/// A 256-bit key. Its memory is overwritten when it goes.
#[derive(Clone, ZeroizeOnDrop)]
pub struct Key([u8; KEY_BYTES]);

/// Why a key can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not base64 of 32 bytes.
    #[error("a key is 32 bytes in base64, as from `openssl rand -base64 32`")]
    Malformed,
    /// The payload was sealed with a key that is no longer on the ring, or was changed.
    #[error("the payload does not open with any key of the ring")]
    Unsealable,
    /// The cipher takes no payloads of more than 256 GiB.
    #[error("the payload is too large to be sealed")]
    TooLarge,
}

/// What a hash or seal is for. Each purpose gets a key of its own, so that a value of one can't pass for another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Access codes at rest.
    Code,
    /// A customer's account information.
    Identity,
    /// A platform's account ids.
    Account,
    /// Payloads that wait for a call.
    Payload,
    /// Whom a guess at a code came from: accounts and network addresses.
    Limit,
    /// Contents of requests, remembered to tell a repetition from a reuse of the id.
    Request,
    /// What a key is called without telling it.
    Fingerprint,
}

/// A keyed hash in lower-case hexadecimal.
pub type KeyedHash = String;

/// The keys in use.
#[derive(Clone)]
pub struct KeyRing {
    current: Key,
    previous: Option<Key>,
}

impl Key {
    /// Reads a key from base64.
    pub fn from_base64(text: &str) -> Result<Self, KeyError> {
        let bytes = Zeroizing::new(STANDARD.decode(text.trim()).map_err(|_| KeyError::Malformed)?);
        Ok(Self(bytes.as_slice().try_into().map_err(|_| KeyError::Malformed)?))
    }

    /// A new key.
    pub fn generate(random: &Random) -> Self {
        Self(random.bytes())
    }

    /// The key as configuration wants it.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.0)
    }

    fn derive(&self, purpose: Purpose) -> Zeroizing<[u8; KEY_BYTES]> {
        let label: &[u8] = match purpose {
            Purpose::Code => b"segue code",
            Purpose::Identity => b"segue identity",
            Purpose::Account => b"segue account",
            Purpose::Payload => b"segue payload",
            Purpose::Limit => b"segue limit",
            Purpose::Request => b"segue request",
            Purpose::Fingerprint => b"segue fingerprint",
        };
        Zeroizing::new(hmac_sha256(&self.0, &[label]))
    }
}

impl KeyRing {
    /// A ring of the current key and, during a rotation, the one before.
    pub fn new(current: Key, previous: Option<Key>) -> Self {
        Self { current, previous }
    }

    /// HMAC-SHA256 of the parts under the current key. The parts are length-prefixed, so they can't run together.
    pub fn hash(&self, purpose: Purpose, parts: &[&str]) -> KeyedHash {
        hash_with(&self.current, purpose, parts)
    }

    /// The hashes that the parts may be stored under: by the current key, then by the previous.
    pub fn hashes(&self, purpose: Purpose, parts: &[&str]) -> Vec<KeyedHash> {
        self.keys().map(|key| hash_with(key, purpose, parts)).collect()
    }

    /// A request id for something that is done at most once, named by the parts. Who doesn't have the key can't tell it, and so can't
    /// use it up first.
    pub fn request_id(&self, parts: &[&str]) -> String {
        let hash = self.hash(Purpose::Request, parts);
        let bytes = hash.get(..32).and_then(|hex| u128::from_str_radix(hex, 16).ok()).unwrap_or_default();
        // Version 8: made by a rule of our own (RFC 9562).
        uuid::Builder::from_custom_bytes(bytes.to_be_bytes()).into_uuid().hyphenated().to_string()
    }

    /// A fingerprint of the current key, to be kept beside what was hashed with it.
    pub fn current_id(&self) -> String {
        fingerprint(&self.current)
    }

    /// A fingerprint of the previous key.
    pub fn previous_id(&self) -> Option<String> {
        self.previous.as_ref().map(fingerprint)
    }

    /// Encrypts and authenticates a payload (ChaCha20-Poly1305, RFC 8439); it opens only with the same context.
    pub fn seal(&self, context: &str, plain: &[u8], random: &Random) -> Result<Vec<u8>, KeyError> {
        let nonce: [u8; NONCE_BYTES] = random.bytes();
        let payload = Payload { msg: plain, aad: context.as_bytes() };
        let body =
            cipher(&self.current).encrypt(&Nonce::from(nonce), payload).map_err(|_| KeyError::TooLarge)?;
        Ok([&nonce[..], &body].concat())
    }

    /// Opens a sealed payload.
    pub fn open(&self, context: &str, sealed: &[u8]) -> Result<Vec<u8>, KeyError> {
        let (nonce, body) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(KeyError::Unsealable)?;
        self.keys()
            .find_map(|key| {
                let payload = Payload { msg: body, aad: context.as_bytes() };
                cipher(key).decrypt(&Nonce::from(*nonce), payload).ok()
            })
            .ok_or(KeyError::Unsealable)
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyRing([secret])")
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key([secret])")
    }
}

fn cipher(key: &Key) -> ChaCha20Poly1305 {
    ChaCha20Poly1305::new(&(*key.derive(Purpose::Payload)).into())
}

fn hash_with(key: &Key, purpose: Purpose, parts: &[&str]) -> KeyedHash {
    let lengths: Vec<[u8; 8]> = parts.iter().map(|part| (part.len() as u64).to_be_bytes()).collect();
    let framed: Vec<&[u8]> =
        lengths.iter().zip(parts).flat_map(|(length, part)| [length.as_slice(), part.as_bytes()]).collect();
    hex(hmac_sha256(&key.derive(purpose), &framed))
}

/// 64 bits: enough to tell the keys of a lifetime apart, and it gives nothing of them away.
fn fingerprint(key: &Key) -> String {
    let mut hash = hash_with(key, Purpose::Fingerprint, &[]);
    hash.truncate(16);
    hash
}

fn hmac_sha256(key: &[u8; KEY_BYTES], parts: &[&[u8]]) -> [u8; KEY_BYTES] {
    // HMAC pads a short key with zeros to the hash's block (RFC 2104); the crate asks for the whole block.
    let mut block = [0; BLOCK_BYTES];
    block[..KEY_BYTES].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(seed: u64) -> KeyRing {
        KeyRing::new(Key::generate(&Random::seeded(seed)), None)
    }

    #[test]
    fn hmac_is_the_standard_one() {
        let tag = hmac_sha256(&[0x0b; 32], &[b"Hi ", b"There"]);
        assert_eq!(tag, hmac_sha256(&[0x0b; 32], &[b"Hi There"]));
        // Worked out with OpenSSL 3.0: printf 'Hi There' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0b..0b (32)
        assert_eq!(hex(tag), "198a607eb44bfbc69903a0f1cf2bbdc5ba0aa3f3d9ae3c1c7a3b1696a0b68cf7");
    }

    #[test]
    fn parts_do_not_run_together() {
        let ring = ring(1);
        assert_ne!(ring.hash(Purpose::Code, &["ab", "c"]), ring.hash(Purpose::Code, &["a", "bc"]));
        assert_ne!(ring.hash(Purpose::Code, &["a"]), ring.hash(Purpose::Account, &["a"]));
    }

    #[test]
    fn fingerprints_follow_their_key() {
        let (old, new) = (Key::generate(&Random::seeded(1)), Key::generate(&Random::seeded(2)));
        let before = KeyRing::new(old.clone(), None);
        let after = KeyRing::new(new, Some(old));
        assert_eq!(after.previous_id(), Some(before.current_id()));
        assert_ne!(after.current_id(), before.current_id());
        assert_eq!((before.previous_id(), before.current_id().len()), (None, 16));
    }

    #[test]
    fn rotation_keeps_old_hashes_and_seals() {
        let (old, new) = (Key::generate(&Random::seeded(1)), Key::generate(&Random::seeded(2)));
        let before = KeyRing::new(old.clone(), None);
        let after = KeyRing::new(new, Some(old));
        let hash = before.hash(Purpose::Code, &["x"]);
        assert!(after.hashes(Purpose::Code, &["x"]).contains(&hash));
        let sealed = before.seal("ctx", b"plain", &Random::seeded(3)).unwrap();
        assert_eq!(after.open("ctx", &sealed).unwrap(), b"plain");
        assert_eq!(after.open("other", &sealed), Err(KeyError::Unsealable));
        assert_eq!(ring(9).open("ctx", &sealed), Err(KeyError::Unsealable));
    }

    #[test]
    fn keys_are_32_bytes_of_base64() {
        let key = Key::generate(&Random::seeded(1));
        assert_eq!(Key::from_base64(&key.to_base64()).unwrap().0, key.0);
        assert_eq!(Key::from_base64("c2hvcnQ=").unwrap_err(), KeyError::Malformed);
        assert_eq!(format!("{key:?}"), "Key([secret])");
    }
}
