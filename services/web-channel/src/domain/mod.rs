//! What a conversation is, without transport or database.

mod card;
mod content;
mod platform;
mod start;

pub(crate) use card::{Card, CardFace};
pub(crate) use content::{Author, Content, Entry};
pub use platform::Platform;
pub(crate) use platform::parse_platforms;
pub(crate) use start::StartKey;
