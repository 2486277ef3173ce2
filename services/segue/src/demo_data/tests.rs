//! Checks of the data itself: well formed, complete, and what the walk-through relies on.

use std::collections::{BTreeMap, BTreeSet};

use segue_core::{Identity, IdentityKind, is_slug};
use segue_proto::{
    common::v1::{Face, Operator, Requirement},
    router::v1::{Agent, Presence},
    selector::v1::{Platform, WorkProfile},
};

use super::*;

fn catalog() -> (Vec<Platform>, Vec<WorkProfile>, Vec<Agent>) {
    let catalog = Catalog::embedded().unwrap();
    let addresses = Addresses {
        adapter_uri: "http://127.0.0.1:50054".to_owned(),
        pages_uri: "http://127.0.0.1:8080/".to_owned(),
    };
    (catalog.platforms(&addresses).unwrap(), catalog.work_profiles().unwrap(), catalog.agents().unwrap())
}

fn platform(id: &str) -> Platform {
    catalog().0.into_iter().find(|platform| platform.id == id).unwrap()
}

/// The contract's operators in their plainest form; platform-selector has the real ones.
fn meets(platform: &Platform, term: &Requirement) -> bool {
    let feature = platform.features.iter().find(|feature| feature.name == term.feature);
    let number = feature.and_then(|feature| feature.number);
    let wanted = || term.values[0].parse::<f64>().unwrap();
    let shares_a_word = feature.is_some_and(|f| f.words.iter().any(|word| term.values.contains(word)));
    match term.operator() {
        Operator::Exists => feature.is_some(),
        Operator::NotExists => feature.is_none(),
        Operator::In => shares_a_word,
        Operator::NotIn => !shares_a_word,
        Operator::Gte => number.is_some_and(|number| number >= wanted()),
        Operator::Lte => number.is_some_and(|number| number <= wanted()),
        Operator::Eq | Operator::Unspecified => panic!("{:?} is not used in the demo", term.operator()),
    }
}

fn meets_all(platform: &Platform, profile: &WorkProfile) -> bool {
    profile.requirements.iter().all(|term| meets(platform, term))
}

fn score(platform: &Platform, profile: &WorkProfile) -> i32 {
    let met = profile.preferences.iter().filter(|p| meets(platform, p.requirement.as_ref().unwrap()));
    met.map(|preference| preference.weight).sum()
}

fn share_a_face(source: &Platform, target: &Platform) -> bool {
    source.delivered_faces.iter().any(|face| target.accepted_faces.contains(face))
}

fn is_name(text: &str) -> bool {
    (1..=128).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

#[test]
fn platforms_are_well_formed_and_differ() {
    let (platforms, ..) = catalog();
    let ids: BTreeSet<&str> = platforms.iter().map(|platform| platform.id.as_str()).collect();
    assert_eq!((platforms.len(), ids.len()), (8, 8));
    for platform in &platforms {
        assert!(is_slug(&platform.id) && is_name(&platform.display_name), "{platform:?}");
        assert!((0..=100).contains(&platform.cost_units) && (0..=1000).contains(&platform.rank));
        assert!(!platform.accepted_faces.is_empty() && !platform.delivered_faces.is_empty());
        assert!(platform.entry_uri_template.is_empty() || platform.entry_uri_template.contains("{code}"));
        assert!(!platform.entry_uri_template.contains("{pages}"), "{platform:?}");
        for feature in &platform.features {
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '.');
            assert!(feature.name.starts_with(|c: char| c.is_ascii_lowercase()), "{feature:?}");
            assert!(feature.name.len() <= 63 && feature.name.chars().all(plain), "{feature:?}");
        }
    }
    let abilities: BTreeSet<String> = platforms.iter().map(|p| format!("{:?}", p.features)).collect();
    assert_eq!(abilities.len(), platforms.len());
}

#[test]
fn the_main_journey_is_open_at_any_time_and_a_branch_is_not() {
    for id in ["web_chat", "app", "hotline"] {
        assert_eq!(platform(id).service_hours, None, "{id}");
    }
    let hours = platform("branch_kiosk").service_hours.unwrap();
    assert_eq!(hours.time_zone, "Asia/Shanghai");
    let days: Vec<i32> = hours.windows.iter().flat_map(|window| window.days.clone()).collect();
    assert_eq!(days, [1, 2, 3, 4, 5, 6]);
}

#[test]
fn addresses_are_filled_in_where_the_web_channel_speaks() {
    let app = platform("app");
    assert_eq!(app.entry_uri_template, "http://127.0.0.1:8080/chat/app#{code}");
    assert_eq!(app.adapter_uri, "http://127.0.0.1:50054");
    assert!(app.account_required);
    assert_eq!(platform("web_chat").adapter_uri, "http://127.0.0.1:50054");
    let hotline = platform("hotline");
    assert_eq!(hotline.entry_uri_template, "tel:+864009595522,,{code}");
    assert_eq!((hotline.adapter_uri.as_str(), hotline.cost_units), ("", 100));
    assert_eq!(hotline.accepted_faces, [Face::Digits as i32]);
    assert_eq!(hotline.delivered_faces, [Face::Digits as i32]);
}

#[test]
fn every_work_profile_leads_away_from_both_the_web_chat_and_the_hotline() {
    let (platforms, profiles, _) = catalog();
    let ids: BTreeSet<&str> = profiles.iter().map(|profile| profile.id.as_str()).collect();
    assert_eq!((profiles.len(), ids.len()), (12, 12));
    for profile in &profiles {
        assert!(is_slug(&profile.id) && is_name(&profile.display_name), "{profile:?}");
        assert!(!meets_all(&platform("web_chat"), profile), "{} could stay where it is", profile.id);
        for source in ["web_chat", "hotline"].map(platform) {
            let fits = |p: &&Platform| {
                p.id != source.id && p.id != "web_chat" && share_a_face(&source, p) && meets_all(p, profile)
            };
            assert!(platforms.iter().any(|p| fits(&p)), "{} from {}", profile.id, source.id);
        }
    }
}

#[test]
fn claim_documents_go_to_the_app_before_any_other_platform() {
    let (platforms, profiles, _) = catalog();
    let profile = profiles.iter().find(|profile| profile.id == DEMO_WORK_PROFILE).unwrap();
    let mut able: Vec<(i32, &str)> = platforms
        .iter()
        .filter(|p| meets_all(p, profile))
        .map(|p| (score(p, profile), p.id.as_str()))
        .collect();
    able.sort_unstable();
    assert_eq!(able, [(0, "email"), (20, "official_account"), (30, "branch_kiosk"), (50, "app")]);
}

#[test]
fn agents_are_well_formed_and_serve_every_platform() {
    let (platforms, _, agents) = catalog();
    let costs: BTreeMap<&str, i32> = platforms.iter().map(|p| (p.id.as_str(), p.cost_units)).collect();
    let mut served = BTreeMap::<String, u32>::new();
    for (agent, number) in agents.iter().zip(1001..) {
        assert_eq!(agent.id, format!("A{number}"));
        assert!(is_name(&agent.display_name) && !agent.skills.is_empty());
        assert_eq!(agent.presence(), Presence::Offline);
        assert!(agent.skills.iter().all(|skill| is_slug(skill)), "{agent:?}");
        assert_eq!(agent.skills.len(), agent.skills.iter().collect::<BTreeSet<_>>().len(), "{agent:?}");
        for served_platform in &agent.platforms {
            assert_eq!(served_platform.cost_units, costs[served_platform.platform.as_str()]);
            *served.entry(served_platform.platform.clone()).or_default() += 1;
        }
    }
    assert_eq!(agents.len(), 30);
    let names: BTreeSet<&str> = agents.iter().map(|agent| agent.display_name.as_str()).collect();
    assert_eq!(names.len(), 30);
    assert!(costs.keys().all(|platform| served.get(*platform).is_some_and(|n| *n >= 3)), "{served:?}");
}

#[test]
fn the_demo_agent_serves_the_whole_walk_through() {
    let (.., agents) = catalog();
    let agent = agents.iter().find(|agent| agent.id == DEMO_AGENT).unwrap();
    let platforms: Vec<&str> = agent.platforms.iter().map(|p| p.platform.as_str()).collect();
    assert_eq!(platforms, ["hotline", "web_chat", "app", "video_desk"]);
    assert_eq!(agent.skills, ["claims", "mandarin", "english"]);
}

#[test]
fn the_same_seed_makes_the_same_customers() {
    assert!(customers().unwrap().eq(customers().unwrap()));
}

#[test]
fn the_first_customers_are_known_by_heart() {
    let told: Vec<String> = customers().unwrap().take(3).map(|customer| tell(&customer)).collect();
    assert_eq!(
        told[0],
        "徐一诺 M00000001 +8614021000001 xu.yinuo.1@example.com hotline-00000001 sms-00000001"
    );
    let second = "郑雨桐 M00000002 +8614075500002 zheng.yutong.2@example.com \
                  web_chat-00000002 official_account-00000002 app-00000002";
    assert_eq!(told[1], second);
    assert_eq!(told[2], "许诗涵 M00000003 +8614076000003 - hotline-00000003 app-00000003");
}

fn tell(customer: &Customer) -> String {
    let accounts: Vec<&str> = customer.accounts.iter().map(|account| account.id.as_str()).collect();
    let email = customer.email.as_deref().unwrap_or("-");
    let Customer { name, member_id, phone, .. } = customer;
    format!("{name} {member_id} {phone} {email} {}", accounts.join(" "))
}

#[test]
fn the_demo_customer_is_on_the_hotline_the_web_chat_and_the_app() {
    let told = tell(&demo_customer().unwrap());
    let expected = "陈晓雨 M00000042 +8613800000042 chen.xiaoyu.42@example.com \
                    hotline-00000042 web_chat-00000042 app-00000042";
    assert_eq!(told, expected);
    for account in demo_customer().unwrap().accounts {
        assert!(account.identities.iter().any(|identity| identity.kind == "phone"));
        assert!(account.identities.iter().any(|identity| identity.kind == "member_id"));
    }
}

#[test]
fn customers_are_many_and_have_one_to_five_valid_accounts_each() {
    let platforms: BTreeSet<String> = catalog().0.into_iter().map(|platform| platform.id).collect();
    let (mut phones, mut used) = (BTreeSet::new(), BTreeMap::<String, u32>::new());
    let mut by_accounts = [0_u32; 6];
    for (customer, number) in customers().unwrap().zip(1..) {
        assert_eq!((customer.number, customer.member_id), (number, format!("M{number:08}")));
        assert!(phones.insert(customer.phone), "customer {number} has another one's phone");
        by_accounts[customer.accounts.len()] += 1;
        let on: BTreeSet<&str> = customer.accounts.iter().map(|a| a.platform.as_str()).collect();
        assert_eq!(on.len(), customer.accounts.len());
        for account in &customer.accounts {
            assert!(platforms.contains(&account.platform));
            assert!(!account.identities.is_empty(), "{}", account.id);
            for identity in &account.identities {
                let kind = IdentityKind::parse(&identity.kind).unwrap();
                Identity::parse(kind, &identity.value, None).unwrap();
            }
            *used.entry(account.platform.clone()).or_default() += 1;
        }
    }
    assert_eq!(phones.len(), 10_000);
    assert!(phones.iter().all(|phone| phone.len() == 14 && phone.starts_with("+861")));
    assert!(by_accounts[0] == 0 && by_accounts[1..].iter().all(|n| *n > 400), "{by_accounts:?}");
    assert!(used.len() == 8 && used.values().all(|n| *n > 1000), "{used:?}");
}

#[test]
fn request_ids_follow_the_content() {
    let (platforms, ..) = catalog();
    let id = request_id::request_id("CreatePlatform", &platforms[0]);
    assert!(uuid::Uuid::try_parse(&id).is_ok_and(|id| id.get_version_num() == 8), "{id}");
    assert_eq!(id, request_id::request_id("CreatePlatform", &platforms[0]));
    assert_ne!(id, request_id::request_id("CreatePlatform", &platforms[1]));
    assert_ne!(id, request_id::request_id("UpdatePlatform", &platforms[0]));
}
