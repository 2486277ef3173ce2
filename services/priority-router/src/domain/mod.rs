//! What routing decides, without transport and database.

mod agent;
mod contact;
mod entry;
mod priority;
mod queue;
mod rules;
mod state;

pub use agent::{Agent, MAX_OPEN_CONTACTS, Platform, Presence};
pub use contact::{Change, Contact, NEVER, Origin};
pub use entry::{Entry, EntryState};
pub use priority::Priority;
pub use queue::Queue;
pub(crate) use queue::{join_skills, split_skills};
pub(crate) use rules::DAY_MS;
pub use rules::Rules;
pub use state::{Action, State, WrongState};
