use std::collections::{BTreeMap, BTreeSet};

use segue_core::{AccountRef, Identity, Region, new_id};
use segue_proto::{
    common::v1::Customer,
    selector::v1::{RecordedSelection, SelectPlatformRequest, SelectPlatformResponse},
};
use segue_runtime::{Fields, Refusal, timestamp};
use segue_store::Conn;

use super::Selector;
use crate::{
    adapters::lookup::{Answer, Asking, LiveAccount},
    catalog::Snapshot,
    domain::{
        directory::{MAX_IDENTITIES, MAX_MATCHING},
        face::Faces,
        selection::{Conditions, Fallback, NoSelection, Question, Selection, Unknown, eligible, select},
    },
    error, store,
    wire::{
        self,
        accounts::verified_hashes,
        candidates, faces,
        work::{self, RemainingWork},
    },
};

const MAX_ALLOWED: usize = 1000;

/// What was asked, read.
struct Asked {
    source: String,
    customer: Customer,
    identities: Vec<Identity>,
    work: RemainingWork,
    allowed: Vec<String>,
    faces: Faces,
    /// Empty: any.
    target: String,
    fallback: Fallback,
}

/// What is known of the customer's accounts: platform to all that match.
type Accounts = BTreeMap<String, BTreeSet<AccountRef>>;

pub(super) async fn select_platform(
    selector: &Selector,
    request: SelectPlatformRequest,
) -> Result<SelectPlatformResponse, Refusal> {
    let recorded = wire::recording::of_request(&request);
    let asked = parse(request, selector.region)?;
    let now_ms = selector.clock.now_ms();
    let hashes = verified_hashes(&asked.identities, &selector.keys);
    let mut conn = selector.db.read().await?;
    let (version, mut accounts) = store::directory::platforms_of(&mut conn, &hashes).await?;
    let catalog = selector.catalog.since(&mut conn, version).await?;
    let mut fields = Fields::new();
    wire::vocabulary::check_terms(&mut fields, "remaining_work", &asked.work.terms, &catalog.vocabulary);
    fields.finish()?;
    let mut conditions = conditions(selector, &catalog, &mut conn, now_ms).await?;
    // Not to be kept while platforms are asked.
    drop(conn);
    if needs_adapters(&asked, &catalog, &conditions, &accounts, now_ms)? {
        // What is known may be seconds old, and the customer would be told that nothing goes.
        ask_down_adapters(selector, &catalog, &conditions).await;
        conditions.down = selector.pulses.down(&catalog);
    }
    let mut question = question(&asked, &catalog, &conditions, now_ms)?;
    let live = ask_directories(selector, &asked, &catalog, &question, &hashes).await;
    let unknown = learn(&mut accounts, live);
    // Whom so many share belongs to nobody known.
    accounts.retain(|_, matching| matching.len() <= MAX_MATCHING);
    question.accounts = accounts.keys().map(String::as_str).collect();
    question.unknown = unknown;
    let selected = select(&catalog.platforms, &question);
    let version = catalog.profiles.get(&asked.work.profile).map_or(0, |profile| profile.version);
    let recorded = RecordedSelection { work_profile_version: version, ..recorded };
    let selection_id = record(selector, recorded, &question, &selected);
    let selection = selected.map_err(|refused| {
        let failing_since = |id: &str| selector.pulses.failing_since(&catalog.messages.get(id)?.adapter_uri);
        error::no_selection(refused, &asked.source, &asked.target, failing_since)
    })?;
    let target = selection.target.map_or("", |target| target.id.as_str());
    Ok(SelectPlatformResponse {
        platform: target.to_owned(),
        account: only(accounts.get(target)),
        candidates: candidates::to_messages(&selection.candidates),
        target: catalog.messages.get(target).cloned(),
        source: catalog.messages.get(&selection.source.id).cloned(),
        selection_id,
        work_profile_version: version,
        accounts: accounts.get(target).into_iter().flatten().cloned().collect(),
    })
}

/// The account, where there is no other.
fn only(matching: Option<&BTreeSet<AccountRef>>) -> AccountRef {
    let mut matching = matching.into_iter().flatten();
    matching.next().filter(|_| matching.next().is_none()).cloned().unwrap_or_default()
}

/// Whether there is no selection, and would be one if the adapters that are down were up.
fn needs_adapters(
    asked: &Asked,
    catalog: &Snapshot,
    conditions: &Conditions,
    accounts: &Accounts,
    now_ms: i64,
) -> Result<bool, Refusal> {
    if conditions.down.is_empty() {
        return Ok(false);
    }
    let can_be = |conditions: &Conditions| -> Result<bool, Refusal> {
        let mut question = question(asked, catalog, conditions, now_ms)?;
        question.accounts = accounts.keys().map(String::as_str).collect();
        Ok(select(&catalog.platforms, &question).is_ok())
    };
    Ok(!can_be(conditions)? && can_be(&Conditions { down: BTreeSet::new(), ..conditions.clone() })?)
}

async fn ask_down_adapters(selector: &Selector, catalog: &Snapshot, conditions: &Conditions) {
    let down = conditions.down.iter().filter_map(|id| catalog.messages.get(id));
    let uris = down.map(|platform| platform.adapter_uri.as_str()).collect();
    selector.pulses.ask_at_once(&selector.channels, uris).await;
}

/// Hands the selection to the record; its id, or none when there are too many.
fn record(
    selector: &Selector,
    recorded: RecordedSelection,
    question: &Question<'_>,
    selected: &Result<Selection<'_>, NoSelection<'_>>,
) -> String {
    if !selector.recorder.wants(question.now_ms) {
        return String::new();
    }
    let id = new_id("selection", question.now_ms, &selector.random);
    let time = timestamp(question.now_ms);
    let recorded = RecordedSelection { id: id.clone(), time, ..recorded };
    let outcome = wire::recording::outcome(selected);
    selector.recorder.take(wire::recording::complete(recorded, question, outcome));
    id
}

fn parse(request: SelectPlatformRequest, region: Option<Region>) -> Result<Asked, Refusal> {
    let mut fields = Fields::new();
    let source = fields.slug("source_platform", &request.source_platform);
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
    let fallback = wire::recording::fallback(&mut fields, request.fallback_policy);
    fields.finish()?;
    let (allowed, target) = (request.allowed_platforms, request.target_platform);
    let customer = request.customer.unwrap_or_default();
    Ok(Asked { source, customer, identities, work, allowed, faces, target, fallback })
}

/// Puts together what was asked, what the work profile says, and how the platforms are; the accounts come later.
fn question<'a>(
    asked: &'a Asked,
    catalog: &'a Snapshot,
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
        accounts: BTreeSet::new(),
        unknown: BTreeMap::new(),
        conditions,
        now_ms,
    })
}

/// Loads are read only where some platform cares.
async fn conditions(
    selector: &Selector,
    catalog: &Snapshot,
    conn: &mut Conn,
    now_ms: i64,
) -> Result<Conditions, Refusal> {
    let cares = catalog.platforms.values().any(|platform| platform.load_weight > 0);
    let loads = if cares { store::loads::current(conn, now_ms).await? } else { BTreeMap::new() };
    Ok(Conditions { down: selector.pulses.down(catalog), loads })
}

/// Asks those platforms with directories of their own that could go on, and says of the others why they were not.
async fn ask_directories<'a>(
    selector: &Selector,
    asked: &'a Asked,
    catalog: &'a Snapshot,
    question: &Question<'a>,
    hashes: &'a [String],
) -> BTreeMap<&'a str, Answer> {
    let with_directory = catalog.messages.values().filter(|p| p.live_lookup && !p.adapter_uri.is_empty());
    let with_directory: BTreeMap<&str, &str> =
        with_directory.map(|p| (p.id.as_str(), p.adapter_uri.as_str())).collect();
    if with_directory.is_empty() || hashes.is_empty() {
        return BTreeMap::new();
    }
    let why_not = |id: &str| {
        if question.conditions.down.contains(id) { Unknown::Down } else { Unknown::NotAsked }
    };
    let mut answers: BTreeMap<&str, Answer> =
        with_directory.keys().map(|id| (*id, Err(why_not(id)))).collect();
    let able = eligible(&catalog.platforms, question);
    let platforms = able.iter().filter_map(|platform| with_directory.get_key_value(platform.id.as_str()));
    let platforms = platforms.map(|(id, uri)| (*id, *uri)).collect();
    answers.extend(selector.directories.find(&Asking { platforms, customer: &asked.customer, hashes }).await);
    answers
}

/// Adds what the platforms' own directories tell; what they don't is returned.
fn learn<'a>(accounts: &mut Accounts, live: BTreeMap<&'a str, Answer>) -> BTreeMap<&'a str, Unknown> {
    let mut unknown = BTreeMap::new();
    for (platform, answer) in live {
        match answer {
            Err(why) => {
                unknown.insert(platform, why);
            }
            Ok(found) if found.is_empty() => {}
            Ok(found) => {
                join(accounts.entry(platform.to_owned()).or_default(), &found);
            }
        }
    }
    unknown
}

/// Adds accounts that Segue's own directory doesn't have. It may have them under the previous key.
fn join(known: &mut BTreeSet<AccountRef>, live: &[LiveAccount]) {
    for account in live
        .iter()
        .filter(|account| !account.iter().any(|name| known.contains(name)))
        .cloned()
        .collect::<Vec<_>>()
    {
        known.extend(account.into_iter().next());
    }
}
