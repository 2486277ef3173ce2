//! The dry run: past selections made again, with platforms and work profiles as they are and as they would be.

use std::collections::BTreeMap;

use segue_proto::{
    common::v1::ErrorReason,
    selector::v1::{
        ChangedSelection, Platform, PlatformShare, PlatformStatus, RecordedSelection, SelectionOutcome,
        SimulateSelectionsRequest, SimulateSelectionsResponse,
    },
};
use segue_runtime::{Fields, Refusal, millis_of};
use segue_store::Conn;

use crate::{
    catalog::{Profile, Snapshot},
    convert::{
        self,
        recording::{Past, outcome, refusal},
    },
    domain::selection::{Compiled, Platforms},
    errors,
    selector::Selector,
    store,
};

const MAX_CHANGED_ENTRIES: usize = 1000;
const DEFAULT_LIMIT: i32 = 1000;
const MAX_LIMIT: i32 = 10_000;
/// Most changed selections in an answer, so that it can be sent: a record is as large as a request may be.
const MAX_SHOWN: usize = 100;
const MAX_SHOWN_BYTES: usize = 512 * 1024;

/// What a selection depends on beside its request.
struct Setup {
    platforms: Platforms,
    profiles: BTreeMap<String, Profile>,
}

/// A setup that is complete.
struct Choosing {
    setup: Setup,
    compiled: Compiled,
}

impl Choosing {
    fn new(setup: Setup) -> Self {
        let compiled = Compiled::new(&setup.platforms);
        Self { setup, compiled }
    }
}

pub(super) async fn simulate(
    selector: &Selector,
    request: SimulateSelectionsRequest,
) -> Result<SimulateSelectionsResponse, Refusal> {
    let mut fields = Fields::new();
    fields.range("limit", request.limit, 0..=MAX_LIMIT);
    let limit = if request.limit == 0 { DEFAULT_LIMIT } else { request.limit };
    let catalog = selector.database.read(async |conn| selector.catalog.current(conn).await).await?;
    let then = changed(fields, &request, &catalog)?;
    let recorded = async |conn: &mut Conn| store::selections::newest(conn, limit.into()).await;
    let recorded = selector.database.read(recorded).await?;
    let recorded: Vec<RecordedSelection> = convert::all_stored(&recorded)?;
    // Thousands of selections over hundreds of platforms keep a core busy for a while.
    let made = tokio::task::spawn_blocking(move || {
        let now = Setup { platforms: catalog.platforms.clone(), profiles: catalog.profiles.clone() };
        compare(recorded.into_iter().filter_map(Past::read), &Choosing::new(now), &Choosing::new(then))
    });
    made.await.map_err(|_| Refusal::new(ErrorReason::Internal, "the service failed; its logs tell more"))
}

/// Platforms and work profiles with the changes.
fn changed(
    mut fields: Fields,
    request: &SimulateSelectionsRequest,
    catalog: &Snapshot,
) -> Result<Setup, Refusal> {
    let mut setup = Setup { platforms: catalog.platforms.clone(), profiles: catalog.profiles.clone() };
    fields.at_most("platforms", request.platforms.len(), MAX_CHANGED_ENTRIES);
    fields.at_most("work_profiles", request.work_profiles.len(), MAX_CHANGED_ENTRIES);
    for (index, id) in request.without_platforms.iter().enumerate() {
        if setup.platforms.remove(id).is_none() {
            return Err(errors::platform_not_found(&format!("without_platforms[{index}]"), id));
        }
    }
    for (index, message) in request.platforms.iter().take(MAX_CHANGED_ENTRIES).enumerate() {
        let path = format!("platforms[{index}]");
        let mut message: Platform = message.clone();
        if message.status == i32::from(PlatformStatus::Unspecified) {
            message.set_status(PlatformStatus::Active);
        }
        let platform = convert::platform::parse(&mut fields, &path, &message);
        convert::platform::check_whole(&mut fields, &path, &message);
        let features = format!("{path}.features");
        convert::vocabulary::check_features(&mut fields, &features, &message.features, &catalog.vocabulary);
        setup.platforms.insert(platform.id.clone(), platform);
    }
    for (index, message) in request.work_profiles.iter().take(MAX_CHANGED_ENTRIES).enumerate() {
        let path = format!("work_profiles[{index}]");
        let terms = convert::profile::parse(&mut fields, &path, message);
        convert::vocabulary::check_terms(&mut fields, &path, &terms, &catalog.vocabulary);
        setup.profiles.insert(message.id.clone(), Profile { terms, version: 0 });
    }
    fields.finish()?;
    Ok(setup)
}

fn compare(past: impl Iterator<Item = Past>, now: &Choosing, then: &Choosing) -> SimulateSelectionsResponse {
    let mut answer = SimulateSelectionsResponse::default();
    let mut shares: BTreeMap<String, (i32, i32)> = BTreeMap::new();
    let mut bytes = 0;
    for past in past {
        let (is, would_be) = (again(&past, now), again(&past, then));
        answer.selections += 1;
        shares.entry(is.platform.clone()).or_default().0 += 1;
        shares.entry(would_be.platform.clone()).or_default().1 += 1;
        if is != would_be {
            answer.changed += 1;
            bytes += prost::Message::encoded_len(&past.recorded);
            if answer.changes.len() < MAX_SHOWN && bytes <= MAX_SHOWN_BYTES {
                let change =
                    ChangedSelection { recorded: Some(past.recorded), now: Some(is), then: Some(would_be) };
                answer.changes.push(change);
            }
        }
    }
    answer.shares =
        shares.into_iter().map(|(platform, (now, then))| PlatformShare { platform, now, then }).collect();
    answer
}

/// What the selection comes to, at the time when it was made.
fn again(past: &Past, Choosing { setup, compiled }: &Choosing) -> SelectionOutcome {
    let profile = past.recorded.work_profile.as_str();
    let work = match setup.profiles.get(profile) {
        Some(profile) => past.work.terms.on_top_of(&profile.terms),
        None if profile.is_empty() => past.work.terms.alone(),
        None => return refusal("WORK_PROFILE_NOT_FOUND"),
    };
    let question = past.question(work, millis_of(past.recorded.time.as_ref()));
    outcome(&compiled.select(&setup.platforms, &question))
}
