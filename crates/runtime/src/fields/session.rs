use segue_proto::common::v1::Session;

use super::Fields;

const MAX_CHARACTERS: usize = 128;

impl Fields {
    /// A platform's id of a conversation.
    pub fn session_id(&mut self, field: &str, value: &str) -> String {
        self.line(field, value, MAX_CHARACTERS)
    }

    /// A conversation that must be given.
    pub fn session(&mut self, field: &str, session: Option<&Session>) -> Session {
        let Some(session) = session else {
            self.violation(field, "must be given");
            return Session::default();
        };
        Session {
            platform: self.slug(&format!("{field}.platform"), &session.platform),
            session: self.session_id(&format!("{field}.session"), &session.session),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_has_a_platform_and_an_id_of_one_line() {
        let refused = |session: Option<(&str, &str)>| {
            let session = session.map(|(platform, session)| Session {
                platform: platform.to_owned(),
                session: session.to_owned(),
            });
            let mut fields = Fields::new();
            fields.session("source", session.as_ref());
            fields.first().map(|(field, _)| field.to_owned())
        };
        assert_eq!(refused(Some(("chat", &"字".repeat(128)))), None);
        for (session, field) in [
            (None, "source"),
            (Some(("", "s")), "source.platform"),
            (Some(("Chat", "s")), "source.platform"),
            (Some(("chat", "")), "source.session"),
            (Some(("chat", "a\nb")), "source.session"),
            (Some(("chat", &*"x".repeat(129))), "source.session"),
        ] {
            assert_eq!(refused(session).as_deref(), Some(field), "{session:?}");
        }
    }
}
