use std::{collections::BTreeMap, fmt};

use serde_json::Value;

use super::{Document, file::value_of};

/// What is to be done for the selector to have what a file says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// The entries that differ, in the order in which they can be changed.
    pub entries: Vec<Entry>,
    /// How many there are that the file does not have and that stay.
    pub kept: usize,
    /// As it is.
    pub(super) there: Document,
    /// As it is to be.
    pub(super) wanted: Document,
}

/// One thing that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// Its id or name.
    pub name: String,
    /// What is to become of it.
    pub change: Change,
}

/// What a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A definition of a feature.
    Feature,
    /// A platform.
    Platform,
    /// A work profile.
    WorkProfile,
}

/// What is to become of an entry.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// It is new.
    Add,
    /// These fields change: as they are, and as they are to be; nothing where they are absent.
    Update(BTreeMap<String, (Option<Value>, Option<Value>)>),
    /// It goes.
    Remove,
}

impl Plan {
    /// What leads from one to the other. Without `prune` nothing is removed: a file may be about a part only.
    pub fn between(there: &Document, wanted: &Document, prune: bool) -> anyhow::Result<Self> {
        let (old, new) = (values(&there.bare())?, values(&wanted.bare())?);
        let mut entries = vec![];
        for ((kind, name), value) in &new {
            let change = match old.get(&(*kind, name.clone())) {
                None => Change::Add,
                Some(before) if before == value => continue,
                Some(before) => Change::Update(fields(before, value)),
            };
            entries.push(Entry { kind: *kind, name: name.clone(), change });
        }
        let gone: Vec<_> = old.keys().filter(|key| !new.contains_key(*key)).collect();
        let kept = if prune { 0 } else { gone.len() };
        // What uses features goes before them.
        for (kind, name) in gone.into_iter().rev().filter(|_| prune) {
            entries.push(Entry { kind: *kind, name: name.clone(), change: Change::Remove });
        }
        Ok(Self { entries, kept, there: there.clone(), wanted: wanted.bare() })
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

type Values = BTreeMap<(Kind, String), Value>;

fn values(document: &Document) -> anyhow::Result<Values> {
    let mut values = Values::new();
    for feature in &document.features {
        let value = value_of(feature, "FeatureDefinition")?;
        values.insert((Kind::Feature, feature.name.clone()), value);
    }
    for platform in &document.platforms {
        values.insert((Kind::Platform, platform.id.clone()), value_of(platform, "Platform")?);
    }
    for profile in &document.work_profiles {
        values.insert((Kind::WorkProfile, profile.id.clone()), value_of(profile, "WorkProfile")?);
    }
    Ok(values)
}

fn fields(before: &Value, after: &Value) -> BTreeMap<String, (Option<Value>, Option<Value>)> {
    let names = |value: &Value| -> Vec<String> {
        value.as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default()
    };
    names(before)
        .into_iter()
        .chain(names(after))
        .filter(|name| before.get(name) != after.get(name))
        .map(|name| {
            let (old, new) = (before.get(&name).cloned(), after.get(&name).cloned());
            (name, (old, new))
        })
        .collect()
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for entry in &self.entries {
            writeln!(f, "{entry}")?;
        }
        let count =
            |matches: fn(&Change) -> bool| self.entries.iter().filter(|entry| matches(&entry.change)).count();
        let add = count(|change| matches!(change, Change::Add));
        let update = count(|change| matches!(change, Change::Update(_)));
        let remove = count(|change| matches!(change, Change::Remove));
        if self.is_empty() {
            write!(f, "Nothing to change.")?;
        } else {
            write!(f, "{add} to add, {update} to change, {remove} to remove.")?;
        }
        match self.kept {
            0 => Ok(()),
            kept => write!(f, " {kept} that the file does not have stay; --prune removes them."),
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Feature => "feature",
            Kind::Platform => "platform",
            Kind::WorkProfile => "work profile",
        };
        let sign = match self.change {
            Change::Add => '+',
            Change::Update(_) => '~',
            Change::Remove => '-',
        };
        write!(f, "{sign} {kind} {}", self.name)?;
        let Change::Update(fields) = &self.change else { return Ok(()) };
        let shown = |value: &Option<Value>| value.as_ref().map_or("-".to_owned(), Value::to_string);
        for (name, (before, after)) in fields {
            write!(f, "\n    {name}: {} -> {}", shown(before), shown(after))?;
        }
        Ok(())
    }
}
