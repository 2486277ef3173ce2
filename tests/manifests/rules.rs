//! All rules, over everything that is rendered.

use crate::{cluster::Cluster, network, pods, references, render, settings};

/// A rule: what is wrong.
pub type Rule = fn(&Cluster) -> Vec<String>;

/// All of them, by name.
pub const ALL: &[(&str, Rule)] = &[
    ("selectors match", references::selectors),
    ("ports exist", references::ports),
    ("what is named exists", references::names),
    ("the gateway's routes lead somewhere", references::routes),
    ("probes ask real services at a real port", pods::probes),
    ("there is time to stop in", pods::time_to_stop),
    ("every program is ours, of one image", pods::programs),
    ("pods have no more rights than they need", pods::rights),
    ("numbers of replicas agree", pods::replicas),
    ("every variable is a setting of its service", settings::declared),
    ("the services can read their settings", settings::readable),
    ("migrations are a step of their own", settings::migrations),
    ("peers are services, and certificates are theirs", settings::peers),
    ("the policies let through the call graph and nothing else", network::flows),
    ("the meshes let through the same", network::meshes),
];

#[test]
fn every_rule_holds_everywhere() {
    let mut wrong = Vec::new();
    for rendered in render::ALL.iter() {
        match Cluster::read(rendered) {
            Err(unreadable) => wrong.extend(unreadable),
            Ok(cluster) => wrong.extend(all(&cluster)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is wrong by any rule.
pub fn all(cluster: &Cluster) -> Vec<String> {
    let by_rule = ALL.iter().flat_map(|(title, rule)| {
        rule(cluster).into_iter().map(move |wrong| format!("{}: {title}: {wrong}", cluster.folder))
    });
    by_rule.collect()
}
