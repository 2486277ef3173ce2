//! Reading templates from TOML: what an operator gives, over what there is. Everything that is wrong is told at once.

use toml::{Table, Value};

use super::{
    Messages, Texts,
    template::{Placeholder, Template},
};
use crate::domain::locale::Locale;

const STANDARD: &str = include_str!("standard.toml");

/// A key, what it may be filled with, and what it is for and therefore must have.
struct Key {
    name: &'static str,
    allowed: &'static [Placeholder],
    required: &'static [Placeholder],
}

const fn key(name: &'static str, allowed: &'static [Placeholder], required: &'static [Placeholder]) -> Key {
    Key { name, allowed, required }
}

const INVITATION: Key =
    key("invitation", &[Placeholder::Target, Placeholder::Minutes], &[Placeholder::Target]);
const CODE: Key = key("code", &[Placeholder::Target, Placeholder::Code], &[Placeholder::Code]);
const LINK: Key = key("link", &[Placeholder::Target, Placeholder::Link], &[Placeholder::Link]);
const DIAL: Key = key("dial", &[Placeholder::Target, Placeholder::Link], &[Placeholder::Link]);
const SCAN: Key = key("scan", &[Placeholder::Target], &[]);
const VALIDITY: Key = key("validity", &[Placeholder::Target, Placeholder::Minutes], &[Placeholder::Minutes]);
const FAREWELL: Key = key("farewell", &[Placeholder::Target], &[Placeholder::Target]);
const OBJECTION: Key =
    key("objection", &[Placeholder::Target, Placeholder::Minutes], &[Placeholder::Minutes]);
const REVOKED: Key = key("revoked", &[], &[]);
const KEYS: [Key; 9] = [INVITATION, CODE, LINK, DIAL, SCAN, VALIDITY, FAREWELL, OBJECTION, REVOKED];

impl Messages {
    /// Segue's own texts.
    pub fn standard() -> Result<Self, Vec<String>> {
        Self::read("")
    }

    /// An operator's texts; what they leave out is said in Segue's own words.
    pub fn read(text: &str) -> Result<Self, Vec<String>> {
        let mut reader = Reader { standard: table(STANDARD)?, given: table(text)?, errors: vec![] };
        reader.unknown_keys();
        let (en, zh_cn) = (reader.texts(Locale::En), reader.texts(Locale::ZhCn));
        match en.zip(zh_cn) {
            Some((en, zh_cn)) if reader.errors.is_empty() => Ok(Self { en, zh_cn }),
            _ => Err(reader.errors),
        }
    }
}

fn table(text: &str) -> Result<Table, Vec<String>> {
    text.parse::<Table>().map_err(|error| vec![error.message().to_owned()])
}

struct Reader {
    standard: Table,
    given: Table,
    errors: Vec<String>,
}

impl Reader {
    fn unknown_keys(&mut self) {
        for (locale, texts) in &self.given {
            if Locale::parse(locale).is_none() {
                self.errors.push(format!("[{locale}]: is not a language of Segue"));
                continue;
            }
            let Value::Table(texts) = texts else {
                self.errors.push(format!("{locale}: must be a table of texts"));
                continue;
            };
            let unknown = texts.keys().filter(|name| !KEYS.iter().any(|key| key.name == name.as_str()));
            self.errors.extend(unknown.map(|name| format!("{locale}.{name}: is not a text of Segue")));
        }
    }

    fn texts(&mut self, locale: Locale) -> Option<Texts> {
        // All are read before any is missed, so that all errors are told.
        let [invitation, code, link, dial, scan, validity, farewell, objection, revoked] =
            KEYS.map(|key| self.template(locale, &key));
        Some(Texts {
            invitation: invitation?,
            code: code?,
            link: link?,
            dial: dial?,
            scan: scan?,
            validity: validity?,
            farewell: farewell?,
            objection: objection?,
            revoked: revoked?,
        })
    }

    fn template(&mut self, locale: Locale, key: &Key) -> Option<Template> {
        let path = format!("{}.{}", locale.tag(), key.name);
        match self.checked(locale, key) {
            Ok(template) => Some(template),
            Err(wrong) => {
                self.errors.push(format!("{path}: {wrong}"));
                None
            }
        }
    }

    fn checked(&self, locale: Locale, key: &Key) -> Result<Template, String> {
        let find = |table: &Table| table.get(locale.tag()).and_then(|texts| texts.get(key.name)).cloned();
        let value = find(&self.given).or_else(|| find(&self.standard)).ok_or("is missing")?;
        let text = value.as_str().ok_or("must be a text")?;
        let template = Template::parse(text).map_err(|error| error.to_string())?;
        if let Some(foreign) = template.placeholders().find(|used| !key.allowed.contains(used)) {
            return Err(format!("{foreign} has no place here"));
        }
        match key.required.iter().find(|required| !template.placeholders().any(|used| used == **required)) {
            Some(missing) => Err(format!("{missing} is missing")),
            None => Ok(template),
        }
    }
}
