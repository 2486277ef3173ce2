use std::fmt;

/// What a template can be filled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placeholder {
    /// Where the customer goes on.
    Target,
    /// The access code.
    Code,
    /// The entry link.
    Link,
    /// How long something is possible.
    Minutes,
}

/// A text with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Placeholder(Placeholder),
}

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum TemplateError {
    #[error("{{{0}}} is not a placeholder")]
    Unknown(String),
    #[error("a brace is not closed; write {{{{ for a brace")]
    Unclosed,
    #[error("must be one line of 1 to {MAX_CHARS} characters")]
    Form,
}

const MAX_CHARS: usize = 300;

impl Placeholder {
    const ALL: [Self; 4] = [Self::Target, Self::Code, Self::Link, Self::Minutes];

    fn name(self) -> &'static str {
        match self {
            Self::Target => "target",
            Self::Code => "code",
            Self::Link => "link",
            Self::Minutes => "minutes",
        }
    }
}

impl fmt::Display for Placeholder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}}}", self.name())
    }
}

impl Template {
    /// Reads a template.
    pub(super) fn parse(text: &str) -> Result<Self, TemplateError> {
        // A line break could end a message early, where its last line is meant for a machine.
        let printable = !text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'));
        if text.trim().is_empty() || !printable || text.chars().count() > MAX_CHARS {
            return Err(TemplateError::Form);
        }
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once('{') {
            pieces.push(Piece::Text(before.to_owned()));
            if let Some(after) = after.strip_prefix('{') {
                pieces.push(Piece::Text("{".to_owned()));
                rest = after;
                continue;
            }
            let (name, after) = after.split_once('}').ok_or(TemplateError::Unclosed)?;
            let known = Placeholder::ALL.into_iter().find(|known| known.name() == name);
            pieces.push(Piece::Placeholder(known.ok_or_else(|| TemplateError::Unknown(name.to_owned()))?));
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Self(pieces))
    }

    /// Its placeholders.
    pub(super) fn placeholders(&self) -> impl Iterator<Item = Placeholder> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Placeholder(placeholder) => Some(*placeholder),
            Piece::Text(_) => None,
        })
    }

    /// The text with the values in their places. Values are not read as templates.
    pub(super) fn fill(&self, values: &[(Placeholder, &str)]) -> String {
        let value = |wanted| values.iter().find(|(known, _)| *known == wanted).map_or("", |(_, value)| value);
        let pieces = self.0.iter().map(|piece| match piece {
            Piece::Text(text) => text.as_str(),
            Piece::Placeholder(placeholder) => value(*placeholder),
        });
        pieces.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_take_their_places_and_are_not_templates_themselves() {
        let template = Template::parse("at {target}: {{{code}} {code}").unwrap();
        let filled = template.fill(&[(Placeholder::Target, "{code}"), (Placeholder::Code, "23")]);
        assert_eq!(filled, "at {code}: {23} 23");
        assert_eq!(template.placeholders().count(), 3);
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert_eq!(Template::parse("{name}"), Err(TemplateError::Unknown("name".into())));
        assert_eq!(Template::parse("a {target"), Err(TemplateError::Unclosed));
        for form in ["", "  ", "a\nb", "a\u{2028}b", &"x".repeat(301)] {
            assert_eq!(Template::parse(form), Err(TemplateError::Form), "{form:?}");
        }
    }
}
