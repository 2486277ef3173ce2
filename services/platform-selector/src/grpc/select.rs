use std::collections::BTreeSet;

use segue_core::{AccountRef, Region};
use segue_proto::selector::v1::{SelectPlatformRequest, SelectPlatformResponse};
use segue_runtime::{Fields, Refusal};

use crate::{
    commands::selection::{self, Asked, Selected},
    convert::{candidates::Encoded, faces, recording::fallback, work},
    domain::directory::MAX_IDENTITIES,
    selector::Selector,
};

const MAX_ALLOWED: usize = 1000;

pub(super) async fn select_platform(
    selector: &Selector,
    request: SelectPlatformRequest,
) -> Result<Encoded, Refusal> {
    let asked = parse(&request, selector.region)?;
    selection::select(selector, &asked, answer).await
}

fn answer(selected: &Selected<'_>) -> Encoded {
    let Selected { selection, catalog, accounts, id, work_profile_version } = selected;
    let target = selection.target.map_or("", |target| target.id.as_str());
    let accounts = accounts.get(target);
    let answer = SelectPlatformResponse {
        platform: target.to_owned(),
        account: only(accounts),
        selection_id: id.clone(),
        work_profile_version: *work_profile_version,
        accounts: accounts.into_iter().flatten().cloned().collect(),
        ..SelectPlatformResponse::default()
    };
    let encoded = &catalog.encoded;
    let source = encoded.get(&selection.source.id);
    Encoded::new(answer, &selection.candidates, encoded.get(target), source)
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
