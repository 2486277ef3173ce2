//! A platform is selected ([`select`]). What the database and the adapters know is found out first ([`find_out`]); the choice itself is made
//! in memory, without waiting ([`Known::question`]), and recorded behind its caller ([`record`]).

mod directories;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use segue_core::{Identity, new_id};
use segue_proto::selector::v1::{RecordedSelection, SelectPlatformRequest};
use segue_runtime::{Fields, Refusal, timestamp};

use crate::{
    catalog::{Accounts, Snapshot},
    convert::{self, accounts::verified_hashes, work::RemainingWork},
    domain::{
        directory::MAX_MATCHING,
        face::Faces,
        selection::{Conditions, Fallback, NoSelection, Question, Selection, Unknown},
    },
    errors,
    selector::Selector,
};

/// What was asked, read.
#[derive(Debug)]
pub(crate) struct Asked<'r> {
    pub(crate) request: &'r SelectPlatformRequest,
    pub(crate) identities: Vec<Identity>,
    pub(crate) work: RemainingWork,
    pub(crate) faces: Faces,
    pub(crate) fallback: Fallback,
}

/// What is known of the customer and of the platforms.
#[derive(Debug)]
struct Known {
    catalog: Arc<Snapshot>,
    accounts: Accounts,
    conditions: Conditions,
    /// Platforms whose own directory did not tell.
    unknown: BTreeMap<String, Unknown>,
    now_ms: i64,
}

/// What was selected.
#[derive(Debug)]
pub(crate) struct Selected<'k> {
    pub(crate) selection: Selection<'k>,
    pub(crate) catalog: &'k Snapshot,
    /// The customer's accounts.
    pub(crate) accounts: &'k Accounts,
    /// In the record; empty when it is not recorded.
    pub(crate) id: String,
    /// The version of the work profile that counts; 0 when none was named.
    pub(crate) work_profile_version: i64,
}

/// Selects a platform. The answer is made of what is known while it is, as copying a thousand candidates would cost more than choosing.
pub(crate) async fn select<T>(
    selector: &Selector,
    asked: &Asked<'_>,
    answer: impl FnOnce(&Selected<'_>) -> T,
) -> Result<T, Refusal> {
    let known = find_out(selector, asked).await?;
    let catalog: &Snapshot = &known.catalog;
    let question = known.question(asked)?;
    let selected = catalog.compiled.select(&catalog.platforms, &question);
    let work_profile_version = known.profile_version(asked);
    let id = record(selector, asked.request, work_profile_version, &question, &selected);
    let selection = selected.map_err(|refused| {
        let failing_since =
            |id: &str| selector.adapter_health.failing_since(&catalog.messages.get(id)?.adapter_uri);
        let request = asked.request;
        errors::no_selection(refused, &request.source_platform, &request.target_platform, failing_since)
    })?;
    Ok(answer(&Selected { selection, catalog, accounts: &known.accounts, id, work_profile_version }))
}

/// Finds out what there is to know.
async fn find_out(selector: &Selector, asked: &Asked<'_>) -> Result<Known, Refusal> {
    let now_ms = selector.clock.now_ms();
    let hashes = verified_hashes(&asked.identities, &selector.keys);
    let found = selector.lookups.find(hashes.clone()).await?;
    let mut fields = Fields::new();
    let vocabulary = &found.catalog.vocabulary;
    convert::vocabulary::check_terms(&mut fields, "remaining_work", &asked.work.terms, vocabulary);
    fields.finish()?;
    let loads = if found.loads.is_empty() { BTreeMap::new() } else { (*found.loads).clone() };
    let conditions = Conditions { down: selector.adapter_health.down(&found.catalog), loads };
    let (catalog, accounts) = (found.catalog, found.accounts);
    let mut known = Known { catalog, accounts, conditions, unknown: BTreeMap::new(), now_ms };
    if known.needs_adapters(asked)? {
        // What is known may be seconds old, and the customer would be told that nothing goes.
        ask_down_adapters(selector, &known).await;
        known.conditions.down = selector.adapter_health.down(&known.catalog);
    }
    let answers = directories::ask(selector, asked, &known, &hashes).await?;
    known.unknown = directories::learn(&mut known.accounts, answers);
    // Whom so many share belongs to nobody known.
    known.accounts.retain(|_, matching| matching.len() <= MAX_MATCHING);
    Ok(known)
}

impl Known {
    /// Puts together what was asked and what is known.
    fn question<'a>(&'a self, asked: &'a Asked<'_>) -> Result<Question<'a>, Refusal> {
        let accounts = self.accounts.keys().map(String::as_str).collect();
        let unknown = self.unknown.iter().map(|(id, why)| (id.as_str(), *why)).collect();
        Ok(Question { accounts, unknown, ..self.question_of_nobody(asked, &self.conditions)? })
    }

    /// The version of the work profile that counts; 0 when none was named.
    fn profile_version(&self, asked: &Asked<'_>) -> i64 {
        self.catalog.profiles.get(&asked.work.profile).map_or(0, |profile| profile.version)
    }

    /// What was asked, what the work profile says, and how the platforms are, for a customer without accounts.
    fn question_of_nobody<'a>(
        &'a self,
        asked: &'a Asked<'_>,
        conditions: &'a Conditions,
    ) -> Result<Question<'a>, Refusal> {
        let profile = asked.work.profile.as_str();
        let work = match self.catalog.profiles.get(profile) {
            Some(profile) => asked.work.terms.on_top_of(&profile.terms),
            None if profile.is_empty() => asked.work.terms.alone(),
            None => return Err(errors::work_profile_not_found("remaining_work.profile", profile)),
        };
        let request = asked.request;
        Ok(Question {
            source: &request.source_platform,
            work,
            allowed: request.allowed_platforms.iter().map(String::as_str).collect(),
            faces: asked.faces.clone(),
            target: Some(request.target_platform.as_str()).filter(|target| !target.is_empty()),
            fallback: asked.fallback,
            accounts: BTreeSet::new(),
            unknown: BTreeMap::new(),
            conditions,
            now_ms: self.now_ms,
        })
    }

    /// Whether there is no selection, and would be one if the adapters that are down were up.
    fn needs_adapters(&self, asked: &Asked<'_>) -> Result<bool, Refusal> {
        if self.conditions.down.is_empty() {
            return Ok(false);
        }
        let can_be = |conditions: &Conditions| -> Result<bool, Refusal> {
            let mut question = self.question_of_nobody(asked, conditions)?;
            question.accounts = self.accounts.keys().map(String::as_str).collect();
            Ok(self.catalog.compiled.select(&self.catalog.platforms, &question).is_ok())
        };
        let all_up = Conditions { down: BTreeSet::new(), ..self.conditions.clone() };
        Ok(!can_be(&self.conditions)? && can_be(&all_up)?)
    }
}

async fn ask_down_adapters(selector: &Selector, known: &Known) {
    let down = known.conditions.down.iter().filter_map(|id| known.catalog.messages.get(id));
    let uris = down.map(|platform| platform.adapter_uri.as_str()).collect();
    selector.adapter_health.ask_at_once(&selector.adapters, uris).await;
}

/// Hands the selection to the record; its id, or none when there are too many.
fn record(
    selector: &Selector,
    request: &SelectPlatformRequest,
    work_profile_version: i64,
    question: &Question<'_>,
    selected: &Result<Selection<'_>, NoSelection<'_>>,
) -> String {
    if !selector.recorder.wants(question.now_ms) {
        return String::new();
    }
    let id = new_id("selection", question.now_ms, &selector.random);
    let recorded = RecordedSelection {
        id: id.clone(),
        time: timestamp(question.now_ms),
        work_profile_version,
        ..convert::recording::of_request(request)
    };
    let outcome = convert::recording::outcome(selected);
    selector.recorder.take(convert::recording::complete(recorded, question, outcome));
    id
}
