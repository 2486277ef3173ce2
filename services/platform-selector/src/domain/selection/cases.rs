use super::*;
use crate::domain::{
    face::Face,
    feature::{FeatureName, FeatureValue, Number},
    hours::{DAY_MINUTES, Range, ServiceHours, Window},
    term::{Preference, Term, Test},
    work::Terms,
};

/// Monday 2026-03-02, 10:00 in Shanghai.
pub(super) const MONDAY_MS: i64 = 1_772_416_800_000;

pub(super) fn name(text: &str) -> FeatureName {
    FeatureName::parse(text).unwrap()
}

pub(in crate::domain) fn platform(id: &str, features: &[&str]) -> Platform {
    Platform {
        id: id.to_owned(),
        display_name: String::new(),
        active: true,
        features: features.iter().map(|feature| (name(feature), FeatureValue::default())).collect(),
        accepted_faces: Faces::from([Face::Digits]),
        delivered_faces: Faces::from([Face::Digits]),
        hours: None,
        cost_units: 50,
        rank: 0,
        account_required: false,
        load_weight: 0,
    }
}

fn closed_on_mondays() -> Option<ServiceHours> {
    let window = Window::new([jiff::civil::Weekday::Tuesday], Range::new(0, DAY_MINUTES)?);
    ServiceHours::new("Asia/Shanghai", vec![window], BTreeMap::new())
}

/// The platforms of the table: the customer is on `phone`.
fn platforms() -> Platforms {
    let all = [
        platform("phone", &["voice"]),
        platform("app", &["upload", "video", "push"]),
        Platform { cost_units: 20, load_weight: 50, ..platform("web", &["upload", "push"]) },
        Platform { cost_units: 20, rank: 9, ..platform("wechat", &["upload"]) },
        Platform { account_required: true, cost_units: 1, ..platform("portal", &["upload", "secret"]) },
        Platform { active: false, ..platform("old", &["upload", "fax"]) },
        Platform { hours: closed_on_mondays(), ..platform("branch", &["upload", "paper"]) },
        Platform { accepted_faces: Faces::from([Face::Qr]), ..platform("kiosk", &["upload", "scan"]) },
    ];
    all.into_iter().map(|platform| (platform.id.clone(), platform)).collect()
}

/// A question and what comes of it, in short.
struct Case {
    needs: &'static str,
    wishes: &'static str,
    accounts: &'static str,
    allowed: &'static str,
    faces: &'static [Face],
    target: &'static str,
    fallback: Fallback,
    down: &'static str,
    loads: &'static [(&'static str, i32)],
    outcome: &'static str,
}

const CASE: Case = Case {
    needs: "upload",
    wishes: "",
    accounts: "",
    allowed: "",
    faces: &[],
    target: "",
    fallback: Fallback::PreferAccount,
    down: "",
    loads: &[],
    outcome: "",
};

fn ask(platforms: &Platforms, case: &Case) -> String {
    let exists = |feature| Term { feature: name(feature), test: Test::Exists };
    let terms = Terms {
        requirements: case.needs.split_whitespace().map(exists).collect(),
        preferences: case
            .wishes
            .split_whitespace()
            .map(|feature| Preference { weight: 10, term: exists(feature) })
            .collect(),
    };
    let conditions = Conditions {
        down: case.down.split_whitespace().map(str::to_owned).collect(),
        loads: case.loads.iter().map(|(id, load)| ((*id).to_owned(), *load)).collect(),
    };
    let question = Question {
        source: "phone",
        work: terms.alone(),
        allowed: case.allowed.split_whitespace().collect(),
        faces: case.faces.iter().copied().collect(),
        target: (!case.target.is_empty()).then_some(case.target),
        fallback: case.fallback,
        accounts: case.accounts.split_whitespace().collect(),
        unknown: BTreeMap::new(),
        conditions: &conditions,
        now_ms: MONDAY_MS,
    };
    match select(platforms, &question) {
        Ok(selection) if selection.target.is_none() => format!("agent: {}", ids(&selection.candidates)),
        Ok(selection) => ids(&selection.candidates),
        Err(NoSelection::NoneEligible(candidates)) => format!("none of {}", ids(&candidates)),
        Err(other) => format!("{other:?}"),
    }
}

/// The platforms in order, the eligible ones before a bar.
fn ids(candidates: &[Candidate<'_>]) -> String {
    let (eligible, others): (Vec<_>, Vec<_>) = candidates.iter().partition(|candidate| candidate.eligible);
    let join = |part: &[&Candidate<'_>]| {
        part.iter().map(|candidate| candidate.platform.id.as_str()).collect::<Vec<_>>().join(" ")
    };
    format!("{} | {}", join(&eligible), join(&others))
}

#[test]
fn selection_cases() {
    use Fallback::RequireAccount;
    let cases = [
        // Without an account: of those that need none the cheapest, then by rank; the rest follows by merit.
        Case { outcome: "wechat portal web app | branch kiosk old phone", ..CASE },
        // An account beats cost and preferences, whatever the fallback.
        Case { accounts: "app", outcome: "app portal wechat web | branch kiosk old phone", ..CASE },
        Case {
            accounts: "app",
            wishes: "push",
            outcome: "app web portal wechat | branch kiosk old phone",
            ..CASE
        },
        Case {
            accounts: "app",
            fallback: RequireAccount,
            outcome: "app portal wechat web | branch kiosk old phone",
            ..CASE
        },
        // Of several accounts the better platform; where an account is required it counts.
        Case { accounts: "app web", outcome: "web app portal wechat | branch kiosk old phone", ..CASE },
        Case { accounts: "portal app", outcome: "portal app wechat web | branch kiosk old phone", ..CASE },
        // Preferences come before cost.
        Case { wishes: "video", outcome: "app portal wechat web | branch kiosk old phone", ..CASE },
        Case { wishes: "video push", outcome: "app web portal wechat | branch kiosk old phone", ..CASE },
        // No requirements: every platform but the source is a candidate.
        Case { needs: "", outcome: "wechat portal web app | branch kiosk old phone", ..CASE },
        // Only what the agent serves.
        Case { allowed: "app branch", outcome: "app | portal wechat web branch kiosk old phone", ..CASE },
        // A named target is taken although others are better; they stay eligible.
        Case { target: "app", outcome: "app portal wechat web | branch kiosk old phone", ..CASE },
        Case {
            target: "app",
            accounts: "web",
            outcome: "app web portal wechat | branch kiosk old phone",
            ..CASE
        },
        // A face that was asked for must pass.
        Case { faces: &[Face::Digits], outcome: "wechat portal web app | branch kiosk old phone", ..CASE },
    ];
    play(&cases);
}

#[test]
fn how_platforms_are_and_what_the_agent_may_choose() {
    use Fallback::AgentChooses;
    let cases = [
        // What is down takes nothing.
        Case { down: "wechat app", outcome: "web portal | wechat app branch kiosk old phone", ..CASE },
        // A load takes from the score of those that say so, and an account still beats it.
        Case {
            wishes: "push",
            loads: &[("web", 100), ("wechat", 100)],
            outcome: "app portal wechat web | branch kiosk old phone",
            ..CASE
        },
        Case {
            wishes: "push",
            loads: &[("web", 1)],
            outcome: "web app portal wechat | branch kiosk old phone",
            ..CASE
        },
        Case {
            loads: &[("web", 100)],
            accounts: "web",
            outcome: "web portal wechat app | branch kiosk old phone",
            ..CASE
        },
        // The agent chooses where there is no account, and only there.
        Case {
            fallback: AgentChooses,
            outcome: "agent: portal wechat web app | branch kiosk old phone",
            ..CASE
        },
        Case {
            fallback: AgentChooses,
            accounts: "app",
            outcome: "app portal wechat web | branch kiosk old phone",
            ..CASE
        },
        Case {
            fallback: AgentChooses,
            target: "web",
            outcome: "web portal wechat app | branch kiosk old phone",
            ..CASE
        },
        Case {
            fallback: AgentChooses,
            needs: "secret",
            outcome: "none of portal | wechat web app branch kiosk old phone",
            ..CASE
        },
    ];
    play(&cases);
}

#[test]
fn what_is_refused() {
    use Fallback::RequireAccount;
    let cases = [
        Case { faces: &[Face::Qr], outcome: "FaceNotUsable", ..CASE },
        Case { target: "kiosk", outcome: "FaceNotUsable", ..CASE },
        Case { needs: "scan", outcome: "FaceNotUsable", ..CASE },
        Case {
            target: "kiosk",
            needs: "push",
            outcome: "none of web app | portal wechat branch kiosk old phone",
            ..CASE
        },
        Case { needs: "voice", outcome: "none of  | portal wechat web app branch kiosk old phone", ..CASE },
        Case { needs: "fax", outcome: "none of  | portal wechat web app branch kiosk old phone", ..CASE },
        Case { needs: "paper", outcome: "none of  | portal wechat web app branch kiosk old phone", ..CASE },
        Case { needs: "secret", outcome: "none of portal | wechat web app branch kiosk old phone", ..CASE },
        Case {
            needs: "secret",
            accounts: "portal",
            outcome: "portal | wechat web app branch kiosk old phone",
            ..CASE
        },
        Case {
            fallback: RequireAccount,
            outcome: "none of portal wechat web app | branch kiosk old phone",
            ..CASE
        },
        Case { target: "phone", outcome: "TargetIsSource", ..CASE },
        Case { target: "moon", outcome: "TargetUnknown", ..CASE },
        Case { target: "old", outcome: "TargetDisabled", ..CASE },
        Case { target: "app", allowed: "web", outcome: "TargetNotServed", ..CASE },
    ];
    play(&cases);
}

fn play(cases: &[Case]) {
    let platforms = platforms();
    for (index, case) in cases.iter().enumerate() {
        assert_eq!(ask(&platforms, case), case.outcome, "case {index}");
    }
}

#[test]
fn an_unknown_source_is_refused_and_a_disabled_one_is_not() {
    let mut platforms = platforms();
    platforms.get_mut("phone").unwrap().active = false;
    assert_eq!(ask(&platforms, &CASE), "wechat portal web app | branch kiosk old phone");
    platforms.remove("phone");
    assert_eq!(ask(&platforms, &CASE), "SourceUnknown");
}

#[test]
fn every_platform_says_why() {
    let platforms = platforms();
    let least = Test::AtLeast(Number::parse("20").unwrap());
    let need = Term { feature: name("upload"), test: least.clone() };
    let wish = Preference { weight: 7, term: Term { feature: name("video"), test: Test::Exists } };
    let terms = Terms { requirements: vec![need.clone(), need], preferences: vec![wish] };
    let conditions = Conditions { down: ["app".to_owned()].into(), loads: [("web".to_owned(), 30)].into() };
    let question = Question {
        source: "phone",
        work: terms.alone(),
        allowed: BTreeSet::from(["app", "web", "old", "branch", "kiosk", "portal"]),
        faces: Faces::new(),
        target: None,
        fallback: Fallback::PreferAccount,
        accounts: BTreeSet::from(["web"]),
        unknown: BTreeMap::from([("old", Unknown::Late), ("web", Unknown::Late)]),
        conditions: &conditions,
        now_ms: MONDAY_MS,
    };
    let Err(NoSelection::NoneEligible(candidates)) = select(&platforms, &question) else {
        panic!("nothing has an upload of 20");
    };
    let reasons =
        |id: &str| candidates.iter().find(|candidate| candidate.platform.id == id).unwrap().reasons.clone();
    let present = FeatureValue::default();
    let mismatch = Reason::FeatureMismatch { feature: "upload", needed: &least, found: &present };
    let missing = Reason::FeatureMissing { feature: "upload", needed: &least };
    let met = Reason::PreferenceMet { feature: "video", wished: &Test::Exists, weight: 7 };
    assert_eq!(reasons("phone"), [Reason::IsSource, Reason::NotServedByAgent, missing, Reason::NoAccount]);
    assert_eq!(reasons("app"), [Reason::AdapterDown, mismatch, Reason::NoAccount, met]);
    assert_eq!(reasons("web"), [mismatch, Reason::Loaded { percent: 30, takes: 15 }]);
    assert_eq!(reasons("old"), [Reason::Disabled, mismatch, Reason::AccountUnknown(Unknown::Late)]);
    assert_eq!(reasons("branch"), [mismatch, Reason::OutOfHours, Reason::NoAccount]);
    assert_eq!(reasons("kiosk"), [mismatch, Reason::NoCommonFace, Reason::NoAccount]);
    assert_eq!(reasons("wechat"), [Reason::NotServedByAgent, mismatch, Reason::NoAccount]);
    assert_eq!(reasons("portal"), [mismatch, Reason::AccountRequired, Reason::NoAccount]);
}
