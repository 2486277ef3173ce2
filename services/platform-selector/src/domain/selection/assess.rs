use std::cmp::Reverse;

use super::{Candidate, Compiled, Platforms, Question, Reason, compiled::Groups};
use crate::domain::{
    face,
    platform::Platform,
    term::{Term, Verdict},
};

/// A question held against what platforms have, each different value once.
pub(super) struct Assessment<'q, 'a> {
    compiled: &'q Compiled,
    places: Vec<&'a Platform>,
    source: &'q Platform,
    question: &'q Question<'a>,
    terms: Vec<Judged<'a>>,
    wishes: Vec<Judged<'a>>,
    is_open: Vec<bool>,
    has_common_face: Vec<bool>,
    has_account: Vec<bool>,
}

/// A term with how it fares on each platform.
struct Judged<'a> {
    term: &'a Term,
    /// What meeting it adds to the score.
    weight: i32,
    verdicts: Vec<Verdict<'a>>,
}

impl<'a> Judged<'a> {
    fn verdict(&self, place: usize) -> Verdict<'a> {
        self.verdicts.get(place).copied().unwrap_or(Verdict::Missing)
    }
}

impl<'q, 'a> Assessment<'q, 'a> {
    pub(super) fn new(
        compiled: &'q Compiled,
        platforms: &'a Platforms,
        source: &'q Platform,
        question: &'q Question<'a>,
    ) -> Self {
        let places: Vec<&'a Platform> = platforms.values().collect();
        let nobody = Groups::default();
        let judge = |term: &'a Term, weight: i32| {
            let groups = compiled.features.get(&term.feature).unwrap_or(&nobody);
            let verdicts = each(groups, &places, |example| match example {
                Some(platform) => term.judge(&platform.features),
                None => term.judge_missing(),
            });
            Judged { term, weight, verdicts }
        };
        let terms = question.work.terms.iter().map(|term| judge(term, 0)).collect();
        let wishes = question.work.wishes.iter().map(|wish| judge(wish.term, wish.weight)).collect();
        let is_open = each(&compiled.hours, &places, |example| {
            let hours = example.and_then(|platform| platform.hours.as_ref());
            hours.is_none_or(|hours| hours.is_open(question.now_ms))
        });
        let has_common_face = each(&compiled.accepted_faces, &places, |example| {
            example.is_some_and(|platform| {
                face::can_pass(&question.faces, &source.delivered_faces, &platform.accepted_faces)
            })
        });
        let mut has_account = vec![false; places.len()];
        for id in &question.accounts {
            let place = places.binary_search_by(|platform| platform.id.as_str().cmp(id));
            if let Some(has) = place.ok().and_then(|place| has_account.get_mut(place)) {
                *has = true;
            }
        }
        Self { compiled, places, source, question, terms, wishes, is_open, has_common_face, has_account }
    }

    /// All platforms by merit. The id makes the order total, so that the same input gives the same answer.
    pub(super) fn candidates(&self) -> Vec<Candidate<'a>> {
        let places =
            self.compiled.by_cost.iter().filter_map(|place| self.places.get(*place).map(|p| (*place, *p)));
        let mut merits: Vec<_> = places
            .enumerate()
            .map(|(position, (place, platform))| {
                let has_account = self.has_account(place);
                let score = self.score(place, platform);
                let order = (
                    Reverse(self.is_eligible(place, platform)),
                    Reverse(has_account),
                    Reverse(score),
                    position,
                );
                (order, place, platform)
            })
            .collect();
        merits.sort_unstable_by_key(|(order, _, _)| *order);
        let candidate = |((Reverse(eligible), Reverse(has_account), Reverse(score), _), place, platform)| {
            let reasons = self.reasons(place, platform);
            Candidate { platform, eligible, has_account, score, reasons }
        };
        merits.into_iter().map(candidate).collect()
    }

    /// The platforms that can take the work.
    pub(super) fn eligible(&self) -> impl Iterator<Item = &'a Platform> {
        let places = self.places.iter().copied().enumerate();
        places.filter(|(place, platform)| self.is_eligible(*place, platform)).map(|(_, platform)| platform)
    }

    fn is_eligible(&self, place: usize, platform: &Platform) -> bool {
        let is_met = |term: &Judged<'a>| term.verdict(place) == Verdict::Met;
        !self.flags(place, platform).iter().any(|(holds, reason)| *holds && reason.excludes())
            && self.terms.iter().all(is_met)
    }

    /// The weights of the met wishes, less what the load takes: rounded down, so that an almost idle platform loses nothing.
    fn score(&self, place: usize, platform: &Platform) -> i32 {
        let met = self.wishes.iter().filter(|wish| wish.verdict(place) == Verdict::Met);
        met.map(|wish| wish.weight).sum::<i32>() - self.load(platform).1
    }

    /// How full a platform is, and what that takes from its score.
    fn load(&self, platform: &Platform) -> (i32, i32) {
        let loads = &self.question.conditions.loads;
        let percent = if loads.is_empty() { None } else { loads.get(platform.id.as_str()) };
        let percent = percent.copied().unwrap_or_default();
        (percent, platform.load_weight * percent / 100)
    }

    fn has_account(&self, place: usize) -> bool {
        self.has_account.get(place).copied().unwrap_or_default()
    }

    /// What holds of a platform beside its features, in the order of significance.
    fn flags(&self, place: usize, platform: &Platform) -> [(bool, Reason<'a>); 8] {
        let (id, question) = (platform.id.as_str(), self.question);
        let at = |outcomes: &[bool]| outcomes.get(place).copied().unwrap_or_default();
        [
            (platform.id == self.source.id, Reason::IsSource),
            (!platform.active, Reason::Disabled),
            (question.conditions.down.contains(id), Reason::AdapterDown),
            (!is_served(platform, question), Reason::NotServedByAgent),
            (question.target.is_some_and(|target| target != id), Reason::NotRequested),
            (!at(&self.is_open), Reason::OutOfHours),
            (!at(&self.has_common_face), Reason::NoCommonFace),
            (platform.account_required && !at(&self.has_account), Reason::AccountRequired),
        ]
    }

    /// In the order of significance, which is that of [`Reason`]; terms and wishes come in their own.
    fn reasons(&self, place: usize, platform: &'a Platform) -> Vec<Reason<'a>> {
        let mut reasons = Vec::with_capacity(self.terms.len() + self.wishes.len() + 4);
        let flags = self.flags(place, platform);
        let (before, behind) = flags.split_at(FLAGS_BEFORE_FEATURES);
        reasons.extend(before.iter().filter(|(holds, _)| *holds).map(|(_, reason)| *reason));
        for Judged { term, .. } in self.terms.iter().filter(|term| term.verdict(place) == Verdict::Missing) {
            reasons.push(Reason::FeatureMissing { feature: term.feature.as_str(), needed: &term.test });
        }
        for judged in &self.terms {
            if let Verdict::Mismatch(found) = judged.verdict(place) {
                let (feature, needed) = (judged.term.feature.as_str(), &judged.term.test);
                reasons.push(Reason::FeatureMismatch { feature, needed, found });
            }
        }
        reasons.extend(behind.iter().filter(|(holds, _)| *holds).map(|(_, reason)| *reason));
        if !self.has_account(place) {
            let unknown = self.question.unknown.get(platform.id.as_str()).copied();
            reasons.push(unknown.map_or(Reason::NoAccount, Reason::AccountUnknown));
        }
        for wish in self.wishes.iter().filter(|wish| wish.verdict(place) == Verdict::Met) {
            let (feature, wished) = (wish.term.feature.as_str(), &wish.term.test);
            reasons.push(Reason::PreferenceMet { feature, wished, weight: wish.weight });
        }
        let (percent, takes) = self.load(platform);
        if takes > 0 {
            reasons.push(Reason::Loaded { percent, takes });
        }
        reasons
    }
}

/// What comes of each place, worked out once for each group.
fn each<'a, T: Copy>(
    groups: &Groups,
    places: &[&'a Platform],
    outcome: impl FnMut(Option<&'a Platform>) -> T,
) -> Vec<T> {
    let outcomes = groups.map(places, outcome);
    let of_place = groups.by_place(places.len()).into_iter();
    of_place.filter_map(|group| outcomes.get(group).copied()).collect()
}

/// Those of [`Assessment::flags`] that weigh more than missing features.
const FLAGS_BEFORE_FEATURES: usize = 5;

pub(super) fn is_served(platform: &Platform, question: &Question<'_>) -> bool {
    question.allowed.is_empty() || question.allowed.contains(platform.id.as_str())
}
