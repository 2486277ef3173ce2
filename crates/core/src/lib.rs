//! What every crate may depend on: time, randomness, keys, secrets, identifiers and customers' identities.
//!
//! Nothing in here knows a transport or a database.

mod caller;
mod clock;
mod identity;
mod ids;
mod keys;
mod network;
mod random;
mod secret;
pub mod text;

/// Bytes in lower-case hexadecimal.
pub use ::hex::encode as hex;
pub use caller::CallerId;
pub use clock::{Clock, ManualClock, SharedClock, SystemClock};
pub use identity::{AccountRef, Identity, IdentityError, IdentityKind, Region, UnknownRegion, account_refs};
pub use ids::{canonical_uuid, is_slug, new_id};
pub use keys::{Key, KeyError, KeyRing, KeyedHash, Purpose};
pub use network::{Network, unwrapped};
pub use random::Random;
pub use secret::Secret;
