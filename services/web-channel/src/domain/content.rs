use std::fmt;

use serde::{Deserialize, Serialize};

/// Who wrote an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Author {
    Customer,
    Agent,
    System,
}

impl Author {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Agent => "agent",
            Self::System => "system",
        }
    }

    pub(crate) fn parse(name: &str) -> Self {
        match name {
            "customer" => Self::Customer,
            "agent" => Self::Agent,
            _ => Self::System,
        }
    }
}

/// What an entry shows. It is what people told each other, so it is sealed at rest and has no readable `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Content {
    Text {
        text: String,
    },
    File {
        upload: String,
        name: String,
        size_bytes: i64,
    },
    /// Points at the access card, which is kept apart because it ends earlier.
    Card {
        handoff_id: String,
        generation: i32,
        target: String,
    },
    /// An agent is there now, or, when `waiting`, will be as soon as possible.
    Joined {
        agent: String,
        work_order: String,
        waiting: bool,
    },
    Closed {
        message: String,
    },
    /// Sealed with a key that is gone.
    Unreadable,
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Content([secret])")
    }
}

/// One entry of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) seq: i64,
    pub(crate) author: Author,
    /// The agent's number when an agent wrote it.
    pub(crate) agent: String,
    pub(crate) at_ms: i64,
    pub(crate) content: Content,
}
