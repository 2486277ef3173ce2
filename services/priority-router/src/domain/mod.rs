//! What routing decides, without transport and database.

mod agent;
mod choice;
mod contact;
pub mod core;
mod entry;
mod event;
mod priority;
mod queue;
mod rules;
mod state;

pub use agent::{Agent, MAX_OPEN_CONTACTS, Platform, Presence, PresenceReason};
pub use choice::{Head, MAX_KEPT, choose};
pub use contact::{Contact, NEVER, Origin, Place, WaitsFor};
pub use entry::{Entry, EntryState};
pub use event::EventKind;
pub use priority::Priority;
pub use queue::Queue;
pub(crate) use queue::{join_skills, split_skills};
pub(crate) use rules::DAY_MS;
pub use rules::Rules;
pub use state::{Action, State, WrongState};
