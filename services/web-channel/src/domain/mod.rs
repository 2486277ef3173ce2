//! What a conversation is, without transport or database.

mod admitted;
mod card;
mod content;
mod file_name;
mod platform;
mod start;
mod upload_room;

pub(crate) use admitted::Admitted;
pub(crate) use card::{Card, CardFace};
pub(crate) use content::{Author, Content, Entry};
pub(crate) use file_name::visible_name;
pub use platform::Platform;
pub(crate) use platform::parse_platforms;
pub(crate) use start::StartKey;
pub(crate) use upload_room::UploadRoom;
