use super::Answer;
use crate::{
    domain,
    store::{contacts, entries},
};

/// A decision to be made.
#[derive(Debug)]
pub(crate) struct Command {
    pub what: domain::Command,
    pub texts: Texts,
    /// Why, for the contact's log.
    pub reason: String,
    /// Whether it is recorded in the audit log.
    pub is_administrative: bool,
    /// What is kept to answer the same request again; none for what is idempotent in itself, and for what answers with an entry. It is
    /// kept together with the changes, before texts of what they change are known.
    pub keep: Option<fn(&Answer) -> Vec<u8>>,
}

/// What rows keep of a command and nothing is decided by.
#[derive(Debug)]
pub(crate) enum Texts {
    None,
    Contact(contacts::Texts),
    Entry(entries::Texts),
}

impl Command {
    /// A command without texts that is idempotent in itself.
    pub(crate) fn new(what: domain::Command) -> Self {
        Self { what, texts: Texts::None, reason: String::new(), is_administrative: false, keep: None }
    }
}
