use std::collections::{BTreeMap, BTreeSet};

use segue_core::Identity;
use segue_proto::selector::v1::{FallbackPolicy, SelectPlatformRequest, SelectPlatformResponse};
use segue_runtime::{Fields, Refusal};

use super::Selector;
use crate::{
    catalog::Snapshot,
    domain::{
        face::Faces,
        selection::{Conditions, Fallback, Question, select},
    },
    error, store,
    wire::{
        self,
        accounts::{MAX_IDENTITIES, hashes},
        candidates, faces,
        work::{self, RemainingWork},
    },
};

const MAX_ALLOWED: usize = 1000;

/// What was asked, read.
struct Asked {
    source: String,
    identities: Vec<Identity>,
    work: RemainingWork,
    allowed: Vec<String>,
    faces: Faces,
    /// Empty: any.
    target: String,
    fallback: Fallback,
}

pub(super) async fn select_platform(
    selector: &Selector,
    request: SelectPlatformRequest,
) -> Result<SelectPlatformResponse, Refusal> {
    let asked = parse(request)?;
    let mut conn = selector.db.read().await?;
    let catalog = selector.catalog.current(&mut conn).await?;
    let mut fields = Fields::new();
    wire::vocabulary::check_terms(&mut fields, "remaining_work", &asked.work.terms, &catalog.vocabulary);
    fields.finish()?;
    let hashes = hashes(&asked.identities, &selector.keys);
    let accounts = store::directory::platforms_of(&mut conn, &hashes).await?;
    drop(conn);
    let accounts_on = accounts.keys().map(String::as_str).collect();
    let conditions = Conditions::default();
    let question = question(&asked, &catalog, accounts_on, &conditions, selector.clock.now_ms())?;
    let selection = select(&catalog.platforms, &question)
        .map_err(|refused| error::no_selection(refused, &asked.source, &asked.target))?;
    let target = selection.target.map_or("", |target| target.id.as_str());
    Ok(SelectPlatformResponse {
        platform: target.to_owned(),
        account: accounts.get(target).cloned().flatten().unwrap_or_default(),
        candidates: candidates::to_messages(&selection.candidates),
        target: catalog.messages.get(target).cloned(),
        source: catalog.messages.get(&selection.source.id).cloned(),
    })
}

fn parse(request: SelectPlatformRequest) -> Result<Asked, Refusal> {
    let mut fields = Fields::new();
    let source = fields.slug("source_platform", &request.source_platform);
    let identities = fields.customer("customer", request.customer.as_ref(), 0..=MAX_IDENTITIES);
    let work = work::parse(&mut fields, "remaining_work", request.remaining_work.as_ref());
    fields.at_most("allowed_platforms", request.allowed_platforms.len(), MAX_ALLOWED);
    for (index, platform) in request.allowed_platforms.iter().take(MAX_ALLOWED).enumerate() {
        fields.slug(&format!("allowed_platforms[{index}]"), platform);
    }
    let faces = faces::parse(&mut fields, "faces", &request.faces);
    if !request.target_platform.is_empty() {
        fields.slug("target_platform", &request.target_platform);
    }
    let fallback = match fields.optional_enumeration("fallback_policy", request.fallback_policy) {
        FallbackPolicy::Unspecified | FallbackPolicy::PreferAccount => Fallback::PreferAccount,
        FallbackPolicy::RequireAccount => Fallback::RequireAccount,
        FallbackPolicy::AgentChooses => Fallback::AgentChooses,
    };
    fields.finish()?;
    let (allowed, target) = (request.allowed_platforms, request.target_platform);
    Ok(Asked { source, identities, work, allowed, faces, target, fallback })
}

/// Puts together what was asked, what the work profile says, and what is known of the customer and the platforms.
fn question<'a>(
    asked: &'a Asked,
    catalog: &'a Snapshot,
    accounts: BTreeSet<&'a str>,
    conditions: &'a Conditions,
    now_ms: i64,
) -> Result<Question<'a>, Refusal> {
    let profile = asked.work.profile.as_str();
    let work = match catalog.profiles.get(profile) {
        Some(profile) => asked.work.terms.on_top_of(&profile.terms),
        None if profile.is_empty() => asked.work.terms.alone(),
        None => return Err(error::work_profile_not_found("remaining_work.profile", profile)),
    };
    Ok(Question {
        source: &asked.source,
        work,
        allowed: asked.allowed.iter().map(String::as_str).collect(),
        faces: asked.faces.clone(),
        target: Some(asked.target.as_str()).filter(|target| !target.is_empty()),
        fallback: asked.fallback,
        accounts,
        unknown: BTreeMap::new(),
        conditions,
        now_ms,
    })
}
