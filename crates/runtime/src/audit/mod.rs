//! The audit log of a service: what is refused is recorded here, what is done by the service itself in its own transaction
//! (`segue_store::audit`). A task links the records, and forgets them after `audit-days`; [`service`] lists them.

mod keeper;
mod refusals;
mod service;

use prost_reflect::DynamicMessage;
use segue_proto::message_descriptor;

use crate::methods;

pub(crate) use keeper::Keeper;
pub(crate) use refusals::Refusals;
pub(crate) use service::Lists;
pub use service::{chain_of, record_of};

/// A message in JSON, for the log. `name` is that of its type, with its package.
pub fn json(name: &str, message: &impl prost::Message) -> String {
    written(name, message).unwrap_or_else(|error| {
        tracing::error!(name, %error, "a message can't be written for the audit log");
        String::new()
    })
}

fn written(name: &str, message: &impl prost::Message) -> Result<String, Box<dyn std::error::Error>> {
    let message = DynamicMessage::decode(message_descriptor(name)?, message.encode_to_vec().as_slice())?;
    Ok(serde_json::to_string(&message)?)
}

/// Names and values as an object in JSON, for the log.
pub fn object(values: &[(&str, &str)]) -> String {
    let object: serde_json::Map<String, serde_json::Value> =
        values.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
    serde_json::Value::from(object).to_string()
}

/// The audited methods as documentation.
pub fn document() -> String {
    let rows = methods::audited().filter(|(_, methods)| !methods.is_empty());
    rows.map(|(service, methods)| {
        let methods: Vec<String> = methods.iter().map(|method| format!("`{method}`")).collect();
        format!("| `{service}` | {} |\n", methods.join(", "))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use segue_proto::selector::v1::Platform;

    use super::*;

    #[test]
    fn values_are_written_in_json() {
        let platform = Platform { id: "app".to_owned(), rank: 3, ..Platform::default() };
        assert_eq!(json("segue.selector.v1.Platform", &platform), r#"{"id":"app","rank":3}"#);
        assert_eq!(json("segue.selector.v1.Nothing", &platform), "");
        assert_eq!(object(&[("agent", "a\"1")]), r#"{"agent":"a\"1"}"#);
    }
}
