//! The choice held against an obvious one, and laws that it must keep, on many small made-up worlds.

use proptest::{collection, prelude::*, sample};

use super::{cases::MONDAY_MS, *};
use crate::domain::{
    face::{Face, Faces},
    feature::{FeatureName, FeatureValue, Number},
    hours::{Range, ServiceHours, Window},
    term::{Preference, Term, Test, Verdict},
    work::Terms,
};

const FEATURES: [&str; 4] = ["a", "b", "c", "d"];
const IDS: [&str; 6] = ["p0", "p1", "p2", "p3", "p4", "p5"];

/// Everything that a choice depends on, owned.
#[derive(Debug, Clone)]
struct World {
    platforms: Vec<Platform>,
    terms: Terms,
    profile: Terms,
    allowed: Vec<&'static str>,
    accounts: Vec<&'static str>,
    target: Option<&'static str>,
    fallback: Fallback,
    conditions: Conditions,
}

impl World {
    fn platforms(&self) -> Platforms {
        self.platforms.iter().map(|platform| (platform.id.clone(), platform.clone())).collect()
    }

    fn question(&self) -> Question<'_> {
        Question {
            source: "p0",
            work: self.terms.on_top_of(&self.profile),
            allowed: self.allowed.iter().copied().collect(),
            faces: Faces::new(),
            target: self.target,
            fallback: self.fallback,
            accounts: self.accounts.iter().copied().collect(),
            unknown: BTreeMap::new(),
            conditions: &self.conditions,
            now_ms: MONDAY_MS,
        }
    }

    /// The choice in short: what is chosen, and every platform with its place, score and reasons.
    fn outcome(&self) -> (String, Vec<String>) {
        let platforms = self.platforms();
        let shown = |candidates: &[Candidate<'_>]| {
            let show = |c: &Candidate<'_>| format!("{} {} {:?}", c.platform.id, c.score, c.reasons);
            candidates.iter().map(show).collect()
        };
        match select(&platforms, &self.question()) {
            Ok(Selection { target: Some(target), candidates, .. }) => (target.id.clone(), shown(&candidates)),
            Ok(Selection { candidates, .. }) => ("agent".to_owned(), shown(&candidates)),
            Err(NoSelection::NoneEligible(candidates)) => ("none".to_owned(), shown(&candidates)),
            Err(other) => (format!("{other:?}"), vec![]),
        }
    }

    fn eligible(&self) -> Vec<String> {
        let platforms = self.platforms();
        let question = self.question();
        eligible(&platforms, &question).iter().map(|platform| platform.id.clone()).collect()
    }
}

/// The obvious choice: written from the design's words and not from the code, without any order or reasons.
fn obvious(world: &World) -> String {
    let source = world.platforms.iter().find(|p| p.id == "p0").unwrap();
    let weight_of = |term: &Term| {
        let sum = |terms: &Terms| {
            let same = terms.preferences.iter().filter(|preference| preference.term == *term);
            same.map(|preference| preference.weight).collect::<Vec<_>>()
        };
        let own = sum(&world.terms);
        if own.is_empty() { sum(&world.profile).iter().sum::<i32>() } else { own.iter().sum() }
    };
    let wished: BTreeSet<&Term> =
        world.terms.preferences.iter().chain(&world.profile.preferences).map(|p| &p.term).collect();
    let good = |p: &&Platform| {
        let id = p.id.as_str();
        let needs = world.terms.requirements.iter().chain(&world.profile.requirements);
        id != "p0"
            && p.active
            && !world.conditions.down.contains(id)
            && (world.allowed.is_empty() || world.allowed.contains(&id))
            && world.target.is_none_or(|target| target == id)
            && p.hours.is_none()
            && p.accepted_faces.iter().any(|face| source.delivered_faces.contains(face))
            && needs.into_iter().all(|term| met(term, p))
    };
    let key = |p: &&Platform| {
        let plus: i32 = wished.iter().filter(|term| met(term, p)).map(|term| weight_of(term)).sum();
        let minus = world.conditions.loads.get(&p.id).map_or(0, |load| load * p.load_weight / 100);
        (minus - plus, p.cost_units, -p.rank, p.id.clone())
    };
    let has_account = |p: &&Platform| world.accounts.contains(&p.id.as_str());
    let best = |keep: &dyn Fn(&&Platform) -> bool| {
        world.platforms.iter().filter(|p| good(p) && keep(p)).min_by_key(key).map(|p| p.id.clone())
    };
    let opened = best(&has_account);
    let other = best(&|p| !p.account_required);
    match (opened, world.fallback, other) {
        (Some(id), _, _) | (None, Fallback::PreferAccount, Some(id)) => id,
        (None, Fallback::AgentChooses, Some(id)) => world.target.map_or("agent".to_owned(), |_| id),
        (None, _, _) => "none".to_owned(),
    }
}

fn met(term: &Term, platform: &Platform) -> bool {
    let value = platform.features.get(&term.feature);
    match &term.test {
        Test::Exists => value.is_some(),
        Test::NotExists => value.is_none(),
        Test::In(words) => value.is_some_and(|v| v.words.iter().any(|word| words.contains(word))),
        Test::NotIn(words) => value.is_none_or(|v| v.words.iter().all(|word| !words.contains(word))),
        Test::Equals { word, number } => value.is_some_and(|v| {
            (v.number.is_some() && v.number == *number) || v.words == BTreeSet::from([word.clone()])
        }),
        Test::AtLeast(least) => value.and_then(|v| v.number).is_some_and(|number| number >= *least),
        Test::AtMost(most) => value.and_then(|v| v.number).is_some_and(|number| number <= *most),
    }
}

fn feature() -> impl Strategy<Value = FeatureName> {
    sample::select(&FEATURES[..]).prop_map(|name| FeatureName::parse(name).unwrap())
}

fn number() -> impl Strategy<Value = Number> {
    (0..4i32).prop_map(|number| Number::new(number.into()).unwrap())
}

fn words(least: usize) -> impl Strategy<Value = BTreeSet<String>> {
    collection::btree_set(sample::select(&["1", "x", "y"][..]).prop_map(str::to_owned), least..3)
}

fn value() -> impl Strategy<Value = FeatureValue> {
    (proptest::option::of(number()), words(0)).prop_map(|(number, words)| FeatureValue { number, words })
}

fn test() -> impl Strategy<Value = Test> {
    prop_oneof![
        3 => Just(Test::Exists),
        1 => Just(Test::NotExists),
        1 => words(1).prop_map(Test::In),
        1 => words(1).prop_map(Test::NotIn),
        1 => sample::select(&["1", "x"][..])
            .prop_map(|word| Test::Equals { word: word.to_owned(), number: Number::parse(word) }),
        2 => number().prop_map(Test::AtLeast),
        1 => number().prop_map(Test::AtMost),
    ]
}

fn term() -> impl Strategy<Value = Term> {
    (feature(), test()).prop_map(|(feature, test)| Term { feature, test })
}

fn terms() -> impl Strategy<Value = Terms> {
    let preference = (term(), 1..4i32).prop_map(|(term, weight)| Preference { weight, term });
    (collection::vec(term(), 0..2), collection::vec(preference, 0..4))
        .prop_map(|(requirements, preferences)| Terms { requirements, preferences })
}

fn platform(id: &'static str) -> impl Strategy<Value = Platform> {
    let likely = || prop::bool::weighted(0.9);
    let set = (0..3i32, 0..3i32, prop::bool::weighted(0.3), 0..3i32);
    let features = collection::btree_map(feature(), value(), 0..4);
    (features, likely(), likely(), likely(), set).prop_map(
        move |(features, active, open, face, (cost_units, rank, account_required, load))| Platform {
            id: id.to_owned(),
            display_name: String::new(),
            active,
            features,
            accepted_faces: Faces::from([if face { Face::Digits } else { Face::Qr }]),
            delivered_faces: Faces::from([Face::Digits]),
            hours: (!open).then(closed),
            cost_units,
            rank,
            account_required,
            load_weight: load * 50,
        },
    )
}

/// Never open, so that the obvious choice needs no calendar; `hours` has its own tests.
fn closed() -> ServiceHours {
    let never = Window::new([], Range::new(0, 1).unwrap());
    ServiceHours::new("UTC", vec![never], BTreeMap::new()).unwrap()
}

fn world() -> impl Strategy<Value = World> {
    let some = || sample::subsequence(&IDS[..], 0..=IDS.len());
    let few = || sample::subsequence(&IDS[..], 0..=1).prop_map(|ids| ids.into_iter().map(str::to_owned));
    let loads = collection::btree_map(sample::select(&IDS[..]).prop_map(str::to_owned), 0..=100i32, 0..4);
    let conditions = (few(), loads).prop_map(|(down, loads)| Conditions { down: down.collect(), loads });
    let target = proptest::option::weighted(0.1, sample::select(&IDS[1..]));
    let fallback =
        sample::select(&[Fallback::PreferAccount, Fallback::RequireAccount, Fallback::AgentChooses][..]);
    let platforms = IDS.map(platform);
    (platforms, terms(), terms(), some(), some(), target, fallback, conditions).prop_map(
        |(platforms, terms, profile, allowed, accounts, target, fallback, conditions)| World {
            platforms: platforms.into(),
            terms,
            profile,
            allowed,
            accounts,
            target,
            fallback,
            conditions,
        },
    )
}

fn is_order(outcome: &str) -> bool {
    IDS.contains(&outcome) || matches!(outcome, "agent" | "none")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1024, ..ProptestConfig::default() })]

    #[test]
    fn the_choice_is_the_obvious_one(world in world()) {
        let (chosen, _) = world.outcome();
        // A refusal for its own reason says more than the obvious choice knows.
        let obvious = obvious(&world);
        prop_assert_eq!(if is_order(&chosen) { chosen.as_str() } else { "none" }, obvious);
    }

    #[test]
    fn the_order_of_the_input_is_nothing(world in world(), seed in any::<u64>()) {
        let mut shuffled = world.clone();
        let turn = |length: usize| usize::try_from(seed % 7).unwrap() % length.max(1);
        shuffled.platforms.reverse();
        for terms in [&mut shuffled.terms, &mut shuffled.profile] {
            let (needs, wishes) = (terms.requirements.len(), terms.preferences.len());
            terms.requirements.rotate_left(turn(needs));
            terms.preferences.rotate_left(turn(wishes));
            terms.preferences.reverse();
        }
        let allowed = shuffled.allowed.len();
        shuffled.allowed.rotate_left(turn(allowed));
        prop_assert_eq!(world.outcome(), shuffled.outcome());
    }

    #[test]
    fn a_new_feature_takes_no_platform_out_unless_it_must_not_be_there(
        world in world(), place in 0..IDS.len(), value in value(),
    ) {
        let mut better = world.clone();
        let new = FeatureName::parse("e").unwrap();
        better.platforms[place].features.insert(new.clone(), value);
        for id in world.eligible() {
            prop_assert!(better.eligible().contains(&id), "{id}");
        }
        // And where it must not be there it does.
        better.terms.requirements.push(Term { feature: new, test: Test::NotExists });
        let id = &better.platforms[place].id;
        prop_assert!(!better.eligible().contains(id));
    }

    #[test]
    fn more_of_a_feature_keeps_what_asks_for_some(
        old in value(), more in 0..3i32, word in words(1), test in test(),
    ) {
        let feature = FeatureName::parse("a").unwrap();
        let grown = FeatureValue {
            number: old.number.map(|number| {
                Number::new(number.to_string().parse::<f64>().unwrap() + f64::from(more)).unwrap()
            }),
            words: old.words.union(&word).cloned().collect(),
        };
        let term = Term { feature: feature.clone(), test };
        let met = |value: &FeatureValue| {
            term.judge(&[(feature.clone(), value.clone())].into()) == Verdict::Met
        };
        if matches!(term.test, Test::Exists | Test::In(_) | Test::AtLeast(_)) {
            prop_assert!(!met(&old) || met(&grown));
        }
        if matches!(term.test, Test::NotExists | Test::NotIn(_)) {
            prop_assert!(met(&old) || !met(&grown));
        }
    }

    #[test]
    fn one_more_requirement_lets_no_platform_in(world in world(), term in term()) {
        let mut stricter = world.clone();
        stricter.terms.requirements.push(term);
        for id in stricter.eligible() {
            prop_assert!(world.eligible().contains(&id), "{id}");
        }
    }

    #[test]
    fn an_account_on_the_chosen_platform_leaves_it_chosen(world in world()) {
        let (chosen, _) = world.outcome();
        if let Some(id) = IDS.iter().find(|id| **id == chosen) {
            let mut opened = world.clone();
            opened.accounts.push(id);
            prop_assert_eq!(opened.outcome().0, chosen);
        }
    }

    #[test]
    fn a_platform_that_is_not_chosen_can_go(world in world(), gone in 1..IDS.len()) {
        let (chosen, _) = world.outcome();
        if IDS.contains(&chosen.as_str()) && chosen != IDS[gone] {
            let mut smaller = world.clone();
            smaller.platforms.remove(gone);
            prop_assert_eq!(smaller.outcome().0, chosen);
        }
    }

    #[test]
    fn a_score_is_what_its_reasons_say(world in world()) {
        let (platforms, question) = (world.platforms(), world.question());
        let Ok(selection) = select(&platforms, &question) else { return Ok(()) };
        for candidate in selection.candidates {
            let sum: i32 = candidate.reasons.iter().map(|reason| match reason {
                Reason::PreferenceMet { weight, .. } => *weight,
                Reason::Loaded { takes, .. } => -takes,
                _ => 0,
            }).sum();
            prop_assert_eq!(candidate.score, sum);
            prop_assert_eq!(candidate.eligible, !candidate.reasons.iter().any(Reason::excludes));
            prop_assert!(candidate.reasons.is_sorted());
        }
    }

    #[test]
    fn more_load_never_helps(world in world(), place in 1..IDS.len()) {
        let id = IDS[place];
        let mut fuller = world.clone();
        let load = world.conditions.loads.get(id).copied().unwrap_or_default();
        fuller.conditions.loads.insert(id.to_owned(), (load + 40).min(100));
        if fuller.outcome().0 == id {
            prop_assert_eq!(world.outcome().0, id);
        }
    }
}
