use segue_core::{KeyRing, Purpose};

/// What a new conversation's ids are made from: a random id that the page keeps until it has an answer.
///
/// The ids are derived, so that repeating a start that failed half way names the same session and the same contact, and
/// nothing has to be stored before the router has taken the contact.
pub(crate) struct StartKey(String);

impl StartKey {
    pub(crate) fn new(keys: &KeyRing, platform: &str, start_id: &str) -> Self {
        Self(keys.hash(Purpose::Request, &["web-channel start", platform, start_id]))
    }

    /// The public id of the session.
    pub(crate) fn session_id(&self) -> String {
        format!("ses_{}", self.0.get(..32).unwrap_or_default())
    }

    /// For the router, so that it queues one contact however often it is asked.
    pub(crate) fn contact_request_id(&self) -> String {
        uuid_of_hex(self.0.get(32..64).unwrap_or_default())
    }
}

/// A request id for something that is done at most once, named by the parts.
pub(crate) fn request_id_of(keys: &KeyRing, parts: &[&str]) -> String {
    uuid_of_hex(keys.hash(Purpose::Request, parts).get(..32).unwrap_or_default())
}

fn uuid_of_hex(hex: &str) -> String {
    let bytes = u128::from_str_radix(hex, 16).unwrap_or_default().to_be_bytes();
    // Version 8: made by a rule of our own (RFC 9562).
    uuid::Builder::from_custom_bytes(bytes).into_uuid().hyphenated().to_string()
}

#[cfg(test)]
mod tests {
    use segue_core::{Key, Random};

    use super::*;

    #[test]
    fn a_repeated_start_names_the_same_and_another_does_not() {
        let keys = KeyRing::new(Key::generate(&Random::seeded(1)), None);
        let [one, again, other] =
            [("app", "1"), ("app", "1"), ("app", "2")].map(|(p, s)| StartKey::new(&keys, p, s));
        assert_eq!(one.session_id(), again.session_id());
        assert_eq!(one.contact_request_id(), again.contact_request_id());
        assert_ne!(one.session_id(), other.session_id());
        assert!(uuid::Uuid::try_parse(&one.contact_request_id()).is_ok());
        assert!(!one.contact_request_id().contains(&one.session_id()[4..12]));
    }
}
