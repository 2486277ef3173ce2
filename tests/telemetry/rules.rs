//! The alert rules, checked and tested by the real promtool, and linked to what to do.

use std::{collections::BTreeSet, process::Command};

use segue_testkit::repository;

/// The rules, group by group.
pub fn rules() -> Vec<serde_json::Value> {
    let read = |name: &str| -> serde_json::Value {
        let text = std::fs::read_to_string(repository().join("ops/prometheus").join(name)).unwrap();
        serde_saphyr::from_str(&text).unwrap()
    };
    let groups = read("segue.rules.yaml");
    let groups = groups["groups"].as_array().unwrap();
    groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

#[test]
fn promtool_is_content_and_every_case_holds() {
    for arguments in [["check", "rules", "segue.rules.yaml"], ["test", "rules", "segue.rules.test.yaml"]] {
        let promtool = segue_tests::tools().join("prometheus/usr/bin/promtool");
        let mut command = Command::new(promtool);
        let output =
            command.args(arguments).current_dir(repository().join("ops/prometheus")).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{arguments:?}:\n{}", String::from_utf8_lossy(&said));
    }
}

#[test]
fn every_alert_has_cases_and_a_section_of_what_to_do() {
    let runbook = std::fs::read_to_string(repository().join("docs/alerts.md")).unwrap();
    let sections: BTreeSet<&str> = runbook.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let cases = std::fs::read_to_string(repository().join("ops/prometheus/segue.rules.test.yaml")).unwrap();
    let mut alerts = BTreeSet::new();
    let rules = rules();
    for rule in &rules {
        let alert = rule["alert"].as_str().unwrap();
        alerts.insert(alert);
        let link = format!("docs/alerts.md#{}", alert.to_lowercase());
        assert_eq!(rule["annotations"]["runbook_url"], link, "{alert}");
        assert!(
            rule["annotations"]["summary"].is_string() && rule["labels"]["severity"].is_string(),
            "{alert}"
        );
        for case in ["fires", "does not fire"] {
            let name = format!("- name: {alert} {case}\n");
            assert!(cases.contains(&name), "{alert} has no case in which it {case}");
        }
    }
    assert_eq!(alerts, sections, "each alert has its section, and each section its alert");
    for section in runbook.split("\n## ").skip(1) {
        for part in ["**It means:**", "**Look at:**", "**Do:**"] {
            assert!(section.contains(part), "{part} is missing:\n{section}");
        }
    }
}
