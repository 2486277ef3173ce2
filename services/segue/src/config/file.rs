//! The file's form: the contract's own JSON mapping, as grpcurl shows it, in JSON or YAML. So there is nothing to keep in
//! step with the contract, and a field that it doesn't have is an error.

use std::{fs, path::Path};

use anyhow::{Context as _, bail, ensure};
use prost::Message;
use prost_reflect::{DynamicMessage, MessageDescriptor, ReflectMessage as _};
use segue_proto::{ContractError, message_descriptor};
use serde_json::{Map, Value};

use super::Document;

const FEATURES: &str = "features";
const PLATFORMS: &str = "platforms";
const WORK_PROFILES: &str = "workProfiles";

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// YAML.
    Yaml,
    /// JSON.
    Json,
}

impl Format {
    /// By a file's name.
    fn of(path: &Path) -> anyhow::Result<Self> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("yaml" | "yml") => Ok(Self::Yaml),
            Some("json") => Ok(Self::Json),
            _ => bail!("{}: must end in .yaml, .yml or .json", path.display()),
        }
    }
}

pub(super) fn load(path: &Path) -> anyhow::Result<Document> {
    let format = Format::of(path)?;
    let text = fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
    read(format, &text).with_context(|| path.display().to_string())
}

pub(super) fn save(path: &Path, document: &Document) -> anyhow::Result<()> {
    let text = write(Format::of(path)?, document)?;
    fs::write(path, text).with_context(|| format!("can't write {}", path.display()))
}

/// Writes a document without what the selector adds by itself.
pub(super) fn write(format: Format, document: &Document) -> anyhow::Result<String> {
    let kinds = Kinds::new()?;
    let bare = document.bare();
    let mut whole = Map::new();
    whole.insert(FEATURES.to_owned(), to_values(&kinds.feature, &bare.features)?);
    whole.insert(PLATFORMS.to_owned(), to_values(&kinds.platform, &bare.platforms)?);
    whole.insert(WORK_PROFILES.to_owned(), to_values(&kinds.work_profile, &bare.work_profiles)?);
    Ok(match format {
        Format::Json => serde_json::to_string_pretty(&whole)? + "\n",
        Format::Yaml => serde_saphyr::to_string(&whole)?,
    })
}

/// Reads a document; an error names the entry.
pub(super) fn read(format: Format, text: &str) -> anyhow::Result<Document> {
    let whole: Value = match format {
        Format::Json => serde_json::from_str(text)?,
        Format::Yaml => serde_saphyr::from_str(text)?,
    };
    let Value::Object(mut whole) = whole else {
        bail!("must be a mapping of {FEATURES}, {PLATFORMS} and {WORK_PROFILES}");
    };
    let kinds = Kinds::new()?;
    let document = Document {
        features: from_values(&kinds.feature, FEATURES, whole.remove(FEATURES))?,
        platforms: from_values(&kinds.platform, PLATFORMS, whole.remove(PLATFORMS))?,
        work_profiles: from_values(&kinds.work_profile, WORK_PROFILES, whole.remove(WORK_PROFILES))?,
    };
    if let Some(unknown) = whole.keys().next() {
        bail!("{unknown}: is none of {FEATURES}, {PLATFORMS} and {WORK_PROFILES}");
    }
    unique(FEATURES, document.features.iter().map(|feature| feature.name.as_str()))?;
    unique(PLATFORMS, document.platforms.iter().map(|platform| platform.id.as_str()))?;
    unique(WORK_PROFILES, document.work_profiles.iter().map(|profile| profile.id.as_str()))?;
    Ok(document)
}

/// A message as a value in the contract's JSON mapping.
pub(super) fn value_of(message: &impl Message, name: &str) -> anyhow::Result<Value> {
    to_value(&kind(name)?, message)
}

struct Kinds {
    feature: MessageDescriptor,
    platform: MessageDescriptor,
    work_profile: MessageDescriptor,
}

impl Kinds {
    fn new() -> Result<Self, ContractError> {
        Ok(Self {
            feature: kind("FeatureDefinition")?,
            platform: kind("Platform")?,
            work_profile: kind("WorkProfile")?,
        })
    }
}

/// The description of one of the selector's messages.
fn kind(name: &str) -> Result<MessageDescriptor, ContractError> {
    message_descriptor(&format!("segue.selector.v1.{name}"))
}

fn to_values(kind: &MessageDescriptor, messages: &[impl Message]) -> anyhow::Result<Value> {
    let values = messages.iter().map(|message| to_value(kind, message));
    Ok(Value::Array(values.collect::<anyhow::Result<_>>()?))
}

fn to_value(kind: &MessageDescriptor, message: &impl Message) -> anyhow::Result<Value> {
    let message = DynamicMessage::decode(kind.clone(), message.encode_to_vec().as_slice())?;
    Ok(serde_json::to_value(&message)?)
}

fn from_values<M: Message + Default>(
    kind: &MessageDescriptor,
    list: &str,
    values: Option<Value>,
) -> anyhow::Result<Vec<M>> {
    let values = match values {
        None | Some(Value::Null) => vec![],
        Some(Value::Array(values)) => values,
        Some(_) => bail!("{list}: must be a list"),
    };
    let read = |(index, value): (usize, Value)| {
        let name = value.get("id").or(value.get("name")).and_then(Value::as_str).unwrap_or_default();
        let entry = format!("{list}[{index}] {name}");
        let message = DynamicMessage::deserialize(kind.clone(), value).context(entry.clone())?;
        debug_assert_eq!(message.descriptor(), *kind);
        message.transcode_to().context(entry)
    };
    values.into_iter().enumerate().map(read).collect()
}

fn unique<'a>(list: &str, names: impl Iterator<Item = &'a str>) -> anyhow::Result<()> {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        ensure!(!name.is_empty(), "{list}: an entry has no name");
        ensure!(seen.insert(name), "{list}: {name} is there twice");
    }
    Ok(())
}
