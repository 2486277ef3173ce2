use std::sync::LazyLock;

use prost_reflect::{DescriptorError, DescriptorPool, MessageDescriptor};

use crate::DESCRIPTORS;

static CONTRACTS: LazyLock<Result<DescriptorPool, DescriptorError>> =
    LazyLock::new(|| DescriptorPool::decode(DESCRIPTORS));

/// Why there is no such description. The first is a fault of the build.
#[derive(Debug, thiserror::Error)]
pub enum ContractError {
    /// The contracts in the program are broken.
    #[error("the contracts can't be read: {0}")]
    Unreadable(&'static DescriptorError),
    /// No message has the name.
    #[error("the contracts have no {0}")]
    NoMessage(String),
}

/// The descriptions of all contracts.
pub fn contracts() -> Result<&'static DescriptorPool, ContractError> {
    CONTRACTS.as_ref().map_err(ContractError::Unreadable)
}

/// The description of a message by its full name, for example `segue.selector.v1.Platform`.
pub fn message_descriptor(name: &str) -> Result<MessageDescriptor, ContractError> {
    contracts()?.get_message_by_name(name).ok_or_else(|| ContractError::NoMessage(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_by_their_full_names() {
        let name = "segue.selector.v1.Platform";
        assert_eq!(message_descriptor(name).unwrap().full_name(), name);
        let missing = message_descriptor("Platform").unwrap_err();
        assert_eq!(missing.to_string(), "the contracts have no Platform");
    }
}
