//! Typed settings from flags, environment and a file, in this order of precedence. All errors are reported at once.
//!
//! A setting is declared once, in a table: name, default, help. From the name `listen` come the flag `--listen`, the
//! environment variable `SEGUE_LISTEN` and the key `listen` of the TOML file that `--config` names.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt::{self, Display},
    ops::{Range, RangeInclusive},
    str::FromStr,
    time::Duration,
};

use clap::{
    Arg, ArgMatches, Command,
    error::{ContextKind, ContextValue, ErrorKind},
};

const PREFIX: &str = "SEGUE_";

/// A declared setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its name, in kebab case; units last.
    pub name: &'static str,
    /// The default, as text.
    pub default: &'static str,
    /// What it does, with unit and range.
    pub help: &'static str,
    /// Whether it must not be printed, nor given as a flag, where other users of the machine can see it.
    pub secret: bool,
}

impl Setting {
    /// A setting.
    pub const fn new(name: &'static str, default: &'static str, help: &'static str) -> Self {
        Self { name, default, help, secret: false }
    }

    /// A setting that holds a secret: from the environment or the file only.
    pub const fn secret(name: &'static str, help: &'static str) -> Self {
        Self { name, default: "", help, secret: true }
    }

    fn variable(&self) -> String {
        format!("{PREFIX}{}", self.name.to_uppercase().replace('-', "_"))
    }
}

/// What is wrong with the settings, all of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct SettingsError(pub Vec<String>);

/// Reads declared settings and collects what is wrong.
#[derive(Debug)]
pub struct Reader {
    values: BTreeMap<&'static str, Value>,
    errors: Vec<String>,
}

struct Value {
    text: String,
    origin: String,
    secret: bool,
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = if self.secret { "[secret]" } else { &self.text };
        write!(f, "{shown:?} from {}", self.origin)
    }
}

impl Reader {
    /// Takes the declared settings of this process.
    pub fn of_process(program: &'static str, declared: &[&[Setting]]) -> Self {
        let (environment, unreadable) = split_environment(std::env::vars_os());
        let mut reader = Self::new(program, declared, std::env::args_os(), &environment);
        reader.errors.extend(unreadable);
        reader
    }

    /// Takes the values of the declared settings. `--help` prints them and ends the process; a flag that is none is
    /// told by [`Reader::finish`] with all that is wrong elsewhere.
    pub fn new(
        program: &'static str,
        declared: &[&[Setting]],
        arguments: impl IntoIterator<Item = impl Into<OsString>>,
        environment: &BTreeMap<String, String>,
    ) -> Self {
        let declared: Vec<&Setting> = declared.iter().copied().flatten().collect();
        let mut reader = Self { values: BTreeMap::new(), errors: vec![] };
        let flags = reader.read_flags(program, &declared, arguments.into_iter().map(Into::into).collect());
        let file = reader.read_file(flags.get_one::<String>("config"), &declared);
        for setting in declared {
            let flag = (!setting.secret).then(|| flags.get_one::<String>(setting.name)).flatten();
            let variable = setting.variable();
            let (text, origin) = if let Some(text) = flag {
                (text.clone(), format!("--{}", setting.name))
            } else if let Some(text) = environment.get(&variable) {
                (text.clone(), variable)
            } else if let Some(text) = file.get(setting.name) {
                (text.clone(), format!("{} in the file", setting.name))
            } else {
                (setting.default.to_owned(), format!("the default of {}", setting.name))
            };
            reader.values.insert(setting.name, Value { text, origin, secret: setting.secret });
        }
        reader
    }

    /// A value by its type's own reading.
    pub fn get<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<T> {
        self.parse_with(name, |text| text.parse::<T>().map_err(|error| error.to_string()))
    }

    /// A value by a reading of its own.
    pub fn parse_with<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let Some(value) = self.values.get(name) else {
            self.errors.push(format!("{name} is not a declared setting"));
            return None;
        };
        match parse(value.text.trim()) {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                let shown = if value.secret { String::new() } else { format!(" {:?}", value.text) };
                self.errors.push(format!("{}{shown}: {error}", value.origin));
                None
            }
        }
    }

    /// A text that must not be empty.
    pub fn required(&mut self, name: &str) -> Option<String> {
        self.parse_with(name, |text| {
            if text.is_empty() { Err("must be given".to_owned()) } else { Ok(text.to_owned()) }
        })
    }

    /// What was made of several settings, or what is wrong with them together.
    pub fn check<T>(&mut self, names: &str, made: Result<T, String>) -> Option<T> {
        made.map_err(|error| self.errors.push(format!("{names}: {error}"))).ok()
    }

    /// Whole seconds in a range.
    pub fn seconds(&mut self, name: &str, range: RangeInclusive<u64>) -> Option<Duration> {
        self.number(name, range).map(Duration::from_secs)
    }

    /// A whole number in a range.
    pub fn number(&mut self, name: &str, range: RangeInclusive<u64>) -> Option<u64> {
        self.parse_with(name, |text| match text.parse::<u64>() {
            Ok(number) if range.contains(&number) => Ok(number),
            _ => Err(format!("must be a whole number from {} to {}", range.start(), range.end())),
        })
    }

    /// The configuration, or everything that was wrong.
    pub fn finish<T>(self, config: Option<T>) -> Result<T, SettingsError> {
        match config {
            Some(config) if self.errors.is_empty() => Ok(config),
            _ => Err(SettingsError(self.errors)),
        }
    }

    /// Wrong arguments are told one after the other and taken out, so that all of them are told.
    fn read_flags(
        &mut self,
        program: &'static str,
        declared: &[&Setting],
        mut arguments: Vec<OsString>,
    ) -> ArgMatches {
        loop {
            let error = match command(program, declared).try_get_matches_from(&arguments) {
                Ok(flags) => return flags,
                Err(error) if error.kind() == ErrorKind::DisplayHelp => error.exit(),
                Err(error) => error,
            };
            let told = error.to_string();
            let first = told.lines().next().unwrap_or_default().trim_start_matches("error: ");
            self.errors.push(format!("{first}; --help lists the flags"));
            let wrong = position_of_wrong(&error, &arguments);
            arguments.drain(wrong.unwrap_or(1.min(arguments.len())..arguments.len()));
        }
    }

    fn read_file(&mut self, path: Option<&String>, declared: &[&Setting]) -> BTreeMap<String, String> {
        let Some(path) = path else { return BTreeMap::new() };
        let parsed = std::fs::read_to_string(path)
            .map_err(|error| error.to_string())
            .and_then(|text| text.parse::<toml::Table>().map_err(|error| error.message().to_owned()));
        let table = parsed.unwrap_or_else(|error| {
            self.errors.push(format!("--config {path:?}: {error}"));
            toml::Table::new()
        });
        let mut values = BTreeMap::new();
        for (key, value) in table {
            if declared.iter().any(|setting| setting.name == key) {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                values.insert(key, text);
            } else {
                self.errors.push(format!("--config {path:?}: {key} is not a setting"));
            }
        }
        values
    }
}

/// The environment variables of this process. Those that are not text are left out, unless their names say that they are
/// meant for us.
pub fn environment() -> Result<BTreeMap<String, String>, SettingsError> {
    let (environment, unreadable) = split_environment(std::env::vars_os());
    if unreadable.is_empty() { Ok(environment) } else { Err(SettingsError(unreadable)) }
}

fn split_environment(
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> (BTreeMap<String, String>, Vec<String>) {
    let (mut readable, mut unreadable) = (BTreeMap::new(), Vec::new());
    for (name, value) in variables {
        match (name.into_string(), value.into_string()) {
            (Ok(name), Ok(value)) => drop(readable.insert(name, value)),
            (Ok(name), Err(_)) if name.starts_with(PREFIX) => {
                unreadable.push(format!("{name}: is not UTF-8"))
            }
            _ => {}
        }
    }
    (readable, unreadable)
}

/// Where the argument is that the error is about, and its value.
fn position_of_wrong(error: &clap::Error, arguments: &[OsString]) -> Option<Range<usize>> {
    let named = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(named)) => named.split(' ').next(),
        _ => None,
    };
    let text = |at: usize| arguments.get(at).map(|argument| argument.to_string_lossy());
    let at = (1..arguments.len()).find(|&at| match named {
        Some(named) => text(at).is_some_and(|text| text.split('=').next() == Some(named)),
        None => arguments[at].to_str().is_none(),
    })?;
    let has_value = text(at + 1).is_some_and(|next| !next.starts_with('-'));
    Some(at..at + 1 + usize::from(has_value))
}

fn command(program: &'static str, declared: &[&Setting]) -> Command {
    let config = Arg::new("config").long("config").value_name("FILE").help("TOML file of settings");
    declared.iter().fold(Command::new(program).arg(config), |command, setting| {
        let help = format!("{} [{}] [default: {}]", setting.help, setting.variable(), setting.default);
        if setting.secret {
            return command;
        }
        command.arg(Arg::new(setting.name).long(setting.name).value_name("VALUE").help(help))
    })
}

/// The settings as a table for the documentation.
pub fn document(declared: &[&[Setting]]) -> String {
    let mut table = String::from("| setting | variable | default | |\n|---|---|---|---|\n");
    for setting in declared.iter().copied().flatten() {
        let flag = if setting.secret { setting.name.to_owned() } else { format!("--{}", setting.name) };
        table +=
            &format!("| `{flag}` | `{}` | `{}` | {} |\n", setting.variable(), setting.default, setting.help);
    }
    table
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    const TABLE: &[Setting] = &[
        Setting::new("listen", "127.0.0.1:1", "where"),
        Setting::new("grace-seconds", "10", "how long"),
        Setting::secret("code-key", "key"),
    ];

    fn reader(arguments: &[&str], environment: &[(&str, &str)]) -> Reader {
        let arguments = std::iter::once("test").chain(arguments.iter().copied());
        let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Reader::new("test", &[TABLE], arguments, &environment)
    }

    #[test]
    fn a_flag_beats_the_environment_beats_the_file_beats_the_default() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "listen = \"127.0.0.1:2\"\ngrace-seconds = 3\n").unwrap();
        let path = file.path().to_str().unwrap();
        let mut r =
            reader(&["--config", path, "--listen", "127.0.0.1:4"], &[("SEGUE_LISTEN", "127.0.0.1:3")]);
        assert_eq!(r.required("listen").as_deref(), Some("127.0.0.1:4"));
        assert_eq!(r.seconds("grace-seconds", 1..=9), Some(Duration::from_secs(3)));
        let mut r = reader(&["--config", path], &[("SEGUE_LISTEN", "127.0.0.1:3")]);
        assert_eq!(r.required("listen").as_deref(), Some("127.0.0.1:3"));
        assert_eq!(reader(&[], &[]).required("listen").as_deref(), Some("127.0.0.1:1"));
    }

    #[test]
    fn all_errors_are_reported_and_secrets_are_not() {
        let mut r =
            reader(&["--listen", "nonsense"], &[("SEGUE_GRACE_SECONDS", "0"), ("SEGUE_CODE_KEY", "hush")]);
        let listen = r.get::<std::net::SocketAddr>("listen");
        let grace = r.seconds("grace-seconds", 1..=9);
        let key = r.parse_with("code-key", |_| Err::<(), _>("is short".to_owned()));
        assert!(listen.is_none() && grace.is_none() && key.is_none());
        let SettingsError(errors) = r.finish(None::<()>).unwrap_err();
        assert_eq!(errors.len(), 3, "{errors:?}");
        assert!(errors[0].contains("--listen") && errors[1].contains("SEGUE_GRACE_SECONDS"), "{errors:?}");
        assert!(!errors[2].contains("hush"), "{errors:?}");
    }

    #[test]
    fn an_unknown_flag_is_told_with_everything_else() {
        let flags = ["--lisen", "x", "--oops=1", "--grace-seconds", "0", "stray"];
        let mut r = reader(&flags, &[("SEGUE_LISTEN", "nonsense")]);
        assert!(r.get::<std::net::SocketAddr>("listen").is_none());
        assert!(r.seconds("grace-seconds", 1..=9).is_none());
        let SettingsError(errors) = r.finish(None::<()>).unwrap_err();
        let named = ["--lisen", "--oops", "stray", "SEGUE_LISTEN", "--grace-seconds"];
        assert_eq!(errors.len(), named.len(), "{errors:?}");
        assert!(errors.iter().zip(named).all(|(error, name)| error.contains(name)), "{errors:?}");
    }

    #[test]
    fn what_is_not_utf_8_is_skipped_or_told() {
        let broken = || OsString::from_vec(vec![b'/', 0xff]);
        let variables = [("PATH", broken()), ("SEGUE_LISTEN", broken()), ("SEGUE_LOG", "warn".into())];
        let (readable, unreadable) = split_environment(variables.map(|(k, v)| (k.into(), v)).into_iter());
        assert_eq!(readable, BTreeMap::from([("SEGUE_LOG".to_owned(), "warn".to_owned())]));
        assert_eq!(unreadable, ["SEGUE_LISTEN: is not UTF-8"]);
        let arguments = [OsString::from("test"), "--listen".into(), broken()];
        let SettingsError(errors) =
            Reader::new("test", &[TABLE], arguments, &readable).finish(Some(())).unwrap_err();
        assert!(errors[0].contains("UTF-8"), "{errors:?}");
    }

    #[test]
    fn secrets_are_not_printable() {
        let shown = format!("{:?}", reader(&["--listen", "here"], &[("SEGUE_CODE_KEY", "hush")]));
        assert!(
            shown.contains("here") && shown.contains("SEGUE_CODE_KEY") && !shown.contains("hush"),
            "{shown}"
        );
    }

    #[test]
    fn an_unknown_key_in_the_file_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "lisen = \"x\"\n").unwrap();
        let r = reader(&["--config", file.path().to_str().unwrap()], &[]);
        assert!(r.finish(Some(())).unwrap_err().to_string().contains("lisen is not a setting"));
    }
}
