use std::collections::BTreeSet;

use segue_core::{AccountRef, Region};
use segue_proto::selector::v1::{SelectPlatformRequest, SelectPlatformResponse};
use segue_runtime::{Fields, Refusal};

use crate::{
    commands::selection::{Asked, find_out, record},
    convert::{candidates::Encoded, faces, recording::fallback, work},
    domain::directory::MAX_IDENTITIES,
    errors,
    selector::Selector,
};

const MAX_ALLOWED: usize = 1000;

pub(super) async fn select_platform(
    selector: &Selector,
    request: SelectPlatformRequest,
) -> Result<Encoded, Refusal> {
    let asked = parse(&request, selector.region)?;
    let known = find_out(selector, &asked).await?;
    let catalog = &known.catalog;
    let question = known.question(&asked)?;
    let selected = catalog.compiled.select(&catalog.platforms, &question);
    let version = known.profile_version(&asked);
    let selection_id = record(selector, &request, version, &question, &selected);
    let selection = selected.map_err(|refused| {
        let failing_since =
            |id: &str| selector.adapter_health.failing_since(&catalog.messages.get(id)?.adapter_uri);
        errors::no_selection(refused, &request.source_platform, &request.target_platform, failing_since)
    })?;
    let target = selection.target.map_or("", |target| target.id.as_str());
    let accounts = known.accounts.get(target);
    let answer = SelectPlatformResponse {
        platform: target.to_owned(),
        account: only(accounts),
        selection_id,
        work_profile_version: version,
        accounts: accounts.into_iter().flatten().cloned().collect(),
        ..SelectPlatformResponse::default()
    };
    let encoded = &catalog.encoded;
    let source = encoded.get(&selection.source.id);
    Ok(Encoded::new(answer, &selection.candidates, encoded.get(target), source))
}

/// The account, where there is no other.
fn only(matching: Option<&BTreeSet<AccountRef>>) -> AccountRef {
    let mut matching = matching.into_iter().flatten();
    matching.next().filter(|_| matching.next().is_none()).cloned().unwrap_or_default()
}

fn parse(request: &SelectPlatformRequest, region: Option<Region>) -> Result<Asked<'_>, Refusal> {
    let mut fields = Fields::new();
    fields.slug("source_platform", &request.source_platform);
    let identities = fields.customer("customer", request.customer.as_ref(), 0..=MAX_IDENTITIES, region);
    let work = work::parse(&mut fields, "remaining_work", request.remaining_work.as_ref());
    fields.at_most("allowed_platforms", request.allowed_platforms.len(), MAX_ALLOWED);
    for (index, platform) in request.allowed_platforms.iter().take(MAX_ALLOWED).enumerate() {
        fields.slug(&format!("allowed_platforms[{index}]"), platform);
    }
    let faces = faces::parse(&mut fields, "faces", &request.faces);
    if !request.target_platform.is_empty() {
        fields.slug("target_platform", &request.target_platform);
    }
    let fallback = fallback(&mut fields, request.fallback_policy);
    fields.finish()?;
    Ok(Asked { request, identities, work, faces, fallback })
}
