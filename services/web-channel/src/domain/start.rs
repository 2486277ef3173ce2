use segue_core::{KeyRing, Purpose};

/// What a new conversation's ids are made from: a random id, and a secret that only the page which starts it has. Both are kept by the
/// page until it has an answer.
///
/// The ids are derived, so that repeating a start that failed half way names the same session and the same contact, and
/// nothing has to be stored before the router has taken the contact. Who repeats the id without the secret starts another session.
pub(crate) struct StartKey {
    session_id: String,
    contact_request_id: String,
}

impl StartKey {
    pub(crate) fn new(keys: &KeyRing, platform: &str, start_id: &str, start_secret: &str) -> Self {
        let hash = keys.hash(Purpose::Request, &["web-channel start", platform, start_id, start_secret]);
        let session_id = format!("ses_{}", hash.get(..32).unwrap_or_default());
        let contact_request_id = keys.request_id(&["start", &session_id]);
        Self { session_id, contact_request_id }
    }

    /// The public id of the session.
    pub(crate) fn session_id(&self) -> String {
        self.session_id.clone()
    }

    /// For the router, so that it queues one contact however often it is asked.
    pub(crate) fn contact_request_id(&self) -> String {
        self.contact_request_id.clone()
    }
}

#[cfg(test)]
mod tests {
    use segue_core::{Key, Random};

    use super::*;

    #[test]
    fn a_repeated_start_names_the_same_and_another_does_not() {
        let keys = KeyRing::new(Key::generate(&Random::seeded(1)), None);
        let start = |platform: &str, id: &str, secret: &str| StartKey::new(&keys, platform, id, secret);
        let (one, again) = (start("app", "1", "mine"), start("app", "1", "mine"));
        assert_eq!(one.session_id(), again.session_id());
        assert_eq!(one.contact_request_id(), again.contact_request_id());
        assert!(uuid::Uuid::try_parse(&one.contact_request_id()).is_ok());
        for other in [start("app", "2", "mine"), start("web", "1", "mine"), start("app", "1", "theirs")] {
            assert_ne!(one.session_id(), other.session_id());
            assert_ne!(one.contact_request_id(), other.contact_request_id());
        }
    }
}
