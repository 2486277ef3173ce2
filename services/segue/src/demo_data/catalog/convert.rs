//! From the files' rows to the contracts' messages.

use anyhow::{Context as _, bail};
use segue_proto::{
    common::v1::{Face, Operator, Preference, Requirement},
    router::v1::{Agent, AgentPlatform, Presence},
    selector::v1::{
        Feature, FeatureDefinition, FeatureKind, Platform, PlatformStatus, ServiceHours, ServiceWindow,
        Weekday, WorkProfile,
    },
};

use super::{
    Addresses,
    files::{Adapter, AgentRow, FeatureRow, FeatureValue, PlatformRow, WindowRow, WorkProfileRow},
};

const TIME_ZONE: &str = "Asia/Shanghai";

pub(super) fn platform(row: &PlatformRow, addresses: &Addresses) -> anyhow::Result<Platform> {
    let features = row.features.iter().map(|(name, value)| feature(name, value)).collect::<Result<_, _>>()?;
    let adapter_uri = match row.adapter {
        Some(Adapter::WebChannel) => addresses.adapter_uri.clone(),
        None => String::new(),
    };
    Ok(Platform {
        id: row.id.clone(),
        display_name: row.display_name.clone(),
        status: PlatformStatus::Active.into(),
        features,
        accepted_faces: faces(&row.accepts)?,
        delivered_faces: faces(&row.delivers)?,
        entry_uri_template: row.entry.replace("{pages}", addresses.pages_uri.trim_end_matches('/')),
        cost_units: row.cost,
        rank: row.rank,
        adapter_uri,
        service_hours: service_hours(&row.hours)?,
        account_required: row.account_required,
        ..Platform::default()
    })
}

pub(super) fn feature_definition(row: &FeatureRow) -> anyhow::Result<FeatureDefinition> {
    let kind = FeatureKind::from_str_name(&format!("FEATURE_KIND_{}", row.kind));
    Ok(FeatureDefinition {
        name: row.name.clone(),
        display_name: row.display_name.clone(),
        kind: kind.with_context(|| format!("no kind {}", row.kind))?.into(),
        words: row.words.clone(),
        unit: row.unit.clone(),
        update_time: None,
    })
}

pub(super) fn work_profile(row: &WorkProfileRow) -> anyhow::Result<WorkProfile> {
    let requirements = row.requirements.iter().map(|r| requirement(&r.feature, &r.operator, &r.values));
    let preferences = row.preferences.iter().map(|p| {
        let term = requirement(&p.feature, &p.operator, &p.values)?;
        anyhow::Ok(Preference { weight: p.weight, requirement: Some(term) })
    });
    Ok(WorkProfile {
        id: row.id.clone(),
        display_name: row.display_name.clone(),
        requirements: requirements.collect::<Result<_, _>>()?,
        preferences: preferences.collect::<Result<_, _>>()?,
        ..WorkProfile::default()
    })
}

/// Agents come signed out; a desk signs them in.
pub(super) fn agent(row: &AgentRow, cost_of: impl Fn(&str) -> Option<i32>) -> anyhow::Result<Agent> {
    let platforms = row.platforms.iter().map(|platform| {
        let cost_units = cost_of(platform).with_context(|| format!("no platform {platform}"))?;
        anyhow::Ok(AgentPlatform { platform: platform.clone(), cost_units, wrap_up_seconds: 0 })
    });
    Ok(Agent {
        id: row.id.clone(),
        display_name: row.display_name.clone(),
        skills: row.skills.clone(),
        platforms: platforms.collect::<Result<_, _>>()?,
        presence: Presence::Offline.into(),
        ..Agent::default()
    })
}

fn feature(name: &str, value: &FeatureValue) -> anyhow::Result<Feature> {
    let name = name.to_owned();
    Ok(match value {
        FeatureValue::Present(true) => Feature { name, number: None, words: vec![] },
        FeatureValue::Present(false) => bail!("feature {name}: leave it out instead of false"),
        FeatureValue::Number(number) => Feature { name, number: Some(*number), words: vec![] },
        FeatureValue::Words(words) => Feature { name, number: None, words: words.clone() },
    })
}

fn requirement(feature: &str, operator: &str, values: &[String]) -> anyhow::Result<Requirement> {
    let known = Operator::from_str_name(&format!("OPERATOR_{operator}"));
    let operator = known.with_context(|| format!("no operator {operator}"))?.into();
    Ok(Requirement { feature: feature.to_owned(), operator, values: values.to_vec() })
}

fn faces(names: &[String]) -> anyhow::Result<Vec<i32>> {
    let face = |name: &String| {
        let known = Face::from_str_name(&format!("FACE_{name}"));
        Ok(known.with_context(|| format!("no face {name}"))?.into())
    };
    names.iter().map(face).collect()
}

fn service_hours(rows: &[WindowRow]) -> anyhow::Result<Option<ServiceHours>> {
    if rows.is_empty() {
        return Ok(None);
    }
    let day = |name: &String| {
        let known = Weekday::from_str_name(&format!("WEEKDAY_{name}"));
        anyhow::Ok(known.with_context(|| format!("no day {name}"))?.into())
    };
    let windows = rows.iter().map(|row| {
        let days = row.days.iter().map(day).collect::<Result<_, _>>()?;
        anyhow::Ok(ServiceWindow { days, start: row.start.clone(), end: row.end.clone() })
    });
    Ok(Some(ServiceHours {
        time_zone: TIME_ZONE.to_owned(),
        windows: windows.collect::<Result<_, _>>()?,
        special_days: vec![],
    }))
}
